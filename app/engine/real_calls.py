"""What a run of real calls needs beside its scenario: leave to spend, where calls go, and which key goes with them.

It checks, before anything is sent, that the scenario can be carried out for real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.engine.wire_faults import check_outside
from app.errors import UserError
from app.scenario.edit import with_setting
from app.scenario.model import Scenario

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.providers.endpoint import Endpoint
    from app.providers.profile import Target

KeyFor = Callable[[str], "SecretStr | None"]
"""The key for an origin (scheme, host and port), None where it needs none."""


def no_key(_origin: str) -> SecretStr | None:
    """For endpoints that ask for no key."""
    return None


@dataclass(frozen=True)
class RealCalls:
    """Leave to make real calls.

    max_usd       what all variants together may spend at the most
    side_by_side  whether the variants run at the same time; else they take turns
    keep_answers  whether the texts of answers are kept in the session log
    key_for       the key for an origin; asked for nothing but the origins of the scenario's own endpoints
    """

    max_usd: float
    side_by_side: bool = False
    keep_answers: bool = True
    key_for: KeyFor = field(default=no_key, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.max_usd <= 1e6:
            raise UserError(
                f"{self.max_usd:g} is no amount that real calls may cost",
                where="max_usd",
                do="Give more than 0 US dollars, and a million at the most.",
                option="--max-usd USD",
            )


def endpoints_of(scenario: Scenario, key_for: KeyFor) -> dict[str, Endpoint]:
    """Where real calls go, by target. Raises UserError for a target without an endpoint, a model or a price."""
    return {name: endpoint_of(scenario, name, key_for) for name in scenario.targets}


def endpoint_of(scenario: Scenario, name: str, key_for: KeyFor) -> Endpoint:
    """Where real calls to this target go. Raises UserError if it has no endpoint, no model or no price."""
    from app.providers.endpoint import Endpoint

    target = scenario.targets[name]
    where = f"targets.{name}"
    if target.endpoint is None:
        raise UserError(
            f"the target '{name}' has no endpoint",
            where=where,
            do="Say where real calls to it go, and how it is spoken to.",
            option=f"--set {where}.endpoint.base_url=https://host/v1",
        )
    if not target.model:
        raise UserError(
            f"the target '{name}' has no model to ask for",
            where=where,
            do="Name the model as its provider does.",
            option=f"--set {where}.model=NAME",
        )
    try:
        target.tariff()
    except UserError as error:
        raise UserError(
            error.what, where=where, do=f"Without a price no cap can be kept: give {where}.price."
        ) from None
    without = Endpoint(target.endpoint.base_url, target.model, None, target.endpoint.api)
    key = key_for(without.origin)
    return Endpoint(target.endpoint.base_url, target.model, key, target.endpoint.api)


def check_real(scenario: Scenario, key_for: KeyFor = no_key) -> None:
    """Raise UserError for what cannot be done with real calls, also where a planned change brings it about, and for a key
    that cannot be had."""
    endpoints_of(scenario, key_for)
    check_now(scenario)
    for change in sorted(scenario.changes, key=lambda each: each.at_s):
        where = f"changes, at {change.at_s:g} s"
        changed = with_setting(scenario, change.set, change.value, where=where)
        for name, target in scenario.targets.items():
            if _paid(target) != _paid(changed.targets[name]):
                # Leave was given for these; at another price the cap would be another one.
                raise UserError(
                    f"model and price of the target '{name}' cannot change by themselves in a run of real calls",
                    where=where,
                    do="Take the change out, or make the target's settings so from the start.",
                )
        scenario = changed
        check_now(scenario)


def _paid(target: Target) -> tuple[object, ...]:
    """What decides on what its calls cost."""
    return target.model, target.price, target.price_as_of


def check_now(scenario: Scenario) -> None:
    """The same of the settings as they are, without the planned changes."""
    check_outside(scenario)
