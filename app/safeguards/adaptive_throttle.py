"""Adaptive throttling: the client turns calls back by itself when the target has been turning them away.

Of the last `window_s` seconds it counts the requests R that came to it and those that the target accepted, A, and turns the
next one back with probability max(0, (R - k A) / (R + 1)). (Beyer et al., "Site Reliability Engineering", 2016, ch. 21,
"Client-Side Throttling".) Each target has its own counts; retries and fallbacks further in count with the request that
came.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from app.engine.draws import Column, Role
from app.safeguards.base import MICRO, Inward, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Result
from app.safeguards.errors import THROTTLED
from app.safeguards.request import Request
from app.scenario.numbers import Duration, TimesAsMuch


@register
class AdaptiveThrottle(Safeguard):
    """Turns calls back in proportion to what the target does not accept."""

    kind: Literal["adaptive_throttle"] = "adaptive_throttle"
    k: TimesAsMuch = 2
    """How many requests are let through for each that was accepted: 2 lets the target turn away half."""
    window_s: Duration = 120

    def layer(self, world: World) -> Layer:
        """The layer that counts."""
        return AdaptiveThrottleLayer(self, world)


class Counts:
    """Requests and acceptances of the last window, in cells of a hundredth of it."""

    def __init__(self, window_us: int) -> None:
        self.cell_us = max(1, window_us // _CELLS)
        self.cells: deque[list[int]] = deque()
        """[cell, requests, accepted]"""
        self.requests = 0
        self.accepted = 0

    def cell(self, now: int) -> list[int]:
        """The cell of `now`; those that are older than the window are forgotten."""
        at = now // self.cell_us
        cells = self.cells
        while cells and cells[0][0] <= at - _CELLS:
            _, requests, accepted = cells.popleft()
            self.requests -= requests
            self.accepted -= accepted
        if not cells or cells[-1][0] != at:
            cells.append([at, 0, 0])
        return cells[-1]


class AdaptiveThrottleLayer(Layer):
    """Turns calls back by chance. The memo holds the counts of the target that the request came with, and the number of
    attempts before."""

    def __init__(self, settings: AdaptiveThrottle, world: World) -> None:
        super().__init__(settings)
        self.k = settings.k
        self.window_us = round(settings.window_s * MICRO)
        self.counts = [Counts(self.window_us) for _ in world.targets]
        self.targets = world.targets
        self.draws = world.draws
        self.purpose = f"safeguard:{settings.id}.throttle"
        self._columns: dict[tuple[int, int, int], Column] = {}

    def adopt(self, earlier: Layer) -> None:
        """Keep the counts, unless the window is another."""
        if (
            isinstance(earlier, AdaptiveThrottleLayer)
            and earlier.window_us == self.window_us
            and len(earlier.counts) == len(self.counts)
        ):
            self.counts = earlier.counts

    def enter(self, request: Request, now: int) -> Inward:
        """Pass, or turn back."""
        counts = self.counts[request.target]
        cell = counts.cell(now)
        excess = counts.requests - self.k * counts.accepted
        rejected = excess > 0 and self._draw(request) < excess / (counts.requests + 1)
        counts.requests += 1
        cell[1] += 1
        request.memo[self.slot] = (counts, len(request.attempts))
        return Result.failure(THROTTLED) if rejected else None

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Accepted is what was answered, and what failed by its own fault: an error that calling again may mend is taken
        for a refusal. What never came to the target, for it was answered or turned back further in, is not counted, nor
        what the client broke off for reasons of its own."""
        counts, first = request.memo[self.slot]
        errors = [attempt.error for attempt in request.attempts_since(first)]
        telling = [error for error in errors if error is None or not error.own]
        if not telling:
            counts.cell(now)[1] -= 1
            counts.requests -= 1
        elif any(error is None or not error.transient for error in telling):
            counts.cell(now)[2] += 1
            counts.accepted += 1
        return None

    failed = answered

    def _draw(self, request: Request) -> float:
        role = (request.target, request.retry, request.hedge)
        column = self._columns.get(role)
        if column is None:
            column = self.draws.column(
                self.purpose, Role(self.targets[request.target], request.retry, request.hedge)
            )
            self._columns[role] = column
        return column[request.number]


_CELLS = 100
