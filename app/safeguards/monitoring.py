"""Monitoring: alert rules that tell a variant's people when something is wrong. It takes no part in any request.

A rule looks at what a live system knows of the requests that ended in its window: whether there was an answer, how long
it took, which runtime checks it failed, what it cost. Whether an answer was *right* nobody knows at that time. Rules are
judged at the end of each virtual second (see `alert_rules`, and `app.engine.watch` for who calls them). What people do
once they know is not modelled.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.safeguards.base import Layer, Safeguard, World, register
from app.scenario.base import Settings
from app.scenario.numbers import Count, Duration, Number, SomeShare, Usd, WholeNumber, WithinDay

_Window = Annotated[WholeNumber, Field(ge=1, le=86_400)]


class Rule(Settings):
    """What all rules have."""

    kind: str
    id: str = ""
    """The rule's name in events; the kind, unless there are two of it."""
    for_s: WithinDay = 5
    """How long the condition must hold before there is an alert, and how long not, before the alert is over."""

    def model_post_init(self, _context: object) -> None:
        """The id is the kind unless given."""
        if not self.id:
            object.__setattr__(self, "id", self.kind)


class _OfRequests(Rule):
    """A rule about the requests that ended in a window."""

    window_s: _Window = 30
    min_requests: Count = 20
    """With fewer in the window there is nothing to say, and no alert."""


class ErrorRate(_OfRequests):
    """Too many requests end without an answer: unanswered / requests in the window."""

    kind: Literal["error_rate"] = "error_rate"
    above_rate: Number = Field(default=0.1, ge=0, lt=1)


class AnswerTime(_OfRequests):
    """A percentile of the time to answer, by nearest rank, is too high; no answer ranks as infinitely slow."""

    kind: Literal["answer_time"] = "answer_time"
    percentile: Number = Field(default=95, gt=0, le=100)
    above_s: Duration = 10


class WrongRate(_OfRequests):
    """Too many answers fail a runtime check: such answers / requests in the window. It cannot see an answer that is wrong
    and looks right."""

    kind: Literal["wrong_rate"] = "wrong_rate"
    above_rate: Number = Field(default=0.1, ge=0, lt=1)


class CostRate(Rule):
    """Money is spent too fast: the cost of the requests that ended in the window, a minute."""

    kind: Literal["cost_rate"] = "cost_rate"
    window_s: _Window = 30
    above_usd_per_minute: Usd


class BurnRate(Rule):
    """The error budget burns too fast, over a long and a short window alike.

    Burn rate = share of bad requests / (1 - slo_rate); bad is what has no answer, fails a runtime check, or took longer
    than the scenario's patience_s. The long window keeps chance out, the short one ends the alert soon after the trouble
    (Beyer et al., "The Site Reliability Workbook", 2018, ch. 5, sect. 6). There the windows are 1 h and 5 min and the
    factor 14.4, for a budget of 30 days; runs of minutes take windows a sixtieth as long, in the same ratio of 12 to 1, and
    a factor that 100 % bad requests reach within 12 s of the long window.
    """

    kind: Literal["burn_rate"] = "burn_rate"
    slo_rate: Number = Field(default=0.95, ge=0, lt=1)
    """The share of requests that should be served well."""
    long_window_s: _Window = 60
    short_window_s: _Window = 5
    above_factor: Number = Field(default=4, gt=0, le=1e6)
    for_s: WithinDay = 0
    min_requests: Count = 20
    """In the long window."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.short_window_s > self.long_window_s:
            raise ValueError("short_window_s is longer than long_window_s")
        most = 1 / (1 - self.slo_rate)
        if self.above_factor >= most:
            raise ValueError(
                f"above_factor can never be exceeded: with slo_rate = {self.slo_rate:g} "
                f"a burn rate is {most:g} at the most"
            )
        return self


class BudgetLeft(Rule):
    """Little is left of the money that the run may cost: 1 - spent / per_run_usd, where what was spent counts from when the
    rule was switched on or changed."""

    kind: Literal["budget_left"] = "budget_left"
    per_run_usd: Number = Field(gt=0, le=1e9)
    below_share: SomeShare = 0.2
    for_s: WithinDay = 0


AnyRule = Annotated[
    ErrorRate | AnswerTime | WrongRate | CostRate | BurnRate | BudgetLeft, Field(discriminator="kind")
]


@register
class Monitoring(Safeguard):
    """Alert rules. Without a list: the burn rate of the error budget, and the 95th percentile of the time to answer."""

    kind: Literal["monitoring"] = "monitoring"
    rules: tuple[AnyRule, ...] = Field(default=(BurnRate(), AnswerTime()), min_length=1, max_length=20)

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        ids = [rule.id for rule in self.rules]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"two alert rules are called '{name}'; give one of them another 'id'")
        return self

    def layer(self, world: World) -> Layer:
        """A layer without hooks: nothing is done to a request."""
        return Layer(self)
