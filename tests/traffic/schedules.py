"""Hypothesis strategies of traffic settings and rate profiles, the awkward ones included."""

from __future__ import annotations

from hypothesis import strategies as st

from app.traffic.rates import RateProfile
from app.traffic.settings import RatePoint, Spike, Traffic

rates = st.one_of(st.just(0.0), st.floats(1e-6, 1.0), st.floats(1.0, 1_000.0), st.just(1e-300))
seconds = st.one_of(st.integers(0, 3_600).map(float), st.floats(0, 10_000))


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    """Up to six points, ramps among them, and up to three spikes."""
    times_us = draw(st.lists(seconds.map(lambda s: round(s * 1e6)), min_size=1, max_size=6, unique=True))
    points = tuple(
        RatePoint(at_s=at_us / 1e6, rate_per_s=draw(rates), ramp=draw(st.booleans()))
        for at_us in sorted(times_us)
    )
    spikes = st.builds(
        Spike, at_s=seconds, duration_s=st.floats(1e-3, 5_000), factor=st.sampled_from([0.0, 0.3, 1.0, 7.0])
    )
    return Traffic(points=points, spikes=tuple(draw(st.lists(spikes, max_size=3))))


profiles: st.SearchStrategy[RateProfile] = traffics().map(Traffic.profile)
