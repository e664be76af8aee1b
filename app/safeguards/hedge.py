"""Hedge: when an answer is slow in coming, ask a second time beside it, and take whichever answer is first.

(Dean & Barroso, "The Tail at Scale", Communications of the ACM, 2013.) The call that loses is cancelled, and billed for
what it did until then. Each further branch has its own draws, and its own retries where those are listed further in.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil
from typing import Literal

from pydantic import Field

from app.safeguards.base import MICRO, Inward, Layer, Outward, Race, Safeguard, World, register
from app.safeguards.commands import Attempt, Result
from app.safeguards.request import Request
from app.scenario.numbers import Duration, Number, WholeNumber


@register
class Hedge(Safeguard):
    """Asks again after `after_s`, or when a call takes longer than most of the last ones did."""

    kind: Literal["hedge"] = "hedge"
    after_s: Duration | None = None
    after_percentile: Number = Field(default=95, gt=0, lt=100)
    """Of the times that the last 200 answers of the same target took; none is hedged before 20 are known. Only where
    `after_s` is not given."""
    max_hedges: WholeNumber = Field(default=1, ge=1, le=5)

    def layer(self, world: World) -> Layer:
        """The layer that races."""
        return HedgeLayer(self, len(world.targets))


class Times:
    """The times that the last answers of a target took, in microseconds."""

    def __init__(self) -> None:
        self.last: deque[int] = deque()
        self.ordered: list[int] = []

    def add(self, time_us: int) -> None:
        """Take one in, and forget the oldest."""
        if len(self.last) == _REMEMBERED:
            del self.ordered[bisect_left(self.ordered, self.last.popleft())]
        self.last.append(time_us)
        insort(self.ordered, time_us)

    def percentile(self, percent: float) -> int | None:
        """By nearest rank; None while too few are known."""
        if len(self.ordered) < _ENOUGH:
            return None
        return self.ordered[ceil(percent / 100 * len(self.ordered)) - 1]


class HedgeLayer(Layer):
    """Keeps the times of answers, and sends requests on as a race. The memo holds when the request came, and with which
    target.

    Where the hedge won, the first call would have taken longer than the time that is kept: that leaves the percentile
    after which is hedged where it is, while the winner's own time would draw it down.
    """

    races = True

    def __init__(self, settings: Hedge, targets: int) -> None:
        super().__init__(settings)
        self.after_us = None if settings.after_s is None else round(settings.after_s * MICRO)
        self.percent = settings.after_percentile
        self.further = settings.max_hedges
        self.calls = settings.max_hedges + 1
        self.times = [Times() for _ in range(targets)]

    def adopt(self, earlier: Layer) -> None:
        """Keep what is known of the targets."""
        if isinstance(earlier, HedgeLayer) and len(earlier.times) == len(self.times):
            self.times = earlier.times

    def enter(self, request: Request, now: int) -> Inward:
        """Race, if there is a time after which to ask again."""
        request.memo[self.slot] = (now, request.target)
        after_us = self.after_us
        if after_us is None:
            after_us = self.times[request.target].percentile(self.percent)
        if after_us is None or now + after_us >= request.deadline_us:
            return None
        return Race(after_us, self.further)

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Note how long the answer took, if it is of a call to the target that the request came with."""
        came_us, target = request.memo[self.slot]
        if isinstance(result, Attempt) and result.target == target:
            self.times[target].add(now - came_us)
        return None


_REMEMBERED = 200
_ENOUGH = 20
