"""The default scenario: what it shows in thirty seconds, as means over twenty seeds and a band for each."""

from __future__ import annotations

import pytest

from tests.scenarios.runs import between, by, runs_of, share

NAME = "support-assistant"
CALM, LIMITS, OUTAGE, AFTER, RECOVERED = (0, 80), (80, 180), (180, 220), (220, 300), (240, 300)

TABLE = [
    # stretch, variant, mean share of good answers, band for each seed
    (CALM, "prototype", (0.96, 0.98), (0.93, 1.00)),
    (CALM, "safeguarded", (0.96, 0.98), (0.93, 1.00)),
    (LIMITS, "prototype", (0.48, 0.55), (0.45, 0.60)),
    (LIMITS, "safeguarded", (0.95, 0.97), (0.92, 0.99)),
    (OUTAGE, "prototype", (0.01, 0.04), (0.00, 0.06)),
    (OUTAGE, "safeguarded", (0.70, 0.79), (0.55, 0.88)),
    (AFTER, "prototype", (0.49, 0.55), (0.43, 0.62)),
    (RECOVERED, "safeguarded", (0.94, 0.97), (0.90, 0.99)),
]


@pytest.mark.parametrize(("stretch", "variant", "mean", "band"), TABLE)
def test_good_answers(
    stretch: tuple[float, float], variant: str, mean: tuple[float, float], band: tuple[float, float]
) -> None:
    shares = [share(between(ran, variant, *stretch), "good") for ran in runs_of(NAME)]
    assert mean[0] <= round(sum(shares) / len(shares), 2) <= mean[1]
    assert band[0] <= min(shares)
    assert max(shares) <= band[1]


@pytest.mark.parametrize(
    ("stretch", "server", "mean"), [(LIMITS, "fallback", (0.28, 0.35)), (OUTAGE, "canned", (0.16, 0.25))]
)
def test_who_saved_the_safeguarded_variant(
    stretch: tuple[float, float], server: str, mean: tuple[float, float]
) -> None:
    shares = [share(between(ran, "safeguarded", *stretch), by(server)) for ran in runs_of(NAME)]
    assert mean[0] <= round(sum(shares) / len(shares), 2) <= mean[1]


def test_in_calm_weather_safeguards_change_nothing_but_the_bill() -> None:
    # Given no limits and no outage, when both answer, then the cache saves a fifth of the calls, unnoticed.
    for ran in runs_of(NAME):
        bare, guarded = (between(ran, variant, *CALM) for variant in ("prototype", "safeguarded"))
        assert share(guarded, by("cache")) == pytest.approx(0.2, abs=0.07)
        assert sum(each["cost_pico"] for each in guarded) < 0.9 * sum(each["cost_pico"] for each in bare)


def test_the_safeguarded_variant_leaves_nobody_without_a_reply() -> None:
    for ran in runs_of(NAME):
        assert share(ran.requests("safeguarded"), "failed") == 0
