"""The estimate of a run of real calls: requests x tokens x price, and what retries and fallbacks can make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.analysis.estimate import Estimate, estimate, offered, price_doubts
from app.engine.draws import Draws
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.inputs.tokens import estimate_tokens
from app.scenario.files import ScenarioFile
from tests.engine.small import Small, scenario
from tests.harness import opened


@pytest.fixture(scope="module")
def worker() -> Iterator[BoundedWorker]:
    with BoundedWorker() as worker:
        yield worker


@pytest.fixture
def small(tmp_path: Path, worker: BoundedWorker) -> Small:
    return Small(tmp_path, worker)


def of(file: ScenarioFile, small: Small, worker: BoundedWorker) -> Estimate:
    return estimate(small.inputs(file), worker)


VARIANTS = """
[targets.spare]
price = { input_usd_per_million_tokens = 3, output_usd_per_million_tokens = 5 }
[variants.bare]
[variants.safe]
safeguards = [
  { kind = "cache" },
  { kind = "fallback", targets = ["spare"] },
  { kind = "hedge", max_hedges = 1 },
  { kind = "retry", max_retries = 2 },
]
"""


def test_requests_times_tokens_times_price(small: Small, worker: BoundedWorker) -> None:
    # given ten requests, a second apart, answers of 10 tokens, a dollar for a million tokens
    found = of(scenario(VARIANTS, duration_s=10.5), small, worker)
    bare, safe = found.variants
    # then each is asked once, with its rendered prompt and not with the size that the simulation draws
    assert found.requests == 10
    assert 5 < found.input_tokens < 40
    assert found.output_tokens == 10
    assert bare.expected_usd == pytest.approx(10 * (found.input_tokens + 10) * 1e-6)
    assert safe.expected_usd == bare.expected_usd
    assert found.expected_usd == pytest.approx(2 * bare.expected_usd)


def test_the_most_counts_every_call_at_the_dearest_price(small: Small, worker: BoundedWorker) -> None:
    found = of(scenario(VARIANTS, duration_s=10.5), small, worker)
    bare, safe = found.variants
    assert (bare.most_calls_per_request, safe.most_calls_per_request) == (1, 2 * 2 * 3)
    assert found.max_tokens == 20
    assert bare.most_usd == pytest.approx(10 * (found.most_input_tokens + 20) * 1e-6)
    assert safe.most_usd == pytest.approx(10 * 12 * (found.most_input_tokens * 3 + 20 * 5) * 1e-6)
    assert found.most_usd == pytest.approx(bare.most_usd + safe.most_usd)
    assert found.most_calls == 10 * 13


def test_the_sizes_are_those_of_the_questions_that_are_asked(small: Small, worker: BoundedWorker) -> None:
    # given one prompt only, of which only one question is asked
    file = scenario(duration_s=1.5, settings=("traffic.max_requests=1",))
    found = of(file, small, worker)
    texts = [
        "Answer this: Where is my order 4711 of 2026-01-08?",
        "Sort this: Where is my order 4711 of 2026-01-08? (plan small)",
    ]
    assert found.input_tokens in [estimate_tokens(text) for text in texts]
    assert found.most_input_tokens == found.input_tokens


def test_mess_counts_as_it_is_asked(small: Small, worker: BoundedWorker) -> None:
    calm = of(scenario(duration_s=60), small, worker)
    mess = '[[faults]]\nkind = "far_too_long"\nrate = 1\nrepeat_to_chars = 8000\n'
    long = of(scenario(mess, duration_s=60), small, worker)
    assert long.input_tokens > 10 * calm.input_tokens
    assert long.expected_usd > 2 * calm.expected_usd


def test_changes_on_the_way_count(small: Small, worker: BoundedWorker) -> None:
    changes = """
[variants.bare]
[[variants.bare.safeguards]]
kind = "retry"
max_retries = 1
[[changes]]
at_s = 5.5
set = "traffic.rate_per_s"
value = 10
[[changes]]
at_s = 6
set = "variants.bare.safeguards.retry.max_retries"
value = 4
[[changes]]
at_s = 60
set = "variants.bare.safeguards.retry.max_retries"
value = 9
"""
    found = of(scenario(changes, duration_s=10), small, worker)
    assert 48 <= found.requests <= 51
    assert found.variants[0].most_calls_per_request == 5


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("traffic.bursts={factor = 10, mean_burst_s = 5, mean_quiet_s = 20}",),
        ("traffic.arrivals=gamma", "traffic.gap_cv=3"),
        ("traffic.spikes=[{at_s = 10, duration_s = 5, factor = 8}]",),
        ("traffic.max_requests=37",),
    ],
)
def test_as_many_are_counted_as_arrive(
    small: Small, worker: BoundedWorker, settings: tuple[str, ...]
) -> None:
    # given a run of the same seed
    file = scenario(arrivals="poisson", duration_s=60, rate_per_s=3, settings=settings)
    ran = small.run(file)
    # then the estimate counts its requests
    inputs = small.inputs(file)
    assert offered(inputs, Draws(inputs.scenario.seed)) == len(ran.requests("bare"))


def test_more_than_a_million_are_the_integral(small: Small) -> None:
    inputs = small.inputs(scenario(duration_s=100, rate_per_s=100_000))
    assert offered(inputs, Draws(1)) == 10_000_000


def test_a_price_that_is_not_known_is_asked_for(small: Small, worker: BoundedWorker) -> None:
    tables = '[targets.other]\nmodel = "nobodys-model-9"\n'
    with pytest.raises(UserError, match=r"targets\.other\.price"):
        of(scenario(tables), small, worker)


def closed(tables: str = "", *more: str) -> ScenarioFile:
    """Four users who think for three seconds and wait one for their answers: one question a second, for five minutes."""
    users = "traffic.users={ count = 4, think_s = 3 }"
    return scenario(
        tables, duration_s=300, settings=("traffic.rate_per_s=", "traffic.arrivals=closed", users, *more)
    )


def test_users_ask_once_in_a_think_time_and_an_answer(small: Small, worker: BoundedWorker) -> None:
    # given a closed loop
    found = of(closed(), small, worker)
    # then the estimate is what the response time law says, says so, and is near what a simulated run asks
    assert found.requests == 300
    assert found.assumptions[0].startswith(
        "Requests of 4 users who think for 3 s and wait 1.0 s for an answer"
    )
    assert 0 < found.expected_usd <= found.most_usd
    assert found.requests == pytest.approx(len(small.run(closed()).requests("bare")), rel=0.15)


def test_users_who_join_and_a_bound_on_requests_count(small: Small, worker: BoundedWorker) -> None:
    twice = '[[changes]]\nat_s = 100\nset = "traffic.users.count"\nvalue = 8\n'
    shorter = '[[changes]]\nat_s = 150\nset = "duration_s"\nvalue = 200\n'
    assert of(closed(twice), small, worker).requests == 100 + 2 * 200
    assert of(closed(twice + shorter), small, worker).requests == 100 + 2 * 100
    assert of(closed("", "traffic.max_requests=70"), small, worker).requests == 70


def test_no_requests_cost_nothing(small: Small, worker: BoundedWorker) -> None:
    found = of(scenario(rate_per_s=0), small, worker)
    assert (found.requests, found.expected_usd, found.most_usd) == (0, 0, 0)


def test_a_ready_made_scenario_says_what_it_assumes(worker: BoundedWorker) -> None:
    found = estimate(prepare_inputs(opened("support-assistant"), worker), worker)
    assert found.requests == pytest.approx(2400, rel=0.1)
    assert 0 < found.expected_usd < found.most_usd
    assert found.assumptions[1].startswith("Prompts as the first 1,024 requests")
    assert any(each.startswith("fallback: no model named, $0.10 and $0.40") for each in found.assumptions)


@pytest.mark.parametrize(
    ("price", "model", "said"),
    [
        ("", "gpt-4o-mini", ""),
        (
            "{ input_usd_per_million_tokens = 90, output_usd_per_million_tokens = 90 }",
            "gpt-4o-mini",
            "",
        ),
        (
            "{ input_usd_per_million_tokens = 0.01, output_usd_per_million_tokens = 90 }",
            "gpt-4o-mini",
            "lower",
        ),
        (
            "{ input_usd_per_million_tokens = 0, output_usd_per_million_tokens = 0 }",
            "my-own",
            "free of charge",
        ),
        ("{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }", "my-own", ""),
    ],
)
def test_a_price_under_which_a_cap_holds_nothing_is_told(price: str, model: str, said: str) -> None:
    settings = (f"targets.primary.model={model}", f"targets.primary.price={price}")
    doubts = price_doubts(scenario(settings=settings).scenario)
    assert (said in doubts[0]) if said else doubts == ()
