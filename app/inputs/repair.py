"""Checks and repairs the fields of a row before a prompt is made of it: what is wrong is put right, or told.

Works on values alone, by rules for each field; what becomes of a field that cannot be repaired is the caller's to decide.
Wrongly decoded text is undone by ftfy (R. Speer, "ftfy", 2019), which leaves sound text as it is. All of it takes
linear time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from app.scenario.base import Settings
from app.scenario.numbers import Count

_SAY_NOTHING: Final = ("null", "none", "nil", "undefined", "nan", "n/a", "#n/a")
_BLOCK: Final = "address|blockquote|br|div|dd|dl|dt|h[1-6]|hr|li|ol|p|pre|table|tr|ul|td|th"
_INLINE: Final = (
    "a|abbr|b|body|center|code|em|font|head|html|i|img|meta|link|s|small|span|strong|sub|sup|tbody|thead|u"
)
_SCRIPT: Final = re.compile(r"<(script|style|title)\b[^<>]*>[^<]*</\1\s*>", re.IGNORECASE)
_REST: Final = r"(?:\s+[a-z_:][^<>]*|\s*/?)>"
_LINE_TAG: Final = re.compile(rf"</?(?:{_BLOCK}){_REST}", re.IGNORECASE)
_TAG: Final = re.compile(
    rf"</?(?:{_INLINE}|script|style|title){_REST}|<!--[^<>]*-->|<!doctype[^<>]*>", re.IGNORECASE
)
_ENTITY: Final = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)
_BREAK: Final = re.compile(r"(?<!\s)[\x0b\x0c\x85\u2028\u2029](?!\s)")
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
"""Control and invisible characters, but for tab, line ends, and the joiners that emoji and Persian need."""
_QUOTE_MARKS: Final = re.compile(r"[>\s]*")
_LONG_LINE_CHARS: Final = 40


class FieldRule(Settings):
    """What a field of a row must be like, and what is put right in it."""

    required: bool = True
    """A row without the field cannot be asked about; else the field is taken to be empty."""
    not_empty: bool = True
    """A field that is empty, null, or says no more than "null" or "n/a" cannot be asked about."""
    max_chars: Count = 8000
    too_long: Literal["cut", "ask"] = "cut"
    """cut: only the beginning of a longer text is taken; ask: it cannot be asked about."""
    mend_encoding: bool = True
    """Text decoded by the wrong table is decoded anew."""
    strip_control: bool = True
    """Control and invisible characters are taken out."""
    strip_html: bool = True
    """Tags are taken out, and entities resolved."""
    drop_repeats: bool = True
    """Lines that were there before are taken out: quoted ones, and long ones."""


@dataclass(frozen=True)
class Repaired:
    """The fields after repair; why they cannot be asked about, empty if they can; and whether text was left out."""

    values: dict[str, object]
    problem: str = ""
    shortened: bool = False


def repair(
    values: Mapping[str, object], names: Iterable[str], every: FieldRule, own: Mapping[str, FieldRule]
) -> Repaired:
    """The fields `names` of a row put right, each by its `own` rule or that for `every` one; the others stay."""
    repaired = dict(values)
    shortened = False
    for name in names:
        rule = own.get(name, every)
        if name not in values:
            if rule.required:
                return Repaired(repaired, f"field {name} is missing")
            repaired[name] = ""
            continue
        value = values[name]
        if isinstance(value, str):
            cleaned, shorter = _cleaned(value, rule)
            if len(cleaned) > rule.max_chars:
                if rule.too_long == "ask":
                    return Repaired(repaired, f"field {name} is too long")
                cleaned, shorter = cleaned[: rule.max_chars], True
            repaired[name] = cleaned
            shortened |= shorter
        empty = value is None or (isinstance(value, str) and says_nothing(str(repaired[name])))
        if empty and rule.not_empty:
            return Repaired(repaired, f"field {name} is empty")
        if value is None:
            repaired[name] = ""
    return Repaired(repaired, "", shortened)


def says_nothing(text: str) -> bool:
    """Whether a text is empty, or a word that programs write for nothing."""
    said = text.strip()
    return not said or said.lower() in _SAY_NOTHING


def alike(one: object, other: object) -> bool:
    """Whether two values say the same: texts but for spaces, accents and the forms of quotes and dashes."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other or folded(one) == folded(other)
    return one == other


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The text without accents, in plain quotes, dashes and single spaces."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text)
    if not plain.isascii():
        plain = "".join(each for each in plain.translate(_PLAIN) if not unicodedata.combining(each))
    return " ".join(plain.split())


def _cleaned(text: str, rule: FieldRule) -> tuple[str, bool]:
    """The text put right, and whether lines were left out."""
    shortened = False
    cleaned = text
    if rule.drop_repeats and "\n" in cleaned:
        cleaned, shortened = _without_repeats(cleaned)
    if rule.mend_encoding and not cleaned.isascii():
        cleaned = "".join(map(_mended, cleaned.splitlines(keepends=True)))
    if rule.strip_control:
        cleaned = _without_control(cleaned)
    if rule.strip_html and ("<" in cleaned or "&" in cleaned):
        cleaned = _without_html(cleaned)
        if rule.strip_control:
            cleaned = _without_control(cleaned)  # entities may stand for them, too
    return (cleaned if cleaned == text else cleaned.strip()), shortened


@lru_cache(maxsize=8192)
def _mended(line: str) -> str:
    if line.isascii():
        return line
    from ftfy import fix_encoding

    return fix_encoding(line)


def _without_control(text: str) -> str:
    return _CONTROL.sub("", _BREAK.sub("\n", text))


def _without_html(text: str) -> str:
    plain = _TAG.sub("", _LINE_TAG.sub("\n", _SCRIPT.sub("", text)))
    if plain != text or _ENTITY.search(text):
        plain = html.unescape(plain).replace("\u00a0", " ")
    return plain


def _without_repeats(text: str) -> tuple[str, bool]:
    """The text without lines that stood there before, however deep they are quoted; short ones go where quoted alone."""
    seen: set[str] = set()
    kept = []
    for line in text.split("\n"):
        marks = _QUOTE_MARKS.match(line)
        said = line[marks.end() if marks else 0 :].rstrip()
        if said in seen and said and (line.lstrip().startswith(">") or len(said) >= _LONG_LINE_CHARS):
            continue
        seen.add(said)
        kept.append(line)
    without = "\n".join(kept)
    return without, without != text


_PLAIN: Final = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})
