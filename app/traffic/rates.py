"""The rate of arrivals over virtual time, its integral and the inverse of that, in closed form.

For what arrives when (`arrivals.py`) the rate is all that a traffic setting comes down to: straight pieces,
each with a rate where it starts and one where it ends. Nothing here is random and nothing knows a scenario.

The inverse of the integrated rate turns a sequence of unit rate into arrivals of this rate: Çinlar,
"Introduction to Stochastic Processes" (1975), section 4.7, for Poisson arrivals; k6's ramping-arrival-rate
executor does the same with whole numbers for evenly spaced ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from app.errors import UserError

MAX_RATE_PER_S = 1_000_000.0
"""Above one arrival per microsecond, the clock could not tell arrivals apart."""

NEVER_US = 2**62
"""The arrival time of what does not arrive, since the rate fell to zero for good (or as good as)."""

_HORIZON_US = 2.0**53  # 285 years: up to here a float holds whole microseconds

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class RateProfile:
    """Arrivals per second as straight pieces over time from 0 on; the last piece holds for ever.

    Arrays of one entry a piece. Each piece is described from its faster end, its *anchor*: seen from there
    the rate only falls, which keeps the quadratic free of cancellation, and the inverse monotone to the last
    bit (a growing distance is divided by a shrinking mean rate).

    start_us      where the piece starts; it ends where the next one starts
    base          arrivals expected from 0 to `start_us`
    anchor_us     where the anchor is
    anchor_base   arrivals expected from 0 to the anchor
    rate_per_s    the rate at the anchor
    slope         by how much the rate falls per second, going away from the anchor; not negative
    direction     1 where the piece lies after its anchor, -1 where before
    """

    start_us: Floats
    base: Floats
    anchor_us: Floats
    anchor_base: Floats
    rate_per_s: Floats
    slope: Floats
    direction: Floats

    @classmethod
    def of_pieces(
        cls, start_us: Sequence[int], from_per_s: Sequence[float], to_per_s: Sequence[float]
    ) -> RateProfile:
        """The profile whose i-th piece starts at `start_us[i]` and goes from one rate straight to the other.

        `start_us` begins with 0 and increases; the last piece is level. Raises UserError for a rate that is
        negative, or above MAX_RATE_PER_S.
        """
        start, begin, end = (
            np.asarray(values, dtype=np.float64) for values in (start_us, from_per_s, to_per_s)
        )
        if start[0] != 0 or not np.all(np.diff(start) > 0) or begin[-1] != end[-1]:
            raise ValueError("pieces start at 0, follow one another, and end with a level one")
        wrong = ~((np.minimum(begin, end) >= 0) & (np.maximum(begin, end) <= MAX_RATE_PER_S))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise UserError(
                f"a rate of {max(begin[i], end[i]):g} requests per second at {start[i] / 1e6:g} s",
                where="traffic",
                do=f"Keep rate times spikes times factor between 0 and {MAX_RATE_PER_S:,.0f} per second.",
            )
        length_us = np.diff(start)
        base = np.concatenate([[0.0], np.cumsum((begin[:-1] + end[:-1]) / 2 * length_us / 1e6)])
        rising = end > begin
        return cls(
            start_us=start,
            base=base,
            anchor_us=np.where(rising, np.append(start[1:], np.inf), start),
            anchor_base=np.where(rising, np.append(base[1:], np.inf), base),
            rate_per_s=np.maximum(begin, end),
            slope=np.append(np.abs(end - begin)[:-1] / (length_us / 1e6), 0.0),
            direction=np.where(rising, -1.0, 1.0),
        )

    def __eq__(self, other: object) -> bool:
        """Whether both are made of the same pieces."""
        return isinstance(other, RateProfile) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # made of arrays

    def integral(self, t_us: Times) -> Floats:
        """Arrivals expected from 0 to each of `t_us` (microseconds, any order); same shape."""
        t = np.maximum(np.asarray(t_us, dtype=np.float64), 0.0)
        i = np.searchsorted(self.start_us, t, side="right") - 1
        away_us = np.abs(t - self.anchor_us[i])
        mean_per_s = self.rate_per_s[i] - self.slope[i] * (away_us / 2e6)
        value = self.anchor_base[i] + self.direction[i] * (mean_per_s * away_us / 1e6)
        return np.clip(value, self.base[i], np.append(self.base[1:], np.inf)[i])

    def invert(self, values: Floats) -> Times:
        """The microsecond in which the integral reaches each of `values`; same shape, NEVER_US if never.

        Rounded down. Never decreases where the values do not, and does not depend on the other values. Where
        the rate is zero for a while, the microsecond is the one in which that begins.
        """
        wanted = np.maximum(values, 0.0)
        i = np.maximum(np.searchsorted(self.base, wanted, side="left") - 1, 0)
        distance = np.maximum(self.direction[i] * (wanted - self.anchor_base[i]), 0.0)
        rate = self.rate_per_s[i]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # rates of, or next to, zero
            rate_there = np.sqrt(np.maximum(rate * rate - 2.0 * self.slope[i] * distance, 0.0))
            away_us = np.where(distance > 0, 2e6 * distance / (rate + rate_there), 0.0)
        t = self.anchor_us[i] + self.direction[i] * away_us
        t = np.floor(np.clip(t, self.start_us[i], np.append(self.start_us[1:], np.inf)[i]))
        return np.where(t < _HORIZON_US, t, NEVER_US).astype(np.int64)

    def with_change(self, at_us: int, new: RateProfile) -> RateProfile:
        """This profile before `at_us`, from then on the rate that `new` has at that time.

        The integral goes on from where it stood (to rounding). What `invert` put before `at_us` it puts at
        the same microsecond as ever, and everything else at `at_us` or later: exactly, whatever the rounding.
        """
        if at_us <= 0:
            return new
        cut = self._last_before(at_us)
        kept = int(np.searchsorted(self.start_us, at_us, side="left"))
        first = int(np.searchsorted(new.start_us, at_us, side="right")) - 1
        joined = {
            field.name: np.concatenate([getattr(self, field.name)[:kept], getattr(new, field.name)[first:]])
            for field in fields(self)
        }
        shift = cut - float(new.integral(np.array([at_us]))[0])
        joined["base"][kept:] += shift
        joined["anchor_base"][kept:] += shift
        joined["start_us"][kept] = at_us
        joined["base"][kept] = cut
        # The shift may have rounded the next base to just below the cut.
        joined["base"] = np.maximum.accumulate(joined["base"])
        return RateProfile(**joined)

    def _last_before(self, at_us: int) -> float:
        """The greatest value that `invert` puts before `at_us`, by bisection over the floats themselves.

        The integral at `at_us` is this value but for rounding, which would move arrivals that have happened.
        The bits of floats that are not negative are in the order of the floats.
        """
        above = self.integral(np.array([at_us])) * (1 + 1e-6) + 1.0
        low, high = 0, int(above.view(np.int64)[0])
        while high - low > 1:
            middle = (low + high) // 2
            if self.invert(np.array([middle]).view(np.float64))[0] < at_us:
                low = middle
            else:
                high = middle
        return float(np.array([low]).view(np.float64)[0])
