"""Points out columns that likely hold personal data, by a rule anybody can check. It never shows a value.

The rule, on up to 500 rows spread evenly over the data and the first 5,000 characters of each value:
    e-mail address   text@name.name
    phone number     9 to 15 digits, with single spaces, hyphens or brackets among them, that begin with +, 0 or 00;
                     or ten digits grouped 3-3-4
    card number      13 to 19 digits that begin with 3 to 6 (ISO/IEC 7812: travel, banking, merchandising), alone or
                     in groups, and pass the check digit of Luhn (ISO/IEC 7812-1, annex B)
Names, addresses and all else that is personal are not looked for: none found does not mean that there is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.inputs.datasets import Dataset

SAMPLED: Final = 500
_CHARS: Final = 5_000

# Every repetition is bounded, so that no text takes long.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_PHONE = re.compile(
    r"""
    (?<![\w.,-]) (?:
        \+ [1-9] (?: [ ()-]{0,2} [0-9] ){8,14}
      | \(? 0{1,2} [1-9] (?: [ ()-]{0,2} [0-9] ){7,13}
      | \(? [0-9]{3} \)? [ .-]{1,2} [0-9]{3} [ .-] [0-9]{4}
    ) (?![\w:-])
    """,
    re.VERBOSE,
)
_CARD = re.compile(r"(?<![\w-])[3-6](?:[ -]?[0-9]){12,18}(?![\w-])")


@dataclass(frozen=True)
class Personal:
    """A column that likely holds personal data: of `sampled` rows looked at, `rows` hold some of this `kind`."""

    column: str
    kind: str
    """In the plural: "e-mail addresses", "phone numbers" or "card numbers"."""
    rows: int
    sampled: int


def find_personal(dataset: Dataset, check: Callable[[], None]) -> tuple[Personal, ...]:
    """The columns that likely hold personal data, in the data's order. `check` is called now and then and may raise."""
    step = max(1, len(dataset) // SAMPLED)
    indexes = range(0, len(dataset), step)[:SAMPLED]
    found: Counter[tuple[str, str]] = Counter()
    for index in indexes:
        check()
        for column, value in dataset.row(index).items():
            found.update((column, kind) for kind in kinds_in(value))
    order = {column: place for place, column in enumerate(dataset.columns)}
    return tuple(
        Personal(column, kind, found[column, kind], len(indexes))
        for column, kind in sorted(found, key=lambda each: (order.get(each[0], 0), each[1]))
    )


def kinds_in(value: object) -> list[str]:
    """Which kinds of personal data a value likely holds."""
    if isinstance(value, bool | float) or value is None:
        return []
    text = str(value)[:_CHARS]
    kinds = []
    if "@" in text and _EMAIL.search(text):
        kinds.append("e-mail addresses")
    if _PHONE.search(text):
        kinds.append("phone numbers")
    if any(passes_luhn(match.group()) for match in _CARD.finditer(text)):
        kinds.append("card numbers")
    return kinds


def passes_luhn(number: str) -> bool:
    """Whether the digits in `number` pass the check of Luhn: every second from the right doubled, sum divisible by 10."""
    digits = [int(each) for each in number if each.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
