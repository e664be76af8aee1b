"""Known results of metastable failure: an overload that keeps itself up by retries after what began it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from app.analysis.validation.base import KnownResult, exactly
from app.analysis.validation.formulas import backlog_after_outage, recovery_s
from app.analysis.validation.measure import Rows, measure
from app.analysis.validation.statistics import Comparison

_BEGIN_S = 20
_OBSERVED_S = 300
_LAST_S = 60
_OK = 200


class Metastable(KnownResult):
    """A server that works on what nobody waits for any more, clients that time out and retry, and an outage.

    Evenly spaced arrivals and constant service, so that the fluid formula holds to a fraction of a second; where
    the server drops what has expired, Poisson arrivals and exponential service: in step, it would begin each call
    just too late.
    """

    name: ClassVar[str] = "metastable"
    title: ClassVar[str] = "Metastable failure"
    source: ClassVar[str] = (
        'N. Bronson et al., "Metastable failures in distributed systems" (HotOS 2021), as a fluid'
    )
    rate_per_s: float = Field(default=280, ge=1, le=2000)
    max_retries: int = Field(default=1, ge=0, le=10)
    served_per_s: float = Field(default=300, ge=1, le=2000)
    timeout_s: float = Field(default=1, ge=0.1, le=100)
    outage_s: float = Field(default=10, ge=1, le=100)
    outage_mode: Literal["redeliver", "lost"] = "redeliver"
    drop_expired: bool = False

    BIAS_S: ClassVar[float] = 0.25
    """Of the fluid formula: calls are whole, and one is in service while the others wait."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """The published ones."""
        return (
            cls(rate_per_s=280),
            cls(rate_per_s=140),
            cls(rate_per_s=155),
            cls(rate_per_s=280, max_retries=0),
            cls(rate_per_s=280, drop_expired=True),
            cls(rate_per_s=280, outage_mode="lost"),
        )

    @model_validator(mode="after")
    def _has_a_tale_to_tell(self) -> Self:
        if self.rate_per_s > 0.95 * self.served_per_s:
            raise ValueError("'rate_per_s' must be at most 0.95 of 'served_per_s', or there is no way back")
        if self.timeout_s * self.served_per_s < 20:
            raise ValueError("a 'timeout_s' must be enough to serve 20 calls")
        backlog = backlog_after_outage(self.rate_per_s, self.timeout_s, self.max_retries, self.outage_s)
        if backlog < 1.5 * self.timeout_s * self.served_per_s:
            raise ValueError("'outage_s' is too short to hold back more than is served in one timeout")
        after_s = self._recovery_s(self.served_per_s)
        if after_s is not None and after_s > 10 * _OBSERVED_S:
            raise ValueError(f"it would take {after_s:.0f} s to recover, which is too long to try")
        return self

    def rows(self) -> list[Comparison]:
        """When it recovers, and what the last minute is like."""
        service_s = round(1e6 / self.served_per_s) / 1e6
        self_healing = self.drop_expired or self.outage_mode == "lost"
        after_s = 0.0 if self_healing else self._recovery_s(1 / service_s)
        observed_s = _OBSERVED_S if after_s is None else max(_OBSERVED_S, after_s + 2 * _LAST_S)
        end_s = _BEGIN_S + self.outage_s
        rows = measure(self._tables(service_s), seed=self.seed, duration_s=end_s + observed_s)
        last = rows.requests["intended_us"] >= (end_s + observed_s - _LAST_S) * 1e6
        share = float(rows.answered[last].mean())
        if after_s is None:
            return [exactly("answered in the last minute, share", 0, share)]
        compared = [exactly("answered in the last minute, share", 1, share)]
        if not self_healing:
            ours_s = _last_timeout_s(rows) - end_s
            compared.append(exactly("recovers after, s", after_s, ours_s, within=self.BIAS_S))
        return compared

    def _recovery_s(self, served_per_s: float) -> float | None:
        return recovery_s(self.rate_per_s, served_per_s, self.timeout_s, self.max_retries, self.outage_s)

    def _tables(self, service_s: float) -> str:
        arrivals, service = ("poisson", "exponential") if self.drop_expired else ("constant", "constant")
        return f"""
service = "{service}"
service_s = {service_s}
slots = 1
on_cancel = "finish"
drop_expired = {str(self.drop_expired).lower()}
[traffic]
arrivals = "{arrivals}"
rate_per_s = {self.rate_per_s}
repeat_rate = 0
[[faults]]
kind = "outage"
outage_mode = "{self.outage_mode}"
from_s = {_BEGIN_S}
to_s = {_BEGIN_S + self.outage_s}
[[variants.bare.safeguards]]
kind = "retry"
max_retries = {self.max_retries}
base_s = 0
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = {self.timeout_s}
first_token_s = {self.timeout_s}
"""


def _last_timeout_s(rows: Rows) -> float:
    """When the last call began that was not answered in time."""
    attempts = rows.attempts
    return float(attempts["started_us"][attempts["status"] != _OK].max()) / 1e6
