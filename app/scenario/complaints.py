"""How customers complain: assumptions on when a product's people learn of trouble that no alert tells them of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.scenario.base import Settings
from app.scenario.numbers import Count, Duration, Share, SomeShare

if TYPE_CHECKING:
    from app.scenario.model import Scenario


class Complaints(Settings):
    """Who got no answer, a wrong one or one that came too late may complain. All of these numbers are assumed."""

    per_bad_outcome: Share = 0.05
    """The share of such customers who complain."""
    mean_delay_s: Duration = 180
    """From the bad outcome until somebody has read the complaint, on average; exponentially distributed."""
    to_notice: Count = 3
    """So many complaints about the same trouble make somebody look."""
    trouble_rate: SomeShare = 0.2
    """It counts as trouble when at least this share of the requests that ended within 10 s ended badly."""


def complaints_of(scenario: Scenario) -> Complaints | None:
    """What the scenario assumes of complaints: the defaults where it states nothing and a variant has monitoring that is
    on, None where nobody watches."""
    if scenario.complaints is not None:
        return scenario.complaints
    safeguards = [each for variant in scenario.variants.values() for each in variant.safeguards]
    return Complaints() if any(each.kind == "monitoring" and each.on for each in safeguards) else None
