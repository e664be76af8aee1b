"""A safeguard: its settings, and the layer that takes part in a request's lifecycle.

A scenario lists a variant's safeguards in order, outermost first. Each is a small state machine that takes `now`
(microseconds) and keeps no clock, socket or randomness of its own. A layer has up to three hooks, and the pipeline calls
only those that a class defines:

    enter(request, now)             on the way in: None passes on; a Result turns back; a WaitAny waits first; a Race goes
                                    on in as several branches
    answered(request, result, now)  on the way out with an answer
    failed(request, result, now)    on the way out with an error

On the way out None leaves the result as it is, a Result takes its place, `Again` goes in once more from this layer, a
WaitAny waits first, and `Resolve` is passed to the driver. What waits is told by `resumed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.engine.draws import Draws
from app.providers.quota import Limits
from app.safeguards.commands import Flight, Resolve, Result, WaitAny
from app.safeguards.request import Request
from app.scenario.base import Settings

MICRO = 1_000_000
USD_PICO = 10**12


class Tariff(Protocol):
    """What a call costs."""

    def cost_pico(self, input_tokens: int, output_tokens: int) -> int:
        """Price of a call in picodollars."""
        ...


class TargetTariff(Tariff, Protocol):
    """What a target costs, and what that may become."""

    def at_most(self, read_factor: float | None, write_factor: float | None) -> Tariff:
        """What a call costs at the most when the provider's prompt cache bills parts of prompts at these shares of the
        input price; where they are None, at the listed ones."""
        ...


@dataclass(frozen=True)
class World:
    """What a variant's safeguards may know of the run: names, models and prices of the targets, and the keyed draws."""

    targets: tuple[str, ...]
    models: tuple[str, ...]
    tariffs: tuple[TargetTariff, ...]
    draws: Draws
    limits: tuple[Limits, ...] = ()
    """What each target's provider lets through, as it says."""


class Safeguard(Settings):
    """Settings of one safeguard."""

    kind: str
    id: str = ""
    """The name its changes and draws are keyed by; the kind, unless a pipeline holds two."""
    on: bool = True

    def model_post_init(self, _context: object) -> None:
        """The id is the kind unless given."""
        if not self.id:
            object.__setattr__(self, "id", self.kind)

    def layer(self, world: World) -> Layer:
        """The state machine that does what these settings say."""
        raise NotImplementedError


class Again:
    """Go in once more from the layer at `slot`, at `at_us`; `why` is what the next attempt will say of itself."""

    __slots__ = ("at_us", "slot", "why")

    def __init__(self, slot: int, at_us: int, why: str) -> None:
        self.slot = slot
        self.at_us = at_us
        self.why = why


class Race:
    """Go on in as a branch, and as another one each time that `after_us` have passed without an answer, `further` at the
    most. The first answer wins; the others are cancelled."""

    __slots__ = ("after_us", "further")

    def __init__(self, after_us: int, further: int) -> None:
        self.after_us = after_us
        self.further = further


Inward = Result | WaitAny | Race | None
Outward = Result | Again | WaitAny | Resolve | None


class Layer:
    """One safeguard at work in one variant. `slot` is its place in the pipeline, 0 outermost."""

    slot = -1
    last_resort = False
    """It acts on what all other layers have left over, wherever it is listed."""
    calls = 1
    """How often, at the most, it passes on a request that comes to it."""
    races = False
    """Its `enter` may return a Race."""
    leads_to: tuple[int, ...] = ()
    """Targets that it may pass a request on to, other than the one that the request came with."""

    def __init__(self, settings: Safeguard) -> None:
        self.id = settings.id
        self.kind = settings.kind

    def enter(self, request: Request, now: int) -> Inward:
        """Called on the way in."""

    def resumed(self, request: Request, flight: Flight | None, now: int) -> Result | WaitAny | None:
        """Called when what a hook waited for has come, or its time has run out, or nobody waits for the request any more
        (None): None goes on the way it was going, a Result turns back or takes the result's place."""
        raise NotImplementedError

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Called on the way out with an answer."""

    def failed(self, request: Request, result: Result, now: int) -> Outward:
        """Called on the way out with an error."""

    def queue_us(self, target: int, now: int) -> int:
        """How long who has waited longest here for a call to the target has waited."""
        return 0

    def adopt(self, earlier: Layer) -> None:
        """Take over the state of the layer that stood here before the settings were changed."""

    def meet(self, others: Sequence[Layer]) -> None:
        """Get to know the other layers of the pipeline."""


KINDS: dict[str, type[Safeguard]] = {}
_S = TypeVar("_S", bound=Safeguard)


def register(cls: type[_S]) -> type[_S]:
    """Make a kind of safeguard known under the default of its `kind`."""
    KINDS[cls.model_fields["kind"].default] = cls
    return cls
