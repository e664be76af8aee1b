"""Which row of the data each request asks about, and which requests repeat an earlier one.

A pure function of seed, number of rows and settings, so that every variant is asked the same. What the rows
hold, and whether a cache knows them, is not known here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import BLOCK, Draws
from app.traffic.settings import MAX_REPEAT_WINDOW, Traffic

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MEMORY = 1 << 17  # requests remembered: how far a repeat may reach, and how far a driver may step back
REWIND = _MEMORY - MAX_REPEAT_WINDOW - BLOCK
"""How many requests before the last planned one a block may begin."""


@dataclass(frozen=True, eq=False, slots=True)
class RowBlock:
    """Consecutive requests; arrays of one entry a request.

    source     the number of the request whose question this one asks; its own if the question is new
    row        the row of that question
    fresh      True where the question is new
    question   whose answer may serve for this one: the source; or, under `same_row_same_question`, all those about the
               same row, as -1 - row
    """

    source: Ints
    row: Ints
    fresh: Mask
    question: Ints


class RowOrder:
    """Plans rows for requests in order of number. Memory: constant, plus a few permutations of the rows."""

    def __init__(self, draws: Draws, n_rows: int, settings: Traffic) -> None:
        if n_rows < 1:
            raise ValueError("there are no rows to ask about")
        self._draws = draws
        self._rows = _Rows(draws, n_rows)
        self._changes = [(0, settings)]
        self._end = 0
        self._taken = 0  # turns in the order taken by requests before _end
        # What happened to request number j stands at j modulo _MEMORY.
        self._source = np.zeros(_MEMORY, dtype=np.int64)
        self._row = np.zeros(_MEMORY, dtype=np.int64)
        self._taken_before = np.zeros(_MEMORY, dtype=np.int64)

    def block(self, first: int, count: int, forced_repeat: Mask | None = None) -> RowBlock:
        """Requests `first` to `first + count - 1`; each array has shape (count,).

        Blocks follow one another; one may also begin up to REWIND requests before the end of the last, which
        plans anew from there. Where `forced_repeat` (shape (count,)) is set, the request repeats the one just
        before it, whatever its draw says; its turn in the order is skipped, so that no other new question
        takes another row. Request 0 has nothing to repeat and stays new.

        Raises ValueError for a `first` out of reach.
        """
        if first > self._end:
            raise ValueError(f"requests are planned up to {self._end}: cannot go on at {first}")
        self._step_back(first)
        forced = np.zeros(count, dtype=np.bool_) if forced_repeat is None else forced_repeat
        source, row, question = (np.empty(count, dtype=np.int64) for _ in range(3))
        while self._end < first + count:
            settings, until = self._settings_at(self._end)
            low, high = self._end, min(first + count, until, self._end + BLOCK)
            part = slice(low - first, high - first)
            source[part], row[part] = self._plan(low, high, settings, forced[part])
            question[part] = -1 - row[part] if settings.same_row_same_question else source[part]
        return RowBlock(source, row, source == np.arange(first, first + count), question)

    def change(self, first_number: int, settings: Traffic) -> None:
        """From request `first_number` on, `settings` decide; those planned beyond must be asked for again.

        Raises ValueError for a number out of reach, as `block` does.
        """
        self._step_back(first_number)
        self._changes = [change for change in self._changes if change[0] < first_number]
        self._changes.append((first_number, settings))

    def _step_back(self, number: int) -> None:
        """Forget what was planned from `number` on."""
        if number < max(0, self._end - REWIND):
            raise ValueError(f"requests are planned up to {self._end}: cannot go back to {number}")
        if number < self._end:
            self._taken = int(self._taken_before[number % _MEMORY])
            self._end = number

    def _settings_at(self, number: int) -> tuple[Traffic, int]:
        """The settings that decide about a request, and the number from which on others do."""
        i = bisect_right(self._changes, number, key=lambda change: change[0])
        until = self._changes[i][0] if i < len(self._changes) else number + BLOCK
        return self._changes[i - 1][1], until

    def _plan(self, low: int, high: int, settings: Traffic, forced: Mask) -> tuple[Ints, Ints]:
        """Source and row of the next requests, `low` to `high - 1`, at most BLOCK of them."""
        numbers = np.arange(low, high)
        repeats = self._draws.block("traffic.repeat", None, low, high - low) < settings.repeat_rate
        reach = np.minimum(numbers, settings.repeat_window)
        which = self._draws.block("traffic.repeat_of", None, low, high - low)
        back = 1 + np.floor(which * reach).astype(np.int64)
        back[forced] = 1
        linked = (repeats | forced) & (numbers > 0)
        takes_turn = ~repeats | (numbers == 0)
        turn = self._taken + np.cumsum(takes_turn) - takes_turn

        # A repeat of a repeat asks what that one asked. Sources inside the chunk are found by doubling: each
        # round replaces a link by the link of what it leads to, so that chains halve.
        source = np.where(linked, numbers - back, numbers)
        while True:
            inside = np.flatnonzero(source >= low)
            followed = source[source[inside] - low]
            if np.array_equal(followed, source[inside]):
                break
            source[inside] = followed
        earlier = source < low
        behind = source[earlier] % _MEMORY
        row = self._rows.of(numbers, turn, settings)
        row[~earlier] = row[source[~earlier] - low]
        row[earlier], source[earlier] = self._row[behind], self._source[behind]

        slots = numbers % _MEMORY
        self._source[slots], self._row[slots], self._taken_before[slots] = source, row, turn
        self._taken += int(takes_turn.sum())
        self._end = high
        return source, row


class _Rows:
    """Which row a new question takes, under each of the orders."""

    def __init__(self, draws: Draws, n_rows: int) -> None:
        self._draws = draws
        self._n = n_rows
        # So many passes are shuffled together that few rows do not mean a permutation every few requests.
        self._passes_together = -(-BLOCK // n_rows)
        self._shuffled: OrderedDict[int, Ints] = OrderedDict()
        self._popular: Ints | None = None
        self._shares: tuple[float, NDArray[np.float64]] = (-1.0, np.empty(0))

    def of(self, numbers: Ints, turn: Ints, settings: Traffic) -> Ints:
        """The rows of the requests `numbers` if new; `turn` counts the new questions before each."""
        if settings.order == "in_order":
            return turn % self._n
        if settings.order == "shuffled":
            return self._shuffled_rows(turn)
        return self._zipf_rows(numbers, settings.skew)

    def _shuffled_rows(self, turn: Ints) -> Ints:
        """Each pass over the rows in an order of its own; turn k stands in pass k // n."""
        size = self._passes_together * self._n
        row = np.empty(len(turn), dtype=np.int64)
        group = turn // size
        for g in range(int(group[0]), int(group[-1]) + 1):
            here = group == g
            row[here] = self._permutations(g)[turn[here] - g * size]
        return row

    def _permutations(self, group: int) -> Ints:
        """The orders of a group of passes, one after the other: rows sorted by their draws in that pass."""
        if group not in self._shuffled:
            size = self._passes_together * self._n
            drawn = self._draws.block("traffic.order", None, group * size, size)
            orders = np.argsort(drawn.reshape(self._passes_together, self._n), axis=1, kind="stable")
            self._shuffled[group] = orders.reshape(-1)
            if len(self._shuffled) > 3:  # the one in use, and those a driver may step back to
                self._shuffled.popitem(last=False)
        return self._shuffled[group]

    def _zipf_rows(self, numbers: Ints, skew: float) -> Ints:
        """Popularity rank k with a probability in proportion to k ** -skew, by the inverse distribution."""
        if self._popular is None:
            drawn = self._draws.block("traffic.popularity", None, 0, self._n)
            self._popular = np.argsort(drawn, kind="stable")
        if self._shares[0] != skew:
            shares = np.cumsum(np.arange(1, self._n + 1, dtype=np.float64) ** -skew)
            self._shares = (skew, shares / shares[-1])
        drawn = self._draws.block("traffic.row", None, int(numbers[0]), len(numbers))
        rank = np.searchsorted(self._shares[1], drawn, side="right")
        return self._popular[np.minimum(rank, self._n - 1)]
