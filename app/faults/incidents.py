"""Incidents: the target is out, limps, shrinks, gets dearer or forgets, for everybody at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from app.faults.base import MICRO, AttemptFault, Injection, register
from app.safeguards.errors import OVERLOADED, SERVER_ERROR
from app.scenario.numbers import Seconds, Share, SomeShare, TimesAsMuch


@register
class Outage(AttemptFault):
    """The target is out; `outage_mode` says what becomes of the work.

    error: calls get an instant 503, or hang (`hang_share` of them); work in service goes on.
    lost: calls are never answered; work in service goes on.
    freeze: work in service and in the queue waits and goes on afterwards; what arrives queues.
    redeliver: what arrives is held back and delivered all at once at the end; work in service goes on.
    The last two happen to the target itself, whoever calls: their `rate` is 0 or 1.
    """

    kind: Literal["outage"] = "outage"
    outage_mode: Literal["error", "lost", "freeze", "redeliver"] = "error"
    hang_share: Share = 0.3
    after_s: Seconds = 0.02
    default_rate: ClassVar[float | None] = 1.0
    incident: ClassVar[bool] = True

    @model_validator(mode="after")
    def _for_everybody(self) -> Self:
        picks = self.first or self.every or self.match or self.prompts or self.rate not in (0, 1)
        if self.outage_mode in ("freeze", "redeliver") and picks:
            raise ValueError(
                f"'{self.outage_mode}' stops the target for every call: "
                "it takes no 'first', 'every', 'match' or 'prompts', and a 'rate' of 0 or 1 only"
            )
        return self

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Fail the call at once, or never answer it."""
        if self.outage_mode == "lost" or (self.outage_mode == "error" and draw("hang") < self.hang_share):
            if injection.error is None:
                injection.hang = True
        elif self.outage_mode == "error":
            injection.fail(OVERLOADED, round(self.after_s * MICRO))

    @property
    def standstill(self) -> Literal["freeze", "redeliver"] | None:
        """Freezing and holding back are the target's own doing."""
        return self.outage_mode if self.outage_mode in ("freeze", "redeliver") and self.rate else None


@register
class Brownout(AttemptFault):
    """The target limps: slow and failing together."""

    kind: Literal["brownout"] = "brownout"
    error_share: Share = 0.3
    factor: TimesAsMuch = 4
    default_rate: ClassVar[float | None] = 1.0
    incident: ClassVar[bool] = True

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Fail some calls, slow the others."""
        if draw("error") < self.error_share:
            injection.fail(SERVER_ERROR, round(0.5 * MICRO))
        else:
            injection.first_token_factor *= self.factor
            injection.token_factor *= self.factor


@register
class CapacityLoss(AttemptFault):
    """The target loses `lost_share` of its slots; one is always left. Work in service goes on, and what comes queues.

    It happens to the target itself, whoever calls: its `rate` is 0 or 1.
    """

    kind: Literal["capacity_loss"] = "capacity_loss"
    lost_share: SomeShare = 0.8
    default_rate: ClassVar[float | None] = 1.0
    incident: ClassVar[bool] = True

    @model_validator(mode="after")
    def _for_everybody(self) -> Self:
        if self.first or self.every or self.match or self.prompts or self.rate not in (0, 1):
            raise ValueError(
                "slots are lost to every call: it takes no 'first', 'every', 'match' or 'prompts', "
                "and a 'rate' of 0 or 1 only"
            )
        return self

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """The call itself is well."""

    @property
    def slots_left(self) -> float:
        """What is left of the slots."""
        return 1 - self.lost_share if self.rate else 1.0


@register
class PriceRise(AttemptFault):
    """Calls cost `factor` times as much. A budget reckons with the old price until the first bill comes."""

    kind: Literal["price_rise"] = "price_rise"
    factor: TimesAsMuch = 2
    default_rate: ClassVar[float | None] = 1.0
    incident: ClassVar[bool] = True

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Raise the price."""
        injection.price_factor *= self.factor


@register
class ColdCache(AttemptFault):
    """The target has lost what it kept of the prompt (`prompt_cache`), as after a restart: the call writes it anew.

    While it lasts no call finds its beginning warm; afterwards what was written last is. It tells on the bill alone, and
    only on that of a variant that uses the provider's prompt cache.
    """

    kind: Literal["cold_cache"] = "cold_cache"
    default_rate: ClassVar[float | None] = 1.0
    incident: ClassVar[bool] = True

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Let the prompt be read as if for the first time."""
        injection.cold = True
