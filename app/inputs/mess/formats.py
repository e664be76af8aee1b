"""The same facts in other people's formats: dates, money, numbers, phone numbers, upper and lower case.

Every column is looked at, as dates and amounts mostly have one of their own. Whole numbers without separators
stay: they are as often an order number or a year. 03/04/2026 is read as the 4th of March.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

from app.inputs.mess.row import Draw, Parameters, Row, pick

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH_NUMBERS = {month[:3].lower(): number for number, month in enumerate(_MONTHS, start=1)}
_MONTH = "(?:" + "|".join(f"{month[:3]}(?:{month[3:]})?" for month in _MONTHS) + r")\.?"
_TIME = r"(?: T [0-9]{2}:[0-9]{2} (?: :[0-9]{2} (?:\.[0-9]+)? )? (?: Z | [+-][0-9]{2}:?[0-9]{2} )? )?"
_GROUPED = r"(?: [0-9]{1,3} (?:,[0-9]{3})+ (?:\.[0-9]+)? | [0-9]{1,3} (?:\.[0-9]{3})+ (?:,[0-9]+)? )"
_AMOUNT = rf"(?: {_GROUPED} | [0-9]+ (?:[.,][0-9]+)? )"
_BETWEEN_DIGITS = r"(?: [ ./-] | (?<=\)) )"

# One pattern, scanned once, so that what was rewritten is not rewritten again. No part can match the same
# characters in two ways, so it takes linear time. [0-9]: the digits of other scripts stay.
_FACT = re.compile(
    rf"""
    (?<![\w.,/+-]) (?:
      (?P<iso>   [0-9]{{4}} ([-/]) [0-9]{{2}} \2 [0-9]{{2}} {_TIME} )
    | (?P<dmy>   [0-9]{{1,2}} \. [0-9]{{1,2}} \. [0-9]{{4}} )
    | (?P<mdy>   [0-9]{{1,2}} / [0-9]{{1,2}} / [0-9]{{4}} )
    | (?P<month_first> {_MONTH} [ ] [0-9]{{1,2}} (?:st|nd|rd|th)? ,? [ ] [0-9]{{4}} )
    | (?P<day_first>   [0-9]{{1,2}} (?:st|nd|rd|th)? [ ] {_MONTH} [ ] [0-9]{{4}} )
    | (?P<money>  [$€£] [ ]? {_AMOUNT} | {_AMOUNT} [ ]? [$€£] )
    | (?P<number> {_GROUPED} | [0-9]+ [.,] [0-9]+ )
    | (?P<phone>  \+ [0-9]{{9,15}}
                | \+? \(? [0-9]{{1,4}} \)? (?: {_BETWEEN_DIGITS} \(? [0-9]{{2,5}} \)? ){{1,5}} )
    ) (?![\w/]|[.,-][0-9])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ENGLISH_NUMBER = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?")
_EUROPEAN_NUMBER = re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]+))?")
_CODES = {"$": "USD", "€": "EUR", "£": "GBP"}
_LONGEST_NAME_CHARS = 40  # above it a text is prose, in which case is style


def mixed_formats(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """Dates, numbers, money and phone numbers of all columns rewritten; short names in another case.

    Names are what columns other than the text columns hold, so long as there is no digit in it.
    """
    return {
        column: _reformat(value, column not in text_columns, f"mixed_formats.{column}", draw)
        for column, value in row.items()
    }


def _reformat(value: object, may_change_case: bool, purpose: str, draw: Draw) -> object:
    if isinstance(value, datetime):
        return f"{_other(_days(value.date()), '', draw(f'{purpose}.0'))} {value:%H:%M}"
    if isinstance(value, date):
        return _other(_days(value), "", draw(f"{purpose}.0"))
    if isinstance(value, float):
        written = _numbers(repr(value))  # none for infinities, nor where it takes an exponent
        return _other(written, repr(value), draw(f"{purpose}.0")) if written else value
    if not isinstance(value, str):
        return value
    count = 0

    def rewrite(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return _other(_alternatives(found), found.group(), draw(f"{purpose}.{count - 1}"))

    changed = _FACT.sub(rewrite, value)
    if changed != value or not may_change_case or len(value) > _LONGEST_NAME_CHARS or re.search(r"\d", value):
        return changed
    return _other([value.upper(), value.lower(), value.title()], value, draw(f"{purpose}.case"))


def _other(candidates: Sequence[str], original: str, drawn: float) -> str:
    differing = [candidate for candidate in dict.fromkeys(candidates) if candidate != original]
    return differing[pick(len(differing), drawn)] if differing else original


def _alternatives(found: re.Match[str]) -> list[str]:
    text = found.group()
    match found.lastgroup:
        case "iso":
            return [f"{day} {text[11:16]}".rstrip() for day in _day(text[:4], text[5:7], text[8:10])]
        case "dmy":
            day, month, year = text.split(".")
            return _day(year, month, day)
        case "mdy":
            first, second, year = text.split("/")
            return _day(year, first, second) or _day(year, second, first)
        case "month_first" | "day_first":
            word = re.search("[a-z]{3,}", text, re.IGNORECASE)
            day, year = re.findall("[0-9]+", text)
            assert word is not None
            return _day(year, str(_MONTH_NUMBERS[word.group()[:3].lower()]), day)
        case "money":
            symbol = next(sign for sign in _CODES if sign in text)
            amounts = _numbers(text.replace(symbol, "").strip())
            return [f"{amount} {unit}" for amount in amounts for unit in (_CODES[symbol], symbol)]
        case "phone":
            return _phones(text)
        case _:
            return _numbers(text)


def _day(year: str, month: str, day: str) -> list[str]:
    try:
        return _days(date(int(year), int(month), int(day)))
    except ValueError:  # the 31st of February is no date, and stays as it is
        return []


def _days(day: date) -> list[str]:
    month = _MONTHS[day.month - 1]
    suffix = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    year = f"{day.year:04}"
    return [
        f"{day.day:02}.{day.month:02}.{year[2:]}",
        f"{month} {day.day}{suffix}",
        f"{day.day}/{day.month}/{year}",
        f"{day.day} {month[:3]} {year}",
        f"{year}{day.month:02}{day.day:02}",
    ]


def _numbers(text: str) -> list[str]:
    """A number in English or, failing that, continental notation: in the other one, grouped and not."""
    if english := _ENGLISH_NUMBER.fullmatch(text):
        whole, decimals = english[1].replace(",", ""), english[2]
        point, separator = ",", "."
    elif european := _EUROPEAN_NUMBER.fullmatch(text):
        whole, decimals = european[1].replace(".", ""), european[2]
        point, separator = ".", ","
    else:
        return []
    head = len(whole) % 3 or 3
    grouped = separator.join([whole[:head], *(whole[at : at + 3] for at in range(head, len(whole), 3))])
    fraction = f"{point}{decimals}" if decimals else ""
    return [grouped + fraction, whole + fraction]


def _phones(text: str) -> list[str]:
    digits = re.sub("[^0-9]", "", text)
    if not 9 <= len(digits) <= 15:  # ITU-T E.164 allows 15 at most; fewer may be anything
        return []
    if text.startswith("+"):
        return [f"00{digits}", f"+{digits}", f"00{digits[:2]}-{digits[2:5]}-{digits[5:]}"]
    return [digits, f"{digits[:3]}.{digits[3:6]}.{digits[6:]}", f"({digits[:3]}) {digits[3:]}"]
