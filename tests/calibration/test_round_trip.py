"""A served profile is calibrated, and the simulated run that comes of it is as quick as what was served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.calibration.calibration import Order
from app.calibration.doubts import doubts
from app.calibration.report import as_json, quantities
from app.calibration.saving import calibrated_text
from app.scenario.files import parse_scenario
from tests.calibration.rig import calibrated, scenario_in
from tests.harness import run
from tests.serve.rig import endpoint

TRUE = {"first": 0.4, "first_sigma": 0.5, "rate": 80.0, "output": 25.0, "output_sigma": 0.3}
SERVED = {
    "targets.primary.first_token_s": TRUE["first"],
    "targets.primary.first_token_sigma": TRUE["first_sigma"],
    "targets.primary.tokens_per_s": TRUE["rate"],
    "targets.primary.rpm": 6000,
    "tokens.output_tokens": TRUE["output"],
    "tokens.output_sigma": TRUE["output_sigma"],
    "tokens.max_tokens": 300,
}


def test_a_served_profile_comes_back_and_is_rehearsed_alike(tmp_path: Path) -> None:
    with endpoint(tmp_path) as served:
        for path, value in SERVED.items():
            assert served.flip(path, value).status_code == 200
        file = scenario_in(tmp_path, f"{served.url}/v1")
        found = calibrated(Order(file, 5.0, calls=100, concurrency=10))

    fits = found.fits
    assert fits.answered == 100
    assert fits.first_token.fit is not None
    assert fits.output.fit is not None
    assert fits.tokens_per_s is not None
    # What is served is real time on a machine that does other work: a client sees every token a little later.
    assert fits.first_token.fit.median_95[0] <= TRUE["first"] * 1.2
    assert fits.first_token.fit.median_95[1] >= TRUE["first"]
    assert fits.first_token.fit.sigma == pytest.approx(TRUE["first_sigma"], rel=0.25)
    assert fits.output.fit.median_95[0] <= TRUE["output"] <= fits.output.fit.median_95[1]
    assert fits.output.fit.sigma_95[0] <= TRUE["output_sigma"] <= fits.output.fit.sigma_95[1]
    assert fits.tokens_per_s.value == pytest.approx(TRUE["rate"], rel=0.15)
    assert fits.limits["requests"].limit == 6000
    assert len(fits.gaps_s) > 100

    text = calibrated_text(found, file.text)
    again = parse_scenario(text, file.path, ["traffic.rate_per_s=20", "duration_s=60"])
    requests = run(again).requests("prototype")
    latencies = [(each["finished_us"] - each["intended_us"]) / 1e6 for each in requests]
    measured = fits.whole.sample.values
    for share in (0.25, 0.5, 0.75, 0.9):
        assert np.quantile(latencies, share) == pytest.approx(np.quantile(measured, share), rel=0.2)
    told = as_json(found)
    assert told["settings"]["targets.primary.rpm"] == 6000
    assert told["tokens_per_s"]["value"] == fits.tokens_per_s.value
    assert [each.title for each in quantities(found)] == ["First token", "Answer", "Whole answer"]
    assert any("does not measure capacity" in each for each in doubts(found))
