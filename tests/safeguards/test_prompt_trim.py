"""Prompt trim: prompts are as large as allowed at the most, and tokens, costs, windows and odds follow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.scenario.assumptions import assumptions
from app.scenario.files import ScenarioFile
from tests.engine.small import TOKEN_PICO, Small, scenario, small_runs

TRIM = """
[[variants.trimmed.safeguards]]
kind = "prompt_trim"
max_input_tokens = 200
"""
BARE = "\n[variants.bare]\n"
LONG = '[[faults]]\nkind = "far_too_long"\nrate = 1\nrepeat_to_chars = 4000\n'


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("prompt_trim")) as made:
        yield made


def long(trim: str = TRIM, *settings: str, n: int = 40, faults: str = LONG) -> ScenarioFile:
    """Requests that are far too long, for a variant without and one with a trim; sizes are those of the texts."""
    return scenario(
        f"{faults}{BARE}{trim}",
        rate_per_s=4,
        duration_s=n / 4,
        settings=("tokens.input_tokens=", *settings),
    )


@pytest.mark.parametrize("strategy", ["keep_start", "keep_end", "keep_both_ends"])
def test_a_prompt_is_cut_to_what_is_allowed_and_paid_for_as_such(small: Small, strategy: str) -> None:
    ran = small.run(long(f'{TRIM}strategy = "{strategy}"\n'))
    assert all(each["input_tokens"] > 1000 for each in ran.requests("bare"))
    for each in ran.requests("trimmed"):
        assert 190 <= each["input_tokens"] <= 200
        assert each["cost_pico"] == (each["input_tokens"] + each["output_tokens"]) * TOKEN_PICO
        assert each["reason"] == "prompt trim: cut to 200 tokens"


def test_a_prompt_that_fits_is_left_alone(small: Small) -> None:
    ran = small.run(long(faults=""))
    rows = [[{**each, "key": 0} for each in ran.requests(name)] for name in ("bare", "trimmed")]
    assert rows[0] == rows[1]


def test_what_the_model_could_not_take_in_it_can_after_the_cut(small: Small) -> None:
    # The window of the fallback is smaller still: without the cut the whole chain dies of it.
    chain = """
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
quality = 1
context_tokens = 300
[[variants.bare.safeguards]]
kind = "fallback"
"""
    trim = f'{TRIM}[[variants.trimmed.safeguards]]\nkind = "fallback"\n'
    file = scenario(
        f'{chain}{LONG}[[faults]]\nkind = "server_error"\nrate = 0.5\ntargets = ["primary"]\n{trim}',
        rate_per_s=4,
        settings=("tokens.input_tokens=", "targets.primary.context_tokens=500"),
    )
    ran = small.run(file)
    assert {each["reason"] for each in ran.requests("bare")} <= {
        "fallback: context_length_exceeded",
        "fallback: server_error",
    }
    assert {each["outcome"] for each in ran.requests("bare")} == {"failed"}
    assert {each["served_by"] for each in ran.requests("trimmed")} == {"primary", "fallback"}


def test_where_the_customers_own_text_is_whole_only_the_trim_counts(small: Small) -> None:
    # Far too long leaves nothing of the quality, and trimming all of it.
    quality = ("targets.primary.quality_by_mess={far_too_long=0.0}", "targets.primary.quality_when_trimmed=1")
    start = small.run(long(f'{TRIM}strategy = "keep_start"\n', *quality))
    end = small.run(long(f'{TRIM.replace("200", "60")}strategy = "keep_end"\n', *quality))
    assert {each["outcome"] for each in start.requests("bare")} == {"wrong"}
    assert {each["outcome"] for each in start.requests("trimmed")} == {"good"}
    # The question stands first and its thread below: its very end is but a disclaimer.
    assert {each["outcome"] for each in end.requests("trimmed")} == {"wrong"}


def test_the_assumed_loss_of_quality_counts_and_is_listed(small: Small) -> None:
    file = long(TRIM, "targets.primary.quality_when_trimmed=0")
    assert {each["outcome"] for each in small.run(file).requests("trimmed")} == {"wrong"}
    assert ("targets.primary.quality_when_trimmed", "0", "assumed") in assumptions(file.scenario)
    assert "quality_when_trimmed" not in str(assumptions(scenario(BARE).scenario))


def test_a_size_that_was_drawn_is_cut_as_a_number(small: Small) -> None:
    drawn = ("tokens.input_tokens=250", "tokens.input_sigma=0.5", "targets.primary.quality_when_trimmed=0")
    ran = small.run(long(TRIM, *drawn, faults="", n=100))
    for bare, trimmed in zip(ran.requests("bare"), ran.requests("trimmed"), strict=True):
        assert trimmed["input_tokens"] == min(bare["input_tokens"], 200)
        assert trimmed["outcome"] == ("wrong" if bare["input_tokens"] > 200 else "good")


def test_a_prompt_whose_own_text_is_too_large_loses_its_fields_and_stays_larger(small: Small) -> None:
    ran = small.run(long("\n".join([TRIM.replace("200", "3")])))
    assert all(3 < each["input_tokens"] < 12 for each in ran.requests("trimmed"))


def test_after_a_repair_only_what_is_left_is_cut(small: Small) -> None:
    check = '\n[[variants.trimmed.safeguards]]\nkind = "input_check"\n'
    ran = small.run(long(check + TRIM.replace("200", "5000")))
    assert {each["reason"] for each in ran.requests("trimmed")} == {"input check: repaired"}
    both = small.run(long(check + TRIM))
    assert {each["reason"] for each in both.requests("trimmed")} == {"prompt trim: cut to 200 tokens"}
    assert all(each["input_tokens"] <= 200 for each in both.requests("trimmed"))


def test_inside_a_retry_it_cuts_each_call_alike(small: Small) -> None:
    retry = '\n[[variants.trimmed.safeguards]]\nkind = "retry"\nbase_s = 0.1\n'
    check = '[[variants.trimmed.safeguards]]\nkind = "input_check"\n'
    faults = f'{LONG}[[faults]]\nkind = "server_error"\nfirst = 1\ncount_by = "retry"\n'
    ran = small.run(long(retry + check + TRIM, faults=faults))
    sizes: dict[int, set[int]] = {}
    for each in ran.attempts("trimmed"):
        sizes.setdefault(each["number"], set()).add(each["input_tokens"])
    assert {each["attempts"] for each in ran.requests("trimmed")} == {2}
    assert all(len(each) == 1 and max(each) <= 200 for each in sizes.values())


def test_outside_of_a_hedge_or_inside_both_calls_are_cut(small: Small) -> None:
    hedge = '\n[[variants.trimmed.safeguards]]\nkind = "hedge"\nafter_s = 0.2\n'
    for order in (hedge + TRIM, TRIM + hedge):
        ran = small.run(long(order))
        assert {each["attempts"] for each in ran.requests("trimmed")} == {2}
        assert all(190 <= each["input_tokens"] <= 200 for each in ran.attempts("trimmed"))


def test_a_budget_per_request_holds_for_the_calls_of_a_hedge_together(small: Small) -> None:
    # A call reserves 100 tokens of prompt and 20 of answer; the bound is for one and a half.
    hedge = '\n[[variants.hedged.safeguards]]\nkind = "hedge"\nafter_s = 0.2\n'
    budget = '[[variants.hedged.safeguards]]\nkind = "budget"\nper_request_usd = 0.00018\n'
    inside = small.run(scenario(hedge + budget)).requests("hedged")
    assert {(each["attempts"], each["outcome"]) for each in inside} == {(1, "good")}
    # Around the hedge it is for all that the hedge may do, which is more than allowed.
    around = small.run(scenario(budget + hedge)).requests("hedged")
    assert {each["reason"] for each in around} == {"request_budget_exceeded_canned"}


def test_that_it_was_cut_stays_known_when_a_retry_further_out_begins_anew(small: Small) -> None:
    down = '[[faults]]\nkind = "server_error"\nrate = 0.5\n'
    retry = '[[variants.trimmed.safeguards]]\nkind = "retry"\nmax_retries = 9\n'
    ran = small.run(long(f"{retry}{TRIM}", faults=LONG + down))
    retried = [each for each in ran.requests("trimmed") if each["retries"] and each["outcome"] != "failed"]
    assert len(retried) > 5
    assert {each["reason"] for each in retried} == {"prompt trim: cut to 200 tokens"}
