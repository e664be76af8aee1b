"""What the charts say in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.analysis.curves import Picture
from widgets.charts.readout import answer_words, bin_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.123, "0.12 s"), (9.87, "9.9 s"), (42.4, "42 s"), (float("inf"), "no answer"), (float("nan"), "–")],
)
def test_times_to_answer(seconds: float, words: str) -> None:
    assert answer_words(seconds) == words


def test_a_bin_without_requests_says_so_and_shows_no_zeros(whole: Picture) -> None:
    quiet = replace(whole.curves["safeguarded"], requests=np.zeros(200))
    assert "none answered" in bin_words(quiet, 3)
    assert "%" not in bin_words(quiet, 3)


def test_money_without_a_good_answer_is_no_number(whole: Picture) -> None:
    curves = whole.curves["prototype"]
    outage = int(np.flatnonzero(np.isnan(curves.cost_per_1000_good_usd) & (curves.requests > 0))[0])
    assert "no good answer" in bin_words(curves, outage)


def test_a_bin_that_is_not_complete_is_not_read(whole: Picture) -> None:
    assert bin_words(replace(whole.curves["prototype"], complete=2), 2) == "not yet complete"
