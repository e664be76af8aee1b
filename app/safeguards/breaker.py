"""Circuit breaker: stop calling a target that fails, and try it again with a few probes.

Closed: calls pass, and the failures of the last `window_s` are counted; a failure that makes it `failure_ratio` or more of
`min_calls` or more opens it. Open: calls are turned back for `open_s`. Half-open: `half_open_calls` probes pass, no
more; when all have come back well it closes, the first that fails opens it again. (M. Nygard, "Release It!", 2007; the
sliding window as in resilience4j.) Each target has its own state.

Counted is what tells about the target: not a request that was answered or turned back without a call, nor a call that its
client broke off for reasons of its own, such as the deadline of the request.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from app.safeguards.base import MICRO, Inward, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Attempt, Result
from app.safeguards.errors import BREAKER_OPEN
from app.safeguards.request import Request
from app.scenario.numbers import Count, Duration, SomeShare

CLOSED, OPEN, HALF_OPEN = 0, 1, 2


@register
class Breaker(Safeguard):
    """Turns calls back while their target is unwell."""

    kind: Literal["breaker"] = "breaker"
    failure_ratio: SomeShare = 0.5
    window_s: Duration = 30
    min_calls: Count = 20
    open_s: Duration = 5
    half_open_calls: Count = 3
    slow_call_s: Duration | None = None
    """A call that took longer counts as failed."""

    def layer(self, world: World) -> Layer:
        """The layer with a breaker per target."""
        return BreakerLayer(self, len(world.targets))


class Circuit:
    """The state of the breaker of one target."""

    def __init__(self) -> None:
        self.state = CLOSED
        self.calls: deque[int] = deque()
        """When the calls of the last `window_s` came back; those that failed stand in `failures` too."""
        self.failures: deque[int] = deque()
        self.reopens_us = 0
        """Open: when probes may pass. Half-open: when new probes may pass although the earlier ones are not back."""
        self.probes_out = 0
        self.probes_well = 0
        self.era = 1
        """Counts the times it left or entered closed: a call of an earlier era has no say."""

    def turn(self, state: int) -> None:
        """Enter `state`, with a clean slate."""
        self.state = state
        self.era += 1
        self.calls.clear()
        self.failures.clear()
        self.probes_out = self.probes_well = 0


class BreakerLayer(Layer):
    """Lets calls pass or turns them back. The memo holds the circuit and the era of what was let pass, and how many attempts
    had been made before."""

    def __init__(self, settings: Breaker, targets: int) -> None:
        super().__init__(settings)
        self.failure_ratio = settings.failure_ratio
        self.window_us = round(settings.window_s * MICRO)
        self.min_calls = settings.min_calls
        self.open_us = round(settings.open_s * MICRO)
        self.half_open_calls = settings.half_open_calls
        self.slow_us = None if settings.slow_call_s is None else round(settings.slow_call_s * MICRO)
        self.circuits = [Circuit() for _ in range(targets)]

    def adopt(self, earlier: Layer) -> None:
        """Keep the states."""
        if isinstance(earlier, BreakerLayer) and len(earlier.circuits) == len(self.circuits):
            self.circuits = earlier.circuits

    def enter(self, request: Request, now: int) -> Inward:
        """Pass, or turn back."""
        circuit = self.circuits[request.target]
        if circuit.state != CLOSED:
            if circuit.state == OPEN:
                if now < circuit.reopens_us:
                    return Result.failure(BREAKER_OPEN)
                circuit.turn(HALF_OPEN)
                circuit.reopens_us = now + self.open_us
            if circuit.probes_out + circuit.probes_well >= self.half_open_calls:
                if now < circuit.reopens_us:
                    return Result.failure(BREAKER_OPEN)
                # Probes that are not back by now are given up, or a call that never ends would keep it half-open.
                circuit.turn(HALF_OPEN)
                circuit.reopens_us = now + self.open_us
            circuit.probes_out += 1
        request.memo[self.slot] = (circuit, circuit.era, len(request.attempts))
        return None

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Count a success, or a failure that tells about the target, such as a slow call; give a probe's place back
        otherwise."""
        circuit, era, first = request.memo[self.slot]
        if era != circuit.era:
            return None
        error = result.error
        if error is None and self.slow_us is None and type(result) is Attempt:
            failed = False
        else:
            called = type(result) is Attempt or bool(request.attempts_since(first))
            failed = called and (
                (error is not None and error.trips_breaker)
                or (self.slow_us is not None and self._is_slow(result, now))
            )
            if not called or (error is not None and not failed):
                if circuit.state == HALF_OPEN:
                    circuit.probes_out -= 1
                return None
        if circuit.state == HALF_OPEN:
            self._count_probe(circuit, failed, now)
            return None
        calls = circuit.calls
        calls.append(now)
        horizon = now - self.window_us
        while calls[0] <= horizon:
            calls.popleft()
        if failed:
            failures = circuit.failures
            failures.append(now)
            while failures[0] <= horizon:
                failures.popleft()
            if len(calls) >= self.min_calls and len(failures) >= self.failure_ratio * len(calls):
                self._open(circuit, now)
        return None

    failed = answered

    def _is_slow(self, result: Result, now: int) -> bool:
        return (
            self.slow_us is not None
            and isinstance(result, Attempt)
            and now - result.started_us > self.slow_us
        )

    def _count_probe(self, circuit: Circuit, failed: bool, now: int) -> None:
        circuit.probes_out -= 1
        if failed:
            self._open(circuit, now)
        else:
            circuit.probes_well += 1
            if circuit.probes_well >= self.half_open_calls:
                circuit.turn(CLOSED)

    def _open(self, circuit: Circuit, now: int) -> None:
        circuit.turn(OPEN)
        circuit.reopens_us = now + self.open_us
