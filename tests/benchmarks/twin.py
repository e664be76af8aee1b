"""The SimPy twin of `full.toml`: the model as a SimPy user writes it, a process per request and per call.

Every call is a process of its own, whether it ends well, with an error or never: its client waits for
`call | timeout` and interrupts it when it gives up. Draws are made ahead in numpy, and rows are tuples of a few
fields. With `real_timeouts=False` the client computes who will win the race, which nobody can who does not know
beforehand how long a call will take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import simpy

from tests.benchmarks.twin_world import (
    DRAIN_S,
    DURATION_S,
    ERRORS,
    HANG,
    MAX_TOKENS,
    OUTAGE,
    OUTAGE_S,
    PATIENCE_S,
    PROFILES,
    SLOW,
    SPOILS,
    Plan,
    Shared,
    Target,
)

Steps = Generator[Any, Any, Any]
TRIPS = frozenset({"server_error", "overloaded", "timeout"})


class Reply:
    """How a call ended."""

    __slots__ = ("cost_usd", "error", "retry_after_s", "right", "spoiled")

    def __init__(self, error: str | None, cost_usd: float, retry_after_s: float | None = None) -> None:
        self.error = error
        self.cost_usd = cost_usd
        self.retry_after_s = retry_after_s
        self.right = False
        self.spoiled = False


class Twin:
    """One variant's world."""

    def __init__(self, plan: Plan, variant: str, *, real_timeouts: bool = True) -> None:
        self.env = simpy.Environment()
        self.plan = plan
        self.targets = [Target(self.env, p, r) for p, r in zip(PROFILES, plan.roles, strict=True)]
        self.shared = Shared()
        self.real_timeouts = real_timeouts
        self.variant = self.prototype if variant == "prototype" else self.safeguarded
        self.requests: list[tuple[Any, ...]] = []
        self.attempts: list[tuple[Any, ...]] = []
        self.offered = 0

    def run(self) -> Counter[str]:
        """Run to the end; the outcomes by name."""
        self.env.process(self.arrive())
        self.env.run(until=DURATION_S + DRAIN_S)
        outcomes = Counter(row[4] for row in self.requests)
        outcomes["failed"] += self.offered - len(self.requests)
        return outcomes

    def arrive(self) -> Steps:
        """Requests, whatever becomes of earlier ones."""
        env = self.env
        for number, at_s in enumerate(self.plan.arrival):
            if at_s >= DURATION_S:
                return
            yield env.timeout(at_s - env.now)
            self.offered += 1
            env.process(self.variant(number, at_s))

    # -- variants ------------------------------------------------------------------------------------------

    def prototype(self, number: int, at_s: float) -> Steps:
        """Two retries, and ten minutes of patience."""
        env = self.env
        cost_usd = 0.0
        for retry in range(3):
            reply = yield from self.call(number, 0, retry, 600.0)
            cost_usd += reply.cost_usd
            if reply.error is None:
                self.finish(number, at_s, "primary", reply.right, cost_usd)
                return
            wait_s = reply.retry_after_s
            if retry == 2 or (wait_s is not None and wait_s > 120):
                break
            if wait_s is None:
                wait_s = min(8.0, 0.5 * 2**retry) * (1 - 0.25 * self.plan.jitter[retry][number])
            yield env.timeout(wait_s)
        self.finish(number, at_s, "nobody", False, cost_usd)

    def safeguarded(self, number: int, at_s: float) -> Steps:
        """Deadline, cache with single flight, then the calls, then a canned answer."""
        env, shared = self.env, self.shared
        deadline = at_s + 30
        key = self.plan.question[number]
        cache, flights = shared.cache, shared.flights
        entry = cache.get(key)
        if entry is not None and env.now < entry[0]:
            cache.move_to_end(key)
            self.finish(number, at_s, "cache", entry[1], 0.0)
            return
        if key in flights:
            flight = flights[key]
            if flight is None:
                flight = flights[key] = env.event()
            yield flight | env.timeout(deadline - env.now)
            led = flight.value if flight.triggered else None
            if led is None:
                self.finish(number, at_s, "canned", True, 0.0)
            else:
                self.finish(number, at_s, "cache", led.right, 0.0)
            return
        flights[key] = None
        served_by, reply, cost_usd = yield from self.ask(number, deadline)
        flight = flights.pop(key)
        if reply is not None:
            cache[key] = (env.now + 600, reply.right)
            if len(cache) > 10_000:
                cache.popitem(last=False)
        if flight is not None:
            flight.succeed(reply)
        if reply is None:
            self.finish(number, at_s, "canned", True, cost_usd)
        else:
            self.finish(number, at_s, served_by, reply.right, cost_usd)

    def ask(self, number: int, deadline: float) -> Steps:
        """Fallback, retry, breaker, budget, timeout, answer check: who answered, the answer, the cost."""
        env, shared = self.env, self.shared
        cost_usd = 0.0
        for index, target in enumerate(self.targets):
            breaker = shared.breakers[index]
            profile = target.profile
            most_usd = self.plan.input_tokens[number] * profile.input_usd + MAX_TOKENS * profile.output_usd
            for retry in range(3):
                if not breaker.allow(env.now):
                    break
                era = breaker.era
                if shared.left_usd < most_usd:
                    return "canned", None, cost_usd
                shared.left_usd -= most_usd
                reply = yield from self.call(number, index, retry, min(8.0, deadline - env.now))
                shared.left_usd += most_usd - reply.cost_usd
                cost_usd += reply.cost_usd
                now = env.now
                if reply.error in TRIPS:
                    breaker.record(era, True, now)
                elif reply.error is None and not reply.spoiled:
                    breaker.record(era, False, now)
                    shared.retries.give_back(0.1)
                    return ("fallback" if index else "primary"), reply, cost_usd
                elif breaker.state == "half_open" and era == breaker.era:
                    breaker.out -= 1
                if retry == 2:
                    break
                wait_s = reply.retry_after_s
                if wait_s is None:
                    wait_s = min(8.0, 0.5 * 2**retry) * self.plan.jitter[retry][number]
                elif wait_s > 1:
                    break
                if now + wait_s >= deadline or shared.retries.wait_s(1.0, now) > 0:
                    break
                shared.retries.level -= 1
                yield env.timeout(wait_s)
            if env.now >= deadline:
                break
        return "canned", None, cost_usd

    def finish(self, number: int, at_s: float, served_by: str, right: bool, cost_usd: float) -> None:
        """Note what the customer got."""
        now = self.env.now
        if served_by == "nobody":
            outcome = "failed"
        elif served_by == "canned":
            outcome = "degraded"
        elif not right:
            outcome = "wrong"
        else:
            outcome = "late" if now - at_s > PATIENCE_S else "good"
        self.requests.append((number, at_s, now, served_by, outcome, cost_usd))

    # -- a call --------------------------------------------------------------------------------------------

    def call(self, number: int, index: int, retry: int, limit_s: float) -> Steps:
        """One call, at most `limit_s` long."""
        env = self.env
        began = env.now
        target = self.targets[index]
        reply = yield from self.meet(target, target.roles[retry], number, limit_s)
        self.attempts.append((number, index, retry, began, env.now, reply.error, reply.cost_usd))
        return reply

    def meet(self, target: Target, role: Any, number: int, limit_s: float) -> Steps:
        """Faults, limits, then service."""
        env = self.env
        now = env.now
        first_s, output = role.first[number], role.output[number]
        spoiled = False
        hits = role.hits[number]
        if hits & OUTAGE and not OUTAGE_S[0] <= now < OUTAGE_S[1]:
            hits &= ~OUTAGE
        keep = 1.0
        if hits:
            for bit, error, retry_after_s in ERRORS:
                if hits & bit:
                    return (yield from self.fail(error, 0.05, limit_s, retry_after_s))
            if hits & HANG or (hits & OUTAGE and role.hangs[number]):
                return (yield from self.fail("timeout", None, limit_s))
            if hits & OUTAGE:
                return (yield from self.fail("overloaded", 0.02, limit_s))
            if hits & SLOW:
                first_s *= role.slow[number]
            for bit, kept in SPOILS:
                if hits & bit:
                    spoiled, keep = True, kept
                    break
        kept_output = max(1, round(output * keep))
        stream_s = (output - 1) / target.profile.tokens_per_s * kept_output / output
        input_tokens = self.plan.input_tokens[number]
        units = input_tokens + MAX_TOKENS
        short_s = max(target.rpm.wait_s(1, now), target.tpm.wait_s(units, now))
        if short_s > 0:
            return (yield from self.fail("rate_limited", 0.05, limit_s, short_s))
        target.rpm.level -= 1
        target.tpm.level -= units
        serve = self.race if self.real_timeouts else self.foresee
        done, started = yield from serve(target, first_s + stream_s, limit_s)
        generated = kept_output
        if not done:
            if started is None:
                target.tpm.give_back(units)
                return Reply("timeout", 0.0)
            streamed_s = env.now - started - first_s
            generated = 0 if streamed_s < 0 else 1 + int((kept_output - 1) * streamed_s / max(stream_s, 1e-6))
        target.tpm.give_back(units - input_tokens - generated)
        profile = target.profile
        reply = Reply(
            None if done else "timeout", input_tokens * profile.input_usd + generated * profile.output_usd
        )
        reply.spoiled = spoiled
        reply.right = role.right[number] and not spoiled
        return reply

    def fail(
        self, error: str, after_s: float | None, limit_s: float, retry_after_s: float | None = None
    ) -> Steps:
        """An error as the reply after a while, or never (None), if the client waits that long."""
        env = self.env
        if self.real_timeouts:
            call = env.process(self.pause(after_s))
            yield call | env.timeout(limit_s)
            in_time = call.triggered
            if not in_time:
                call.interrupt()
        else:
            in_time = after_s is not None and after_s <= limit_s
            yield env.timeout(limit_s if after_s is None else min(after_s, limit_s))
        return Reply(error, 0.0, retry_after_s) if in_time else Reply("timeout", 0.0)

    def pause(self, after_s: float | None) -> Steps:
        """A call that the server leaves lying, for a while or for ever."""
        with suppress(simpy.Interrupt):
            yield self.env.event() if after_s is None else self.env.timeout(after_s)

    def race(self, target: Target, service_s: float, limit_s: float) -> Steps:
        """Whichever is first, the call's end or the client's patience: (done, when service began)."""
        env = self.env
        progress: list[float] = []
        service = env.process(self.serve(target, service_s, progress))
        yield service | env.timeout(limit_s)
        if service.triggered:
            return True, progress[0]
        service.interrupt()
        return False, progress[0] if progress else None

    def serve(self, target: Target, service_s: float, progress: list[float]) -> Steps:
        """A call on the server: a slot, then the work, unless the client leaves."""
        env = self.env
        with target.slots.request() as slot:
            try:
                yield slot
                progress.append(env.now)
                yield env.timeout(service_s)
            except simpy.Interrupt:
                pass

    def foresee(self, target: Target, service_s: float, limit_s: float) -> Steps:
        """The same without a race: how long the service takes is known when it begins."""
        env = self.env
        until = env.now + limit_s
        with target.slots.request() as slot:
            if not slot.triggered:
                yield slot | env.timeout(limit_s)
                if not slot.triggered:
                    return False, None
            started = env.now
            done = started + service_s <= until
            yield env.timeout(service_s if done else until - started)
            return done, started


def both(seed: int, requests: int, *, real_timeouts: bool = True) -> tuple[dict[str, Counter[str]], int]:
    """Both variants on the same draws, one after the other: outcomes by variant; requests offered to each."""
    plan = Plan(seed, requests)
    outcomes = {}
    offered = 0
    for variant in ("prototype", "safeguarded"):
        twin = Twin(plan, variant, real_timeouts=real_timeouts)
        outcomes[variant] = twin.run()
        offered = twin.offered
    return outcomes, offered
