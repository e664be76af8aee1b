"""The provider's prompt cache: what is warm is cheap, what is written is dear, and the costs add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.faults.incidents import ColdCache
from app.inputs.prompts import Message, Prompt
from app.inputs.tokens import estimate_tokens, prefix_tokens
from app.providers.prices import Band, Tariff, WithPrefix, price_for
from app.providers.prompt_cache import KeptPrompts
from app.safeguards.budget import Budget
from app.safeguards.commands import Attempt
from app.safeguards.prompt_cache import PromptCache
from app.scenario.assumptions import assumptions
from tests.engine.small import TOKEN_PICO, Small, scenario, small_runs
from tests.providers.rig import PICO, Rig, cost, gives_up
from tests.safeguards.script import Bench

SETTINGS = PromptCache(min_tokens=40, prefix_tokens=80, ttl_s=300)
COLD, WARM = (cost(100, 11) + round(80 * PICO * (factor - 1)) for factor in (1.25, 0.1))


def rig_with(settings: PromptCache = SETTINGS, **target: object) -> Rig:
    """A target that keeps prompts."""
    rig = Rig(**target)  # type: ignore[arg-type]
    rig.provider.kept_prompts = KeptPrompts(settings, [80])
    return rig


def costs(rig: Rig, *calls: Attempt) -> list[int]:
    """What the calls cost in the end."""
    rig.done(*calls)
    return [call.cost_pico for call in calls]


def test_the_first_call_writes_and_the_next_ones_read() -> None:
    rig = rig_with()
    assert costs(rig, rig.call(0), rig.call(1, at_s=10), rig.call(2, at_s=20)) == [COLD, WARM, WARM]


def test_calls_that_begin_before_the_first_token_all_write() -> None:
    # Service is constant: the first token comes with the last, after a second.
    rig = rig_with()
    assert costs(rig, rig.call(0), rig.call(1, at_s=0.5), rig.call(2, at_s=1)) == [COLD, COLD, WARM]


def test_each_use_keeps_it_warm_and_without_use_it_cools() -> None:
    rig = rig_with()
    calls = [rig.call(number, at_s=at_s) for number, at_s in enumerate((0, 290, 580, 879, 1179.5))]
    assert costs(rig, *calls) == [COLD, WARM, WARM, WARM, COLD]


def test_in_a_cold_spell_every_call_writes_and_the_last_of_it_is_warm_afterwards() -> None:
    rig = Rig([ColdCache()])
    rig.provider.kept_prompts = KeptPrompts(SETTINGS, [80])
    rig.strike(False)
    warm = [rig.call(0), rig.call(1, at_s=10)]
    rig.strike(True, at_s=15)
    cold = [rig.call(2, at_s=20), rig.call(3, at_s=30)]
    rig.strike(False, at_s=35)
    after = rig.call(4, at_s=40)
    assert costs(rig, *warm, *cold, after) == [COLD, WARM, COLD, COLD, WARM]


def test_a_cold_spell_costs_nothing_where_no_prompt_is_kept() -> None:
    rig = Rig([ColdCache()])
    assert costs(rig, rig.call(0), rig.call(1, at_s=10)) == [cost(100, 11)] * 2


def test_a_call_given_up_before_its_first_token_leaves_nothing() -> None:
    rig = rig_with()
    first = rig.call(0)
    gives_up(rig, first, at_s=0.5)
    assert costs(rig, rig.call(1, at_s=2), rig.call(2, at_s=4)) == [COLD, WARM]
    assert first.cost_pico == COLD - 110 * PICO, "its prompt was read, and is charged for"


def test_a_call_that_waits_finds_what_is_warm_when_its_turn_comes() -> None:
    rig = rig_with(slots=1)
    assert costs(rig, rig.call(0), rig.call(1, at_s=0.1)) == [COLD, WARM]


def test_a_short_beginning_is_not_kept_nor_more_than_there_is() -> None:
    rig = rig_with(PromptCache(min_tokens=81, prefix_tokens=80))
    assert costs(rig, rig.call(0), rig.call(1, at_s=10)) == [cost(100, 11)] * 2
    rig = rig_with(PromptCache(min_tokens=40, prefix_tokens=500))
    assert costs(rig, rig.call(0))[0] == cost(100, 11) + 25 * PICO


def test_without_it_nothing_is_billed_otherwise() -> None:
    rig = Rig()
    assert costs(rig, rig.call(0), rig.call(1, at_s=10)) == [cost(100, 11)] * 2


def test_published_factors_are_the_default_and_settings_go_before_them() -> None:
    claude = price_for("claude-sonnet-4-5", on=date(2026, 9, 1))
    for warm, micro_usd in ((True, 0.3), (False, 3.75)):
        billed = WithPrefix(claude, 1_000, warm, None)
        assert billed.cost_pico(1_500, 0) == 500 * 3_000_000 + round(1_000 * micro_usd * 10**6)
    assert WithPrefix(claude, 1_000, True, 0.5).cost_pico(1_000, 0) == 1_000 * 1_500_000
    # A model that is listed without a price for writing bills that as any other input.
    mini = price_for("gpt-4o-mini", on=date(2026, 9, 1))
    assert WithPrefix(mini, 1_000, False, None).cost_pico(1_000, 7) == mini.cost_pico(1_000, 7)
    assert mini.times(2).bands[0].read_pico == 2 * 75_000


factors = st.none() | st.floats(0, 3)


@given(
    tokens=st.integers(0, 5_000),
    prefix=st.integers(0, 5_000),
    output=st.integers(0, 500),
    read=factors,
    write=factors,
    warm=st.booleans(),
    listed=st.booleans(),
)
def test_the_bound_for_budgets_holds(
    tokens: int, prefix: int, output: int, read: float | None, write: float | None, warm: bool, listed: bool
) -> None:
    cached = (30, 400) if listed else (None, None)
    tariff = Tariff((Band(0, 300, 900, 5, *cached), Band(2_000, 600, 1_800, 5, *cached)), "assumed", None)
    billed = WithPrefix(tariff, prefix, warm, read if warm else write).cost_pico(tokens, output)
    assert 0 <= billed <= tariff.at_most(read, write).cost_pico(tokens, output)


def test_a_budget_reserves_for_a_prompt_that_is_written() -> None:
    bench = Bench(Budget(per_run_usd=1), PromptCache(write_factor=2))
    bench.arrives().calls()
    layer = bench.layer("budget")
    assert layer.ledger.reserved_pico == 150 * 2_000  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("messages", "stable"),
    [
        (["You are a helper. {{ question }} Be brief."], "You are a helper. "),
        (["You are a helper.", "{{ question }}"], "You are a helper."),
        (["You are{# or not #} a helper. {% if x %}a{% endif %}"], "You are a helper. "),
        (["{{ question }}", "Be brief."], ""),
        (["You are a helper."], "You are a helper."),
    ],
)
def test_the_stable_beginning_ends_before_the_first_variable(messages: list[str], stable: str) -> None:
    prompt = Prompt("ask", tuple(Message("user", text) for text in messages), Path("ask"))
    assert prefix_tokens(prompt) == estimate_tokens(stable)


# -- in a run ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("prompt_cache")) as made:
        yield made


CACHED = """
[[variants.cached.safeguards]]
kind = "fallback"
[[variants.cached.safeguards]]
kind = "prompt_cache"
min_tokens = 10
prefix_tokens = 60
"""
FALLBACK = """
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
quality = 1
[[faults]]
kind = "server_error"
rate = 1
from_s = 10.5
targets = ["primary"]
"""


def test_a_fallback_to_another_target_finds_it_cold(small: Small) -> None:
    # Two prompts: each is written once at each target.
    ran = small.run(scenario(f"{FALLBACK}{CACHED}", rate_per_s=0.5, duration_s=40))
    full = 110 * TOKEN_PICO
    billed = [each for each in ran.attempts("cached") if each["billed"]]
    for target in (0, 1):
        at_target = [each["cost_pico"] - full for each in billed if each["target"] == target]
        assert sorted(at_target, reverse=True)[:2] == [60 * TOKEN_PICO // 4] * 2
        assert set(at_target[4:]) <= {60 * TOKEN_PICO // 4, -54 * TOKEN_PICO}
        assert len(at_target) - at_target.count(-54 * TOKEN_PICO) == 2
    by_request = {each["number"]: each["cost_pico"] for each in ran.requests("cached")}
    assert sum(by_request.values()) == sum(each["cost_pico"] for each in ran.attempts("cached"))


def test_switched_off_in_mid_run_prompts_cost_as_before(small: Small) -> None:
    with small.begin(scenario(f"{FALLBACK}{CACHED}", duration_s=10)) as (simulation, _):
        provider = simulation.worlds[0].providers[0]
        assert provider.kept_prompts is not None
        simulation.advance(5_000_000)
        warm = provider.kept_prompts
        simulation.change("variants.cached.safeguards.prompt_cache.ttl_s", 100)
        assert provider.kept_prompts is warm
        simulation.change("variants.cached.safeguards.prompt_cache.on", False)
        assert provider.kept_prompts is None


def test_its_factors_are_listed_as_assumptions() -> None:
    listed = {path: value for path, value, _ in assumptions(scenario(f"{FALLBACK}{CACHED}").scenario)}
    assert listed["variants.cached.safeguards.prompt_cache.read_factor"].startswith("0.1")
    assert listed["variants.cached.safeguards.prompt_cache.write_factor"].startswith("1.25")
