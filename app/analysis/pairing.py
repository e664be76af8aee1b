"""Requests of two sides paired by number, and which of them one side saved or lost.

A pair means the same question at the same moment. Whether two sides have such pairs is found out from their rows and
not believed: where intended times, rows or prompts differ, nothing is paired and the reason is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.sessions.reader import RunReader
from app.sessions.records import RunRecord
from app.sessions.vocabulary import OUTCOMES

_PAGE: Final = 20_000
"""Rows read at once; between pages the reader may give up, and no transaction stays open."""

_ROWS_LOOKED_AT: Final = 200
"""Rows of the data whose values are compared, where both runs kept them."""

_GOOD: Final = OUTCOMES.index("good")

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """The finished requests of a side by number, each array of shape (n,): `number` ascending, `intended_us`, `row`,
    `prompt`, and whether the outcome was `good`."""

    number: Ints
    intended_us: Ints
    row: NDArray[np.int32]
    prompt: NDArray[np.int32]
    good: NDArray[np.bool_]


@dataclass(frozen=True)
class Pairing:
    """A side beside the first one. `side` is its index; `why` says why nothing is paired, empty if it is.

    `common` requests have ended on both sides, `only_first` and `only_side` on one of them. `saved` are the numbers,
    ascending, of those that were good here and not on the first side, `lost` the other way round.
    """

    side: int
    paired: bool
    why: str
    common: int
    only_first: int
    only_side: int
    good_in_both: int
    saved: Ints
    lost: Ints


def read_outcomes(reader: RunReader, variant: str, check: Callable[[int], None]) -> Outcomes:
    """All finished requests of a variant; `check` is told how many were read, and may raise to give up."""
    pages: list[Outcomes] = [_outcomes(reader, variant, 0, 0)]
    first = count = 0
    while True:
        page = _outcomes(reader, variant, first, _PAGE)
        count += page.number.size
        check(count)
        pages.append(page)
        if page.number.size < _PAGE:
            break
        first = int(page.number[-1]) + 1
    return Outcomes(
        np.concatenate([page.number for page in pages]),
        np.concatenate([page.intended_us for page in pages]),
        np.concatenate([page.row for page in pages]),
        np.concatenate([page.prompt for page in pages]),
        np.concatenate([page.good for page in pages]),
    )


def _outcomes(reader: RunReader, variant: str, first: int, limit: int) -> Outcomes:
    names = ("number", "intended_us", "row", "prompt", "outcome")
    found = reader.columns(variant, names, first=first, limit=limit)
    return Outcomes(
        found["number"].copy(),  # the page's table is let go
        found["intended_us"].copy(),
        found["row"].astype(np.int32),
        found["prompt"].astype(np.int32),
        found["outcome"] == _GOOD,
    )


def pair(first_run: RunReader, first: Outcomes, run: RunReader, mine: Outcomes, side: int) -> Pairing:
    """The side `side` (of `run`) beside the first one."""
    _, left, right = np.intersect1d(first.number, mine.number, assume_unique=True, return_indices=True)
    common = int(left.size)
    why = _obstacle(first_run.record(), run.record())
    if not why and not common:
        why = "No request has ended on both sides."
    if not why:
        why = _mismatch(first, left, mine, right)
    if not why and first_run.run_id != run.run_id:
        why = _other_texts(first_run, run, first.row[left])
    nothing = np.zeros(0, np.int64)
    if why:
        return Pairing(side, False, why, common, 0, 0, 0, nothing, nothing)
    number, was, now = first.number[left], first.good[left], mine.good[right]
    return Pairing(
        side,
        True,
        "",
        common,
        int(first.number.size) - common,
        int(mine.number.size) - common,
        int(np.count_nonzero(was & now)),
        number[now & ~was],
        number[was & ~now],
    )


def _obstacle(first: RunRecord, run: RunRecord) -> str:
    """Why requests of the two runs are not the same questions, as far as the runs themselves tell."""
    if first.closed_loop or run.closed_loop:
        return (
            "In a closed loop each variant has arrivals of its own, since users ask again once they have their answers: "
            "no request has its like on the other side, so none can be called saved or lost."
        )
    if first.run_id == run.run_id:
        return ""
    if first.clock != run.clock:
        return "One run is simulated and the other made real calls: their requests are no pairs."
    if first.seed != run.seed:
        return (
            f"The seeds differ ({first.seed} and {run.seed}): request 12 of one is another question than request 12 of "
            "the other, so none can be called saved or lost. Run both with one seed to see them."
        )
    return ""


def _mismatch(first: Outcomes, left: NDArray[np.intp], mine: Outcomes, right: NDArray[np.intp]) -> str:
    for name, what in (
        ("intended_us", "arrives at another time"),
        ("row", "asks about another row of the data"),
        ("prompt", "uses another prompt"),
    ):
        unequal = (getattr(first, name)[left] != getattr(mine, name)[right]).nonzero()[0]
        if unequal.size:
            number = int(first.number[left][unequal[0]])
            return (
                f"The seed is the same, but the requests are not: {unequal.size:,} of {left.size:,} differ, "
                f"and request {number:,} is the first that {what}. Their traffic or data differ, so they are no pairs."
            )
    return ""


def _other_texts(first: RunReader, run: RunReader, rows: NDArray[np.int32]) -> str:
    """Why the same row or prompt by its index is another one by its text; empty where a run did not keep its texts."""
    for mine, theirs in zip(first.prompts(), run.prompts(), strict=False):
        if None not in (mine.messages, theirs.messages) and mine.messages != theirs.messages:
            return f"The prompt '{mine.name}' has another text in each run, so their requests are no pairs."
    for row in np.unique(rows)[:_ROWS_LOOKED_AT].tolist():
        left, right = first.row(row), run.row(row)
        if left is not None and right is not None and left.values != right.values:
            return f"Row {left.number:,} of the data has other values in each run, so their requests are no pairs."
    return ""
