"""The requests of a run, alike for all variants: when each arrives, and what it asks.

Planned a block ahead and handed out by time. A change re-plans what has not been handed out. Real time knows pauses: after
`delay` all that was to come comes so much later, and the run's arrivals end so much later.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import add, attrgetter, itemgetter

import numpy as np
from numpy.typing import NDArray

from app.engine.attempt_plans import MICRO
from app.engine.draws import BLOCK, Draws, Role
from app.engine.questions import QuestionBook
from app.engine.versions import Key
from app.faults.fault_set import FaultSet
from app.faults.schedule import UpcomingWindows, has_end
from app.safeguards.request import PlannedRequest
from app.scenario.model import Scenario
from app.scenario.numbers import MAX_TOKENS
from app.traffic.arrivals import Arrivals
from app.traffic.rates import NEVER_US
from app.traffic.rows import RowBlock, RowOrder

_EXTRA_TOKENS = attrgetter("extra_tokens")
FIRST_BLOCK = 1024
"""Requests that are planned first, so that a run begins at once; then as many as there have been, up to a block."""
_REMEMBERED = 1 << 16
"""Requests whose question a later one may repeat."""


class Plan:
    """What is asked when. `take(until_us)` hands out the requests that arrive up to then."""

    def __init__(
        self,
        scenario: Scenario,
        draws: Draws,
        questions: QuestionBook,
        faults: FaultSet,
        *,
        block: int = BLOCK,
    ) -> None:
        """At most `block` requests are planned at a time; what they are does not depend on it."""
        self._block = block
        self.delay_us = 0
        """All delays together."""
        self._draws = draws
        self._questions = questions
        self._faults = faults
        self._scenario = scenario
        self._first_role = Role(next(iter(scenario.targets)))
        traffic = scenario.traffic
        self.closed = traffic.arrivals == "closed"
        """Whether arrivals depend on answers: then `next_at` hands out requests, and `take` must not."""
        self._trace = questions.trace
        self._arrivals = Arrivals(draws, traffic, self._trace)
        self._rows = RowOrder(draws, questions.row_count, traffic)
        self._first = 0
        self._pending: list[PlannedRequest] = []
        self._mess = np.zeros(_REMEMBERED, dtype=np.int64)
        """The mess in each remembered request's question: a repeat asks verbatim, mess and all."""
        self._windows: dict[int, UpcomingWindows] = {}
        self.ended = False

    def take(self, until_us: int) -> list[PlannedRequest]:
        """The next requests that arrive at or before `until_us`, in order."""
        taken: list[PlannedRequest] = []
        while True:
            if not self._pending:
                self._plan_block()
                if not self._pending:
                    return taken
            if self._pending[-1][1] <= until_us:
                taken += self._pending
                self._pending = []
                continue
            count = bisect_right(self._pending, until_us, key=itemgetter(1))
            taken += self._pending[:count]
            del self._pending[:count]
            return taken

    def next_at(self, now_us: int) -> PlannedRequest | None:
        """The next request of a closed loop, which arrives now; None once arrivals have ended."""
        if now_us >= self.last_us:
            return None
        if not self._pending:
            traffic = self._scenario.traffic
            count = self._next_block() if self.foresees else 1
            if traffic.max_requests is not None:
                count = min(count, traffic.max_requests - self._first)
            if count <= 0:
                return None
            self._pending = self._requests(self._first, np.full(count, now_us, dtype=np.int64))
            self._first += count
        planned = self._pending.pop(0)
        return (planned[0], now_us, *planned[2:])

    @property
    def foresees(self) -> bool:
        """Whether what the next requests ask is known before they arrive: mess that comes and goes strikes by the time."""
        return not any(has_end(fault) for _, fault in self._faults.mess())

    def put_back(self, requests: list[PlannedRequest]) -> None:
        """The last requests that `take` handed out, in order, are to be handed out again."""
        self._pending[:0] = requests

    def delay(self, at_us: int, by_us: int) -> None:
        """Whoever was to arrive at `at_us` or later arrives so much later."""
        self.change(self._scenario, self._faults, at_us)
        self.delay_us += by_us

    @property
    def exhausted(self) -> bool:
        """Whether all requests that there will be have been handed out."""
        return self.ended and not self._pending

    @property
    def last_us(self) -> int:
        """When arrivals end."""
        return round(self._scenario.duration_s * MICRO) + self.delay_us

    def horizon_us(self, most: int = BLOCK) -> int:
        """The arrival of the last request planned so far, or of the one that is `most` ahead; planning goes on a block when
        all have been handed out."""
        if not self._pending:
            self._plan_block()
        return self._pending[min(most, len(self._pending)) - 1][1] if self._pending else NEVER_US

    def _next_block(self) -> int:
        return min(self._block, max(self._first, FIRST_BLOCK))

    def change(self, scenario: Scenario, faults: FaultSet, at_us: int) -> None:
        """From `at_us` on requests arrive, and ask, as the changed scenario has it."""
        self._scenario = scenario
        self._faults = faults
        self._windows = {}
        self._first -= len(self._pending)
        self._pending = []
        self.ended = False
        self._arrivals.change(max(at_us - self.delay_us, 0), scenario.traffic)
        self._rows.change(self._first, scenario.traffic)

    def _plan_block(self) -> None:
        """Plan the next block of requests, unless the run's arrivals have ended."""
        if self.ended:
            return
        traffic = self._scenario.traffic
        count = self._next_block()
        if traffic.max_requests is not None:
            count = min(count, traffic.max_requests - self._first)
        if count <= 0:
            self.ended = True
            return
        first = self._first
        last_us = round(self._scenario.duration_s * MICRO)
        self._arrivals.reach(last_us)
        intended = self._arrivals.block(first, count)
        count = int(np.searchsorted(intended, last_us, side="left"))
        self.ended = count < len(intended)
        if count == 0:
            return
        self._pending = self._requests(first, intended[:count] + self.delay_us)
        self._first = first + count

    def _requests(self, first: int, intended: NDArray[np.int64]) -> list[PlannedRequest]:
        count = len(intended)
        numbers = np.arange(first, first + count, dtype=np.int64)
        twice = self._duplicates(numbers, intended)
        rows = self._rows.block(first, count, twice != 0)
        prompts = self._prompt_of(rows.source)
        mess = self._mess_of(rows, prompts, numbers, intended)
        tokens = self._tokens_of(rows.source, first)
        keys = list(zip(prompts.tolist(), rows.row.tolist(), mess.tolist(), strict=True))
        questions = self._questions.prepare(keys, self._faults)
        spoiled = self._faults.spoiled(self._first_role, first, count)
        self._questions.write(
            [
                (questions[place], fault.answer)
                for place, fault in spoiled
                if questions[place].has(fault) and not questions[place].unaskable
            ]
        )
        sizes = (
            [question.tokens for question in questions]
            if tokens is None
            else list(map(add, tokens.tolist(), map(_EXTRA_TOKENS, questions)))
        )
        return list(
            zip(
                numbers.tolist(),
                intended.tolist(),
                questions,
                self._cache_keys(rows, keys),
                sizes,
                self._max_tokens(first, count),
                (mess | twice).tolist(),
                strict=True,
            )
        )

    def _cache_keys(self, rows: RowBlock, keys: list[Key]) -> list[int]:
        """What a cache tells questions apart by: the number of the source, or what stands for prompt, row and mess together,
        which is negative."""
        numbers: list[int] = rows.question.tolist()
        if min(numbers) >= 0:
            return numbers
        prompts = self._questions.prompt_count
        return [
            source if source >= 0 else (source - (mess << 32)) * prompts - prompt
            for source, (prompt, _, mess) in zip(numbers, keys, strict=True)
        ]

    def _duplicates(self, numbers: NDArray[np.int64], intended: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which requests are sent twice: bit set of the `duplicate` faults that fire."""
        twice = np.zeros(len(numbers), dtype=np.int64)
        for index, fault in self._faults.mess():
            if fault.kind == "duplicate" and fault.on:
                fires = self._faults.mess_hits(index, numbers) & self._on_at(index, intended) & (numbers > 0)
                twice |= fires.astype(np.int64) << index
        return twice

    def _mess_of(
        self,
        rows: RowBlock,
        prompts: NDArray[np.int64],
        numbers: NDArray[np.int64],
        intended: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Bit set of the mess faults in each request's question: its own draws' if it is new, else its source's."""
        # A question first asked longer ago than is remembered has the mess of its own draws, as the faults are now.
        forgotten = numbers[-1] - rows.source >= _REMEMBERED
        drawn = self._drawn_mess(rows, prompts, intended)
        slots = rows.source % _REMEMBERED
        self._mess[slots[rows.fresh]] = drawn[rows.fresh]
        return np.where(rows.fresh | forgotten, drawn, self._mess[slots])

    def _drawn_mess(
        self, rows: RowBlock, prompts: NDArray[np.int64], intended: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Bit set of the mess faults that fire for the sources of these requests, if they were new at these times."""
        mess = np.zeros(len(intended), dtype=np.int64)
        for index, fault in self._faults.mess():
            if fault.kind != "duplicate" and fault.on:
                fires = self._faults.mess_hits(index, rows.source) & self._on_at(index, intended)
                if fault.prompts or fault.match is not None:
                    for place in np.flatnonzero(fires).tolist():
                        fires[place] = self._questions.concerns(
                            fault, int(prompts[place]), int(rows.row[place])
                        )
                mess |= fires.astype(np.int64) << index
        return mess

    def _on_at(self, index: int, intended: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the fault's schedule has it on at these times."""
        if index not in self._windows:
            self._windows[index] = UpcomingWindows(self._faults.faults[index], self._draws)
        on = np.zeros(len(intended), dtype=np.bool_)
        for begin, end in self._windows[index].between(int(intended[0]), int(intended[-1])):
            on |= (intended >= begin) & (intended < end)
        return on

    def _prompt_of(self, source: NDArray[np.int64]) -> NDArray[np.int64]:
        draw = self._draws.of("traffic.prompt", None, source.astype(np.uint64))
        return np.asarray((draw * self._questions.prompt_count).astype(np.int64))

    def _tokens_of(self, source: NDArray[np.int64], first: int) -> NDArray[np.int64] | None:
        """Sizes of the prompts, where the trace has recorded them, or the scenario has them drawn and not estimated from
        the text."""
        if self._trace is not None and self._trace.input_tokens is not None:
            return self._trace.input_tokens[first : first + len(source)]
        tokens = self._scenario.tokens
        if tokens.input_tokens is None:
            return None
        normal = self._draws.normal("tokens.input", None, source.astype(np.uint64))
        size = tokens.input_tokens * np.exp(tokens.input_sigma * normal)
        return np.clip(np.rint(size), 1, MAX_TOKENS).astype(np.int64)

    def _max_tokens(self, first: int, count: int) -> list[int]:
        """The bounds on the answers: a recorded answer that is longer must have had a higher one."""
        bound = self._scenario.tokens.max_tokens
        if self._trace is None or self._trace.output_tokens is None:
            return [bound] * count
        recorded = self._trace.output_tokens[first : first + count]
        return [max(bound, tokens) for tokens in recorded.tolist()]
