"""Every kind of fault in whole runs: it strikes, nothing is lost, and what is billed is what was said."""

from __future__ import annotations

import pytest

from app.faults.base import MessFault
from app.faults.registry import KINDS
from tests.harness import run

BASE = """
title = "Every kind"
seed = 5
duration_s = 60
[prompts]
path = "sample:prompts"
[data]
path = "sample:support.csv"
[traffic]
rate_per_s = 10
[targets.primary]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 20
[[variants.retrying.safeguards]]
kind = "retry"
[[variants.retrying.safeguards]]
kind = "attempt_timeout"
attempt_s = 20
"""


@pytest.mark.parametrize("mess", [False, True], ids=["calls", "data"])
def test_all_kinds_at_once_strike_and_every_request_is_accounted_for(mess: bool) -> None:
    always = ("capacity_loss",)
    kinds = [kind for kind, cls in KINDS.items() if issubclass(cls, MessFault) == mess]
    faults = "".join(f'[[faults]]\nkind = "{k}"\nrate = {1 if k in always else 0.03}\n' for k in kinds)

    ran = run(BASE + faults)

    offered = len(ran.requests("bare"))
    for variant in ("bare", "retrying"):
        assert set(ran.faults[variant]) == set(kinds)
        requests = ran.requests(variant)
        assert [each["number"] for each in requests] == list(range(offered))
        assert {each["outcome"] for each in requests} >= {"good", "wrong"}
        for attempt in ran.attempts(variant):
            assert attempt["output_tokens"] >= 0
            assert (attempt["cost_pico"] > 0) == bool(attempt["billed"])
    if not mess:
        good = [sum(r["outcome"] == "good" for r in ran.requests(name)) for name in ("bare", "retrying")]
        assert good[0] < good[1]
