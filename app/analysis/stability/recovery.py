"""How long after an outage a variant is well again: the calls held back, and how fast they drain. Fluid formulas alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from app.analysis.stability.client import Client
from app.analysis.stability.service import Service

_LONGEST_S = 3_600.0
_HALVINGS = 50


@dataclass(frozen=True)
class Trigger:
    """An outage of so many seconds, and what becomes of its calls (`Outage.outage_mode`)."""

    label: str
    outage_s: float
    mode: Literal["error", "lost", "freeze", "redeliver"] = "freeze"
    hang_share: float = 0.0


@dataclass(frozen=True)
class Flow:
    """Per second: requests; calls when all is well (`calm`), when every call times out (`failing`) and at the worst
    (`storm`); calls that the slots serve, and calls that the limits let through."""

    rate_per_s: float
    calm_per_s: float
    failing_per_s: float
    storm_per_s: float
    served_per_s: float
    limit_per_s: float = inf


@dataclass(frozen=True)
class Recovery:
    """What is expected after a trigger: `held_back` calls as it ends, and answers in time `after_s` later (None: never)."""

    trigger: Trigger
    held_back: float
    after_s: float | None


def recovery(trigger: Trigger, client: Client, service: Service, flow: Flow, patience_s: float) -> Recovery:
    """How long after the trigger's end requests are answered in time again.

    While calls wait longer than the timeout T leaves for their service S they fail, and the backlog B changes by
    Lambda - mu, where Lambda counts retries; then by lambda - mu, until nobody waits longer than the patience P leaves:
    t = (B - (T - S) mu) / (mu - Lambda), and from there ((T - S) - (P - S)) mu / (mu - lambda). (As
    `validation.formulas.recovery_s`, where S = 0 and P = T.) A request whose last call begins s after its first is answered
    if that one is, so requests are back s before first calls are; an open breaker finds out with its next probes, `open_s`
    and their own wait of up to T later. Where the storm brings more than is served there is no end to it, unless by chance.
    """
    backlog = held_back(trigger, client, service, flow)
    room = max(0.0, client.timeout_s - service.mean_s) * flow.served_per_s
    content = min(room, max(0.0, patience_s - service.mean_s) * flow.served_per_s)
    stormy, calm = max(0.0, backlog - room), max(0.0, min(backlog, room) - content)
    if flow.calm_per_s >= flow.served_per_s or (stormy and flow.storm_per_s >= flow.served_per_s):
        return Recovery(trigger, backlog, None)
    after_s = stormy / (flow.served_per_s - flow.failing_per_s) if stormy else 0.0
    if client.breaker is not None and client.gives_way(flow.rate_per_s):
        if stormy or trigger.mode == "error":
            after_s += client.breaker.open_s + (client.timeout_s if stormy else 0)
    elif client.budget is None:
        after_s -= max(
            start_s for start_s in client.starts_s if start_s == 0 or start_s + service.mean_s <= patience_s
        )
    return Recovery(trigger, backlog, max(0.0, after_s) + calm / (flow.served_per_s - flow.calm_per_s))


def held_back(trigger: Trigger, client: Client, service: Service, flow: Flow) -> float:
    """Calls that wait at the target when the trigger ends.

    Work that is kept (freeze, redeliver): request j of the outage has made its call i if that began before the end, so
    lambda sum(D - start_i) over the calls with start_i < D; no more than a retry budget holds and earns, none after the
    breaker has opened, none that a limit turned away. A target that drops what nobody waits for keeps at the most the last
    timeout's worth, T mu. Work that is not kept (error, lost): only the retries of the calls that hung come together with
    the new calls, for one timeout: (lambda n - mu) T.
    """
    timeout_s, rate_per_s, served_per_s = client.timeout_s, flow.rate_per_s, flow.served_per_s
    if trigger.mode in ("error", "lost"):
        hanging = trigger.hang_share if trigger.mode == "error" else 1.0
        n = client.calls_per_request(1, rate_per_s)
        if client.gives_way(rate_per_s) or timeout_s == inf:
            return 0.0
        together_per_s = rate_per_s * (1 + (n - 1) * hanging)
        return max(0.0, together_per_s - served_per_s) * min(timeout_s, trigger.outage_s)
    lasting_s = min(trigger.outage_s, client.opens_after_s(rate_per_s))
    first = rate_per_s * lasting_s
    again = rate_per_s * sum(max(0.0, lasting_s - start_s) for start_s in client.starts_s[1:])
    if client.budget is not None:
        again = min(again, client.budget.max_tokens + client.budget.min_per_s * lasting_s)
    calls = min(first + again, flow.limit_per_s * lasting_s)
    return calls if service.kept else min(calls, timeout_s * served_per_s)


def tipping_s(client: Client, service: Service, flow: Flow) -> float | None:
    """The shortest standstill after which calls time out faster than they drain; None if none does, up to an hour."""
    if max(flow.storm_per_s, flow.calm_per_s) < flow.served_per_s:
        return None

    def tips(outage_s: float) -> bool:
        room = max(0.0, client.timeout_s - service.mean_s) * flow.served_per_s
        return held_back(Trigger("", outage_s), client, service, flow) > room

    low, high = 0.0, _LONGEST_S
    if not tips(high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if tips(middle) else (middle, high)
    return high
