"""What a variant's settings say about its primary: load, capacity, the load above which overload keeps itself up, recovery.

A fluid model of one target with slots and a first-in, first-out queue, after N. Bronson, A. Aghayev, A. Charapko and
T. Zhu, "Metastable failures in distributed systems" (HotOS 2021). Calls are taken as many and the rate as steady; faults
that strike single calls are not counted, nor are fallbacks, which have slots of their own. What chance does is left out:
near a boundary, and with few slots, a run may do otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from app.analysis.stability.client import COUNTED, Client, client_of
from app.analysis.stability.recovery import Flow, Recovery, Trigger, recovery, tipping_s
from app.analysis.stability.service import Service, mean_input_tokens, mean_output_tokens, service_of
from app.errors import UserError
from app.faults.incidents import Outage
from app.providers.profile import Target
from app.scenario.model import Scenario, variant_title

Verdict = Literal["recovers", "may not recover", "overloaded"]

_WAITS = 120
"""At so many waits the load is looked at, from none to the timeout."""
_LONGEST_WAIT_S = 86_400.0
_HALVINGS = 50
_MOST_STEPS = 5_000
_USUAL_OUTAGE_S = 20.0


@dataclass(frozen=True)
class Assessment:
    """One variant at one load. Rates are per second, None where there is no such limit, infinite where there is no bound.

    `recoverable_per_s` is the load up to which it recovers from any trigger; `tipping_s` the shortest standstill that it
    does not come back from (None: any can be survived), `recoveries` what is expected after each trigger.
    """

    variant: str
    title: str
    rate_per_s: float
    peak_per_s: float
    erlangs: float
    slots: int
    mean_service_s: float
    slots_per_s: float
    rpm_per_s: float | None
    tpm_per_s: float | None
    capacity_per_s: float
    bound_by: Literal["slots", "rpm", "tpm"]
    attempts_healthy: float
    attempts_failing: float
    calls_in_all: int
    recoverable_per_s: float
    tipping_s: float | None
    recoveries: tuple[Recovery, ...]
    left_out: tuple[str, ...]
    """Safeguards that are on and that this arithmetic leaves out, by id."""

    @property
    def rho(self) -> float:
        """Load over capacity, when all is well."""
        return (
            self.erlangs / self.slots if self.bound_by == "slots" else self.calls_per_s / self.capacity_per_s
        )

    @property
    def calls_per_s(self) -> float:
        """Calls to the primary per second when all is well."""
        return self.rate_per_s * self.attempts_healthy

    @property
    def verdict(self) -> Verdict:
        """What becomes of it at this load after a trigger that is strong enough."""
        return self._verdict_at(self.rate_per_s)

    @property
    def verdict_at_peak(self) -> Verdict:
        """The same if the highest rate of the run stayed."""
        return self._verdict_at(self.peak_per_s)

    def _verdict_at(self, rate_per_s: float) -> Verdict:
        if rate_per_s * self.attempts_healthy >= self.capacity_per_s:
            return "overloaded"
        return "recovers" if rate_per_s < self.recoverable_per_s else "may not recover"


def assess(
    scenario: Scenario,
    variant: str,
    *,
    triggers: Sequence[Trigger] | None = None,
    at_s: float | None = None,
    trace_per_s: float | None = None,
) -> Assessment:
    """The variant at the rate of `at_s`, or on average over the run; after `triggers`, or the outages it has planned.

    `trace_per_s` is a replayed trace's own rate. Raises UserError where the rate is the trace's and is not given.
    """
    traffic = scenario.traffic
    if not traffic.has_rate and trace_per_s is None:
        raise UserError(
            "the rate is that of a recorded trace, which only a run knows",
            where="traffic",
            do="Ask about a run of it, or give traffic.rate_per_s.",
        )
    primary = next(iter(scenario.targets.values()))
    client = client_of(scenario, variant)
    rate_per_s, peak_per_s = _rates(scenario, at_s, trace_per_s)
    idle = service_of(primary, scenario.tokens)
    busy = idle.stretched(1 + primary.slowdown * (primary.at_once - 1) / primary.slots)
    slots_per_s = primary.at_once / busy.mean_s
    rpm_per_s, tpm_per_s = _limits(primary, scenario)
    bounds = {"slots": slots_per_s, "rpm": rpm_per_s or inf, "tpm": tpm_per_s or inf}
    capacity_per_s = min(bounds.values())
    limit_per_s = min(bounds["rpm"], bounds["tpm"])
    lost, _ = idle.cut_off(0, client.first_token_s, client.attempt_s)
    healthy = (1 - client.cached_share) * client.calls_per_request(lost, rate_per_s)
    storm = _Storm(client, busy, limit_per_s)
    flow = Flow(
        rate_per_s,
        calm_per_s=min(rate_per_s * healthy, limit_per_s),
        failing_per_s=storm.failing_per_s(rate_per_s),
        storm_per_s=storm.slots_at(rate_per_s) / busy.mean_s,
        served_per_s=slots_per_s,
        limit_per_s=limit_per_s,
    )
    chosen = planned_outages(scenario) if triggers is None else triggers
    return Assessment(
        variant=variant,
        title=variant_title(variant, scenario.variants[variant]),
        rate_per_s=rate_per_s,
        peak_per_s=peak_per_s,
        erlangs=_erlangs(rate_per_s * healthy * idle.mean_s, primary),
        slots=primary.at_once,
        mean_service_s=idle.mean_s,
        slots_per_s=slots_per_s,
        rpm_per_s=rpm_per_s,
        tpm_per_s=tpm_per_s,
        capacity_per_s=capacity_per_s,
        bound_by=min(bounds, key=lambda name: bounds[name]),  # type: ignore[arg-type]
        attempts_healthy=healthy,
        attempts_failing=client.calls_per_request(1, rate_per_s),
        calls_in_all=client.calls_in_all,
        recoverable_per_s=storm.least_rate_per_s(
            primary.at_once, capacity_per_s / healthy if healthy else inf
        ),
        tipping_s=tipping_s(client, busy, flow),
        recoveries=tuple(recovery(each, client, busy, flow, scenario.patience_s) for each in chosen),
        left_out=tuple(
            each.id for each in scenario.variants[variant].safeguards if each.on and each.kind not in COUNTED
        ),
    )


def planned_outages(scenario: Scenario) -> tuple[Trigger, ...]:
    """The primary's outages that have an end, in order of begin; if there are none, a standstill of 20 s to think of."""
    primary = next(iter(scenario.targets))
    outages = sorted(
        (each for each in scenario.faults if isinstance(each, Outage) and each.on and each.to_s is not None),
        key=lambda each: each.from_s,
    )
    found = tuple(
        Trigger(
            each.label or each.id,
            (each.bad_s or (each.to_s or 0) - each.from_s)
            if each.mean_duration_s is None
            else each.mean_duration_s,
            each.outage_mode,
            each.hang_share,
        )
        for each in outages
        if not each.targets or primary in each.targets
    )
    return found or (Trigger(f"A standstill of {_USUAL_OUTAGE_S:g} s", _USUAL_OUTAGE_S, "freeze"),)


class _Storm:
    """The work that arrives at the worst, at any rate. The waits w that it may come from are gone through once.

    At a wait w the share q(w) of the calls times out, and the target puts work(w) into one on average; lambda A(q) calls
    arrive, of which a limit turns some away at no cost. Overload keeps itself up at the waits where lambda A(q) E[work]
    exceeds the slots. An open breaker lets nothing but probes pass, whatever the retries.
    """

    def __init__(self, client: Client, service: Service, limit_per_s: float) -> None:
        self._client = client
        self._service = service
        self._limit_per_s = limit_per_s
        waits_s = np.linspace(0, min(client.timeout_s, _LONGEST_WAIT_S), _WAITS).tolist()
        self._cut_off = [service.cut_off(each, client.first_token_s, client.attempt_s) for each in waits_s]

    def failing_per_s(self, rate_per_s: float) -> float:
        """Calls that arrive while the backlog drains: all time out; one at the worst, where late calls are not begun."""
        if self._service.kept and not self._client.gives_way(rate_per_s):
            return min(self._limit_per_s, rate_per_s * self._client.calls_per_request(1, rate_per_s))
        return self.slots_at(rate_per_s) / self._service.mean_s

    def slots_at(self, rate_per_s: float) -> float:
        """The most slots' worth of work that arrives at this rate, over all waits."""
        client = self._client
        if client.gives_way(rate_per_s):
            return client.probes_per_s * self._service.mean_s
        return max(
            min(self._limit_per_s, rate_per_s * client.calls_per_request(share, rate_per_s)) * worked_s
            for share, worked_s in self._cut_off
        )

    def least_rate_per_s(self, slots: int, most_per_s: float) -> float:
        """The least rate at which it takes all slots, by bisection; `most_per_s` if none below that does."""
        low, high = 0.0, most_per_s
        if high == inf or self.slots_at(high) < slots:
            return high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.slots_at(middle) >= slots else (middle, high)
        return low


def _rates(scenario: Scenario, at_s: float | None, trace_per_s: float | None) -> tuple[float, float]:
    """The rate now, or on average, and the highest of the run (over stretches of a second, or longer in a long run)."""
    traffic, duration_s = scenario.traffic, scenario.duration_s
    profile = traffic.profile(trace_per_s or 1.0)
    steps = int(min(_MOST_STEPS, max(1, duration_s)))
    edges_us = np.linspace(0, duration_s * 1e6, steps + 1).astype(np.int64)
    rates = np.diff(profile.integral(edges_us)) / np.diff(edges_us) * 1e6
    factor = 1.0 if traffic.bursts is None else traffic.bursts.burst_factor
    if at_s is None:
        return float(rates.mean()), float(rates.max()) * factor
    now_us = int(min(at_s, duration_s) * 1e6)
    two = profile.integral(np.array([now_us, now_us + 1_000_000]))
    return float(two[1] - two[0]), float(rates.max()) * factor


def _limits(target: Target, scenario: Scenario) -> tuple[float | None, float | None]:
    """Calls a second that the limits let through: rpm / 60, and tpm / 60 over the mean tokens of a call."""
    rpm_per_s = None if target.rpm is None else target.rpm / 60
    prompt = mean_input_tokens(scenario.tokens)
    if target.tpm is None or prompt is None:
        return rpm_per_s, None
    return rpm_per_s, target.tpm / 60 / (prompt + mean_output_tokens(scenario.tokens))


def _erlangs(work_s: float, target: Target) -> float:
    """Slots in use: a = work (1 + slowdown a / c), where the target slows down as it fills; infinite if beyond all."""
    spread = 1 - work_s * target.slowdown / target.slots
    return work_s / spread if spread > 0 else inf
