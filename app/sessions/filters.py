"""Which requests are wanted: the filter, and the small language in which people write it.

    failed wrong degraded late good        what the customer got (several: any of them)
    primary hedge fallback cache …         who answered (several: any of them)
    retried                                it took more than one try
    saved, lost                            the first variant did not do well and the second did; the reverse
    >8s, >500ms                            waited longer for an answer, or never got one
    12:00-12:30                            ended in that time (minutes:seconds; hours before, or `90s`)
    arrived:12:00-12:30                    meant to arrive in that time
    #1234, #100-200                        its number, or a range of numbers
    fault:outage, prompt:answer            what struck it (several: all of them), what it asked (several: any)
    prototype:failed                       any of these, but of that variant

All words must hold, those without a variant for one and the same variant. It reads no log: see `search`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final, Literal

from app.errors import UserError
from app.sessions.vocabulary import OUTCOMES, SERVED_BY

Contrast = Literal["", "saved", "lost"]

_MICRO: Final = 1_000_000
_ALSO_CALLED: Final = {"stand-in": "degraded"}
"""What the window calls an outcome where that is not its word."""

_CONTRASTS: Final[tuple[Contrast, ...]] = ("saved", "lost")
_RETRIED: Final = "retried"
KEYWORDS: Final = (*OUTCOMES, *SERVED_BY, _RETRIED, *_CONTRASTS)
"""The words that stand alone."""
PREFIXES: Final = ("fault:", "prompt:", "arrived:")
"""What is written before a name or a time."""

_LENGTH: Final = re.compile(r">(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(ms|s|m|)")
_NUMBERS: Final = re.compile(r"#(\d{1,10})(?:-#?(\d{1,10}))?")
_TIME: Final = r"(?:\d{1,9}(?:\.\d{0,9})?s|(?:\d{1,9}:)?\d{1,9}:\d{1,2}(?:\.\d{0,9})?)"
"""So many digits that no time is too large for the log."""
_RANGE: Final = re.compile(rf"({_TIME})?-({_TIME})?")
_UNIT_US: Final = {"ms": 1_000, "s": _MICRO, "": _MICRO, "m": 60 * _MICRO}


@dataclass(frozen=True)
class Filter:
    """Which requests are wanted; all that is set must hold. An empty one wants every request.

    variant         whose row it speaks of (name); None: any variant's, all conditions by the same one
    outcomes        of `vocabulary.OUTCOMES`, any of them; served_by likewise
    retried         at least one call was made again
    faults          ids of faults and mess, all of which struck it
    prompts         names, any of them
    from_us, to_us  microseconds of virtual time, the first included and the second not, either may be None;
                    `by` says of what: the request's finish (as charts bin it) or its intended arrival
    slower_than_us  waited longer for its answer, or got none
    contrast        of the first two variants: "saved", the first is not good and the second is; "lost", the reverse
    first, last     numbers, both included
    also            filters of other variants, which must hold too
    """

    variant: str | None = None
    outcomes: frozenset[str] = frozenset()
    served_by: frozenset[str] = frozenset()
    retried: bool = False
    faults: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    from_us: int | None = None
    to_us: int | None = None
    by: Literal["finish", "arrival"] = "finish"
    slower_than_us: int | None = None
    contrast: Contrast = ""
    first: int | None = None
    last: int | None = None
    also: tuple[Filter, ...] = ()

    @property
    def about_rows(self) -> bool:
        """Whether it asks anything of a variant's row, numbers and contrast apart."""
        return (
            replace(self, variant=None, by="finish", contrast="", first=None, last=None, also=()) != Filter()
        )


@dataclass(frozen=True)
class Known:
    """The names that a run has, for messages and completion; where there are none any name is taken."""

    variants: tuple[str, ...] = ("prototype", "safeguarded")
    prompts: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """Every whole word that a filter can begin with, for completion."""
        named = [f"prompt:{name}" for name in self.prompts] + [f"fault:{name}" for name in self.faults]
        scoped = [f"{variant}:{word}" for variant in self.variants for word in (*OUTCOMES, *SERVED_BY)]
        return [_quoted(word) for word in (*KEYWORDS, *named, *scoped, "arrived:")]


ANYTHING: Final = Known()


def parse_filter(text: str, known: Known = ANYTHING) -> Filter:
    """The filter that `text` says. Raises UserError for an unknown word (with the nearest right one), for a name
    that the run has not, and for what cannot be."""
    try:
        tokens = shlex.split(text)
    except ValueError:
        raise UserError("A quotation mark is not closed", do="Close it, or leave it out.") from None
    whole = _Scope()
    scopes: dict[str | None, _Scope] = {}
    for token in tokens:
        variant = next((name for name in known.variants if token.startswith(f"{name}:")), None)
        word = token if variant is None else token[len(variant) + 1 :]
        if word.casefold() in _CONTRASTS or word.startswith("#"):
            if variant is not None:
                raise UserError(
                    f"{word!r} speaks of the whole request", do=f"Write it without {variant + ':'!r}."
                )
            _take_whole(whole.said, word)
        else:
            _take(scopes.setdefault(variant, _Scope()).said, word, known)
    ordered = sorted(scopes.items(), key=lambda each: each[0] is not None)
    parts = [Filter(variant=variant, **scope.said) for variant, scope in ordered]
    if whole.said and (not parts or parts[0].variant is not None):
        parts.insert(0, Filter())
    return replace(parts[0], **whole.said, also=tuple(parts[1:])) if parts else Filter()


def filter_text(wanted: Filter) -> str:
    """The filter as `parse_filter` reads it; empty where everything is wanted."""
    tokens: list[str] = [wanted.contrast] if wanted.contrast else []
    if wanted.first is not None or wanted.last is not None:
        first = wanted.first or 0
        last = wanted.last
        tokens.append(f"#{first}" if last == first else f"#{first}-{'' if last is None else last}")
    for part in (wanted, *wanted.also):
        prefix = "" if part.variant is None else f"{part.variant}:"
        tokens += [_quoted(prefix + word) for word in _words(part)]
    return " ".join(tokens)


def _words(part: Filter) -> list[str]:
    words: list[str] = [name for name in OUTCOMES if name in part.outcomes]
    words += [name for name in SERVED_BY if name in part.served_by]
    words += [_RETRIED] * part.retried
    words += [f"fault:{name}" for name in sorted(part.faults)]
    words += [f"prompt:{name}" for name in sorted(part.prompts)]
    if part.slower_than_us is not None:
        words.append(f">{_decimal(part.slower_than_us)}s")
    if part.from_us is not None or part.to_us is not None:
        ends = ["" if us is None else clock_text(us) for us in (part.from_us, part.to_us)]
        words.append(("arrived:" if part.by == "arrival" else "") + "-".join(ends))
    return words


def clock_text(time_us: int) -> str:
    """A time as a filter has it, exactly: `12:30`, `1:02:03.5`."""
    seconds, rest = divmod(time_us, _MICRO)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{seconds:02d}{fraction}"


@dataclass
class _Scope:
    """What was said so far of one variant, or of the whole request, as fields of a Filter."""

    said: dict[str, Any] = field(default_factory=dict)


def _take_whole(said: dict[str, Any], word: str) -> None:
    if word.startswith("#"):
        found = _NUMBERS.fullmatch(word) or re.fullmatch(r"#(\d{1,10})(-)", word)
        if found is None:
            raise UserError(f"{word!r} is no number of a request", do="Write #1234, or #100-200.")
        first, last = int(found[1]), found[2]
        upto = None if last == "-" else first if last is None else int(last)
        if upto is not None and upto < first:
            raise UserError(f"{word!r} ends before it begins", do=f"Write #{upto}-{first}.")
        _once(said, "first", first, word)
        said["last"] = upto
    else:
        _once(said, "contrast", word.casefold(), word)


def _take(said: dict[str, Any], word: str, known: Known) -> None:
    plain = _ALSO_CALLED.get(word.casefold(), word.casefold())
    key, colon, value = word.partition(":")
    if plain in OUTCOMES:
        _add(said, "outcomes", plain)
    elif plain in SERVED_BY:
        _add(said, "served_by", plain)
    elif plain == _RETRIED:
        said["retried"] = True
    elif colon and key.casefold() == "fault":
        _add(said, "faults", _named(value, known.faults, "fault"))
    elif colon and key.casefold() == "prompt":
        _add(said, "prompts", _named(value, known.prompts, "prompt"))
    elif plain.startswith("arrived:"):
        _take_range(said, plain.removeprefix("arrived:"), "arrival")
    elif plain.startswith(">"):
        found = _LENGTH.fullmatch(plain)
        if found is None:
            raise UserError(f"{word!r} is no length of time", do="Write >8s, or >500ms.")
        _once(said, "slower_than_us", round(float(found[1]) * _UNIT_US[found[2]]), word)
    elif plain[:1].isdigit() or plain.startswith("-"):
        _take_range(said, plain, "finish")
    else:
        right = (*KEYWORDS, *PREFIXES, *(f"{name}:" for name in known.variants))
        near = get_close_matches(f"{key}:".casefold() if colon else plain, right, n=1, cutoff=0.5)
        meant = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(right)}."
        raise UserError(f"There is no filter word {word!r}", do=meant)


def _take_range(said: dict[str, Any], text: str, by: str) -> None:
    found = _RANGE.fullmatch(text)
    if found is None or text == "-":
        raise UserError(f"{text!r} is no span of time", do="Write 12:00-12:30, or 80s-90s.")
    from_us, to_us = (None if end is None else _time_us(end) for end in found.groups())
    if from_us is not None and to_us is not None and to_us <= from_us:
        raise UserError(f"{text!r} ends before it begins", do="Write the earlier time first.")
    _once(said, "by", by, text)
    said |= {"from_us": from_us, "to_us": to_us}


def _time_us(text: str) -> int:
    if text.endswith("s"):
        return round(float(text[:-1]) * _MICRO)
    *larger, seconds = text.split(":")
    whole = 0
    for each in larger:
        whole = whole * 60 + int(each)
    return whole * 60 * _MICRO + round(float(seconds) * _MICRO)


def _named(name: str, known: Sequence[str], what: str) -> str:
    if not name:
        raise UserError(f"'{what}:' lacks a name", do=f"Write {what}:{known[0] if known else 'NAME'}.")
    if not known or name in known:
        return name
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"Did you mean {what}:{near[0]}?" if near else f"It has {', '.join(known)}."
    raise UserError(f"This run has no {what} {name!r}", do=meant)


def _add(said: dict[str, Any], name: str, value: str) -> None:
    said[name] = said.get(name, frozenset()) | {value}


def _once(said: dict[str, Any], name: str, value: Any, word: str) -> None:
    if name in said:
        raise UserError(f"{word!r} is one too many", do="Give one such condition.")
    said[name] = value


def _decimal(time_us: int) -> str:
    whole, rest = divmod(time_us, _MICRO)
    return f"{whole}" + (f".{rest:06d}".rstrip("0") if rest else "")


def _quoted(token: str) -> str:
    return shlex.quote(token) if re.search(r"[\s'\"\\]", token) or not token else token
