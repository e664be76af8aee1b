"""The known results by name: which there are, and which one is meant by a name and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from app.analysis.validation.arrivals import PoissonArrivals
from app.analysis.validation.backoff import Backoff
from app.analysis.validation.base import KnownResult
from app.analysis.validation.caches import LRUCache, TTLCache
from app.analysis.validation.clients import AdaptiveThrottling, ClientQueue, Hedging
from app.analysis.validation.closed import MachineRepairman
from app.analysis.validation.incidents import BreakerTimes, Stall
from app.analysis.validation.limits import TokenBucket
from app.analysis.validation.metastable import Metastable
from app.analysis.validation.queues import MD1, MM1, ErlangC, LittlesLaw, WaitTail
from app.analysis.validation.retries import LayeredRetries, Retries, RetryTokenBucket
from app.errors import UserError
from app.scenario.edit import parse_value
from app.scenario.explain import explain

RESULTS: dict[str, type[KnownResult]] = {
    each.name: each
    for each in (
        ErlangC,
        Metastable,
        Backoff,
        MM1,
        MD1,
        WaitTail,
        LittlesLaw,
        PoissonArrivals,
        Retries,
        LayeredRetries,
        RetryTokenBucket,
        MachineRepairman,
        LRUCache,
        TTLCache,
        TokenBucket,
        ClientQueue,
        Hedging,
        AdaptiveThrottling,
        BreakerTimes,
        Stall,
    )
}
"""In the order in which they are begun and shown: those that take longest come first."""


def cases_of(name: str, settings: Sequence[str] = ()) -> list[KnownResult]:
    """A known result's own cases, or the one with the parameters `settings` ('key=value').

    Raises UserError for a name or a parameter that there is not, and for a value that does not fit.
    """
    kind = RESULTS.get(name)
    if kind is None:
        near = get_close_matches(name, RESULTS, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise UserError(f"there is no known result '{name}'", do=f"{hint}There is: {', '.join(RESULTS)}.")
    if not settings:
        return list(kind.cases())
    given: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"'{text}' sets nothing", where="--set", do="Write key=value.")
        given[key.strip()] = parse_value(value.strip())
    try:
        return [kind.model_validate(given)]
    except ValidationError as error:
        raise explain(error, kind, f"{name}, --set", given) from None
