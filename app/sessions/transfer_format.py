"""The file an exported run is: a zip of JSON lines, which members it has and what their columns hold.

Each member holds one JSON array per row. Keys are relative to the run, blobs are base64, everything else is
as in the log's base tables. What is here is checked for every value of an imported file, which is foreign.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from app.sessions import vocabulary as words
from app.sessions.histogram import Histogram
from app.sessions.recount import CACHED
from app.sessions.schema import COUNTS, HISTOGRAMS
from app.sessions.session_log import MAX_NAME

FORMAT: Final = "seatrial-run"
FORMAT_VERSION: Final = 5
MANIFEST: Final = "manifest.json"

_INTEGER: Final = range(-(1 << 63), 1 << 63)
_NATURAL: Final = range(1 << 63)

Check = Callable[[Any], Any]
"""Returns the value for the log; raises ValueError for one that is not allowed."""


@dataclass(frozen=True)
class Member:
    """A member of the zip: a table of the log, its columns in order, each with its check, and its highest row
    count.

    `texts` marks what is left out of an export unless asked for.
    """

    table: str
    columns: dict[str, Check]
    rows: int
    texts: bool = False

    @property
    def file(self) -> str:
        """The member's name in the zip."""
        return f"{self.table}.jsonl"


def whole(allowed: range = _INTEGER) -> Check:
    """An integer in `allowed`."""

    def check(value: Any) -> Any:
        if type(value) is not int or value not in allowed:
            raise ValueError(f"{value!r:.40} is no integer from {allowed.start} to {allowed.stop - 1}")
        return value

    return check


def optional(inner: Check) -> Check:
    """None, or what `inner` allows."""
    return lambda value: None if value is None else inner(value)


def text(value: Any) -> Any:
    """A text that can be stored as UTF-8."""
    if type(value) is not str:
        raise ValueError(f"{value!r:.40} is no text")
    value.encode()
    return value


def short_text(value: Any) -> Any:
    """A text that may be interned."""
    if len(text(value)) > MAX_NAME:
        raise ValueError(f"a name has more than {MAX_NAME} characters")
    return value


def one_of(*allowed: str) -> Check:
    """One of the `allowed` words."""

    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"{value!r:.40} is not one of {', '.join(allowed)}")
        return value

    return check


def json_text(kind: type) -> Check:
    """The JSON text of a `kind` of value (dict, list or object)."""

    def check(value: Any) -> Any:
        if not isinstance(json.loads(text(value), parse_constant=refuse_constant), kind):
            raise ValueError(f"{value!r:.40} is no JSON {kind.__name__}")  # noqa: TRY004 (one kind of error for all that a file can hold)
        return value

    return check


def refuse_constant(name: str) -> Any:
    """For NaN and the infinities, which JSON does not have."""
    raise ValueError(f"{name} is no JSON")


def fault_counts(value: Any) -> Any:
    """The JSON of counts by kind of fault."""
    natural = whole(_NATURAL)
    for count in json.loads(json_text(dict)(value)).values():
        natural(count)
    return value


def seconds(value: Any) -> Any:
    """A finite number of seconds, not negative."""
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{value!r:.40} is no number of seconds")
    return float(value)


def time_of_day(value: Any) -> Any:
    """A date and time, ISO 8601 with its offset."""
    if datetime.fromisoformat(text(value)).tzinfo is None:
        raise ValueError(f"{value!r:.40} has no time zone")
    return value


def histogram(value: Any) -> Any:
    """An encoded histogram in base64."""
    try:
        blob = base64.b64decode(text(value), validate=True)
    except binascii.Error as error:
        raise ValueError("a histogram is not base64") from error
    Histogram.decode(blob)
    return blob


def step(value: Any) -> Any:
    """The length of a bucket."""
    if whole()(value) not in words.STEPS_S:
        raise ValueError(f"there are no rollups of {value} seconds")
    return value


_INDEX: Final = whole(range(1 << 31))
_VARIANT: Final = whole(range(words.MAX_VARIANTS))
_KEY: Final = whole(range(1 << words.RUN_SHIFT))
_COUNT: Final = whole(_NATURAL)
_ANY: Final = whole()

RUN_COLUMNS: Final[dict[str, Check]] = {
    "scenario": text,
    "title": text,
    "scenario_toml": text,
    "seed": _ANY,
    "clock": one_of(*words.CLOCKS),
    "duration_s": seconds,
    "created_at": time_of_day,
    "ended_at": optional(time_of_day),
    "state": one_of(*words.STATES),
    "virtual_us": _COUNT,
    "drain_end_us": optional(_COUNT),
    "offered": _COUNT,
    "app_version": text,
    "numpy_version": text,
    "platform": text,
    "name": text,
    "note": text,
    "tags": text,
}

_SMALL: Final = 100_000
_LARGE: Final = 20_000_000

MEMBERS: Final = (
    Member("names", {"id": whole(range(1, 1 << 24)), "text": short_text}, _SMALL),
    Member(
        "variants",
        {
            "idx": _VARIANT,
            "name": text,
            "title": text,
            "config": json_text(dict),
            "tail_key": optional(_KEY),
            "passed_us": optional(_COUNT),
        },
        words.MAX_VARIANTS,
    ),
    Member("targets", {"idx": _INDEX, "name": text}, _SMALL),
    Member("run_facts", {"key": text, "value": json_text(object)}, _SMALL),
    Member("prompts", {"idx": _INDEX, "name": text, "messages": optional(json_text(object))}, _SMALL),
    Member("data_rows", {"row": _INDEX, "number": _ANY, "values": json_text(dict)}, 5_000_000, texts=True),
    Member(
        "event_log",
        {
            "seq": _INDEX,
            "at_us": _COUNT,
            "kind": one_of(*words.EVENT_KINDS),
            "label": text,
            "variant": optional(_VARIANT),
            "details": json_text(dict),
        },
        1_000_000,
    ),
    Member(
        "observations",
        {
            "seq": _INDEX,
            "now_us": _COUNT,
            "number": _INDEX,
            "command": json_text(dict),
            "outcome": json_text(dict),
        },
        _LARGE,
        texts=True,
    ),
    Member(
        "rollup_log",
        {
            "variant": _VARIANT,
            "step_s": step,
            "bucket": _INDEX,
            **dict.fromkeys(COUNTS, _COUNT),
            **dict.fromkeys(HISTOGRAMS, histogram),
            "faults": fault_counts,
        },
        _LARGE,
    ),
    Member(
        "request_log",
        {
            **{
                name: optional(_COUNT) if name in words.NULLABLE else _COUNT for name in words.REQUEST_COLUMNS
            },
            "key": _KEY,
            "row": _ANY,
            "prompt": _ANY,
            "served_by": whole(range(len(words.SERVED_BY))),
            "outcome": whole(range(len(words.OUTCOMES))),
            "cache": whole(range(len(words.CACHE))),
        },
        _LARGE,
    ),
    Member(
        "attempt_log",
        {
            **{
                name: optional(_COUNT) if name in words.NULLABLE else _COUNT for name in words.ATTEMPT_COLUMNS
            },
            "key": _KEY,
            "target": _INDEX,
            "billed": whole(range(2)),
        },
        _LARGE,
    ),
    Member("answer_texts", {"idx": _INDEX, "text": text}, _LARGE, texts=True),
    Member("real_attempts", {"key": _KEY, "estimated": whole(range(2)), "answer": optional(_INDEX)}, _LARGE),
)
"""In the order they are read: the names first, as later rows refer to them."""


def members_of(version: int) -> tuple[Member, ...]:
    """The members of an export of that format, from 1 to FORMAT_VERSION; a column it lacks has its default here."""
    later = {(table, name) for since, table, name in _ADDED if since > version}
    return tuple(
        replace(
            member,
            columns={
                name: check for name, check in member.columns.items() if (member.table, name) not in later
            },
        )
        for member in MEMBERS
    )


_ADDED: Final = (
    (2, "rollup_log", "served_retried"),
    (3, "attempt_log", "reason_name"),
    (4, "variants", "passed_us"),
    (5, "request_log", "answer_tokens"),
    *((5, "rollup_log", name) for name in (*CACHED, "token_gaps", "token_gaps_us", "tpot")),
)
"""Columns that came with a later format than the first: which, and where."""
