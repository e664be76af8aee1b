"""Load, capacity, amplification and recovery by hand; and the same as the formulas of the known results."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.analysis.stability.assess import Assessment, assess
from app.analysis.stability.client import client_of
from app.analysis.stability.recovery import Flow, Trigger, held_back, recovery
from app.analysis.stability.service import Service, service_of
from app.analysis.validation.formulas import backlog_after_outage, recovery_s, retry_attempts
from app.errors import UserError
from app.providers.profile import Target, Tokens
from app.scenario.files import ScenarioFile, parse_scenario
from tests.analysis.stability.scenarios import BREAKER, BUDGET, EXPONENTIAL, overload
from tests.engine.small import scenario

FALLBACK = '[[variants.bare.safeguards]]\nkind = "fallback"\ntargets = ["second"]\n'
SECOND = """
[targets.second]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
"""


def of(file: ScenarioFile, **given: object) -> Assessment:
    return assess(file.scenario, "bare", **given)  # type: ignore[arg-type]


class TestLoadAndCapacity:
    def test_slots_over_service_time_is_the_capacity_and_littles_law_the_load(self) -> None:
        found = of(overload(8))
        assert (found.rate_per_s, found.peak_per_s) == (8, 8)
        assert found.capacity_per_s == found.slots_per_s == pytest.approx(20)
        assert (found.erlangs, found.slots, found.rho) == (8, 20, 0.4)
        assert (found.rpm_per_s, found.tpm_per_s, found.bound_by) == (None, None, "slots")

    def test_the_least_of_slots_and_limits_binds(self) -> None:
        by_requests = of(overload(8, target="rpm = 600"))
        assert (by_requests.capacity_per_s, by_requests.bound_by) == (10, "rpm")
        assert by_requests.rho == 0.8
        # 100 tokens of prompt and 10 of answer a call
        by_tokens = of(overload(8, target="rpm = 600\ntpm = 59400"))
        assert by_tokens.capacity_per_s == pytest.approx(9)
        assert by_tokens.bound_by == "tpm"

    def test_a_target_that_slows_down_with_its_load_has_less(self) -> None:
        # Given service times that double when all slots are taken: a = 8 (1 + a / 20)
        found = of(overload(8, target="slowdown = 1"))
        assert found.slots_per_s == pytest.approx(20 / 1.95)
        assert found.erlangs == pytest.approx(8 / (1 - 8 / 20))
        assert of(overload(30, target="slowdown = 1")).erlangs == inf

    def test_the_peak_is_that_of_spikes_and_now_is_now(self) -> None:
        file = scenario(
            "[variants.bare]",
            rate_per_s=2,
            duration_s=100,
            settings=("targets.primary.slots=4", "traffic.spikes=[{at_s = 10, duration_s = 20, factor = 4}]"),
        )
        found = of(file)
        assert found.rate_per_s == pytest.approx((80 * 2 + 20 * 8) / 100)
        assert found.peak_per_s == pytest.approx(8)
        assert (found.verdict, found.verdict_at_peak) == ("recovers", "overloaded")
        assert of(file, at_s=15).rate_per_s == pytest.approx(8)
        assert of(file, at_s=50).rate_per_s == pytest.approx(2)

    def test_more_than_it_can_do_when_all_is_well_is_overload(self) -> None:
        found = of(overload(21))
        assert found.verdict == "overloaded"
        assert found.recoveries[0].after_s is None

    def test_the_rate_of_a_trace_is_the_runs_to_know(self) -> None:
        text = overload().text.replace('arrivals = "constant"', 'arrivals = "trace"')
        text = text.replace("rate_per_s = 10", 'trace = { path = "sample:requests.csv" }')
        traced = parse_scenario(text, Path("scenario.toml"))
        with pytest.raises(UserError, match="recorded trace"):
            of(traced)
        assert of(traced, trace_per_s=6.0).rate_per_s == pytest.approx(6)


class TestAttempts:
    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_retries_multiply_calls_and_divide_the_load_it_recovers_from(self, retries: int) -> None:
        found = of(overload(retries=retries))
        assert found.attempts_healthy == 1
        assert found.attempts_failing == retries + 1
        assert found.recoverable_per_s == pytest.approx(20 / (retries + 1))

    def test_layers_multiply_and_so_do_targets(self) -> None:
        outer = '[[variants.bare.safeguards]]\nkind = "retry"\nid = "again"\nmax_retries = 3\n'
        found = of(overload(retries=1, target="", more=FALLBACK + outer + SECOND))
        assert found.attempts_failing == 2 * 4
        assert found.calls_in_all == 2 * 4 * 2

    def test_a_deadline_leaves_time_for_fewer(self) -> None:
        deadline = '[[variants.bare.safeguards]]\nkind = "deadline"\ntotal_s = 8\n'
        assert of(overload(retries=4, more=deadline)).attempts_failing == 2
        assert client_of(overload(retries=4, more=deadline).scenario, "bare").timeout_s == 5

    def test_a_budget_bounds_them_and_a_breaker_lets_only_probes_pass(self) -> None:
        budgeted = of(overload(retries=4, service=EXPONENTIAL, more=BUDGET))
        assert budgeted.attempts_failing == pytest.approx(1 + 1 / 10)
        # lambda (1 + 0.2 of each success) + 1 a second: between the two bounds
        assert (20 - 1) / 1.2 - 0.5 < budgeted.recoverable_per_s < 19
        assert of(overload(retries=4, more=BREAKER)).recoverable_per_s == pytest.approx(20)

    def test_a_breaker_that_sees_too_few_calls_does_not_count(self) -> None:
        assert of(overload(0.5, retries=4, more=BREAKER)).recoverable_per_s == pytest.approx(20)
        assert not client_of(overload(retries=4, more=BREAKER).scenario, "bare").gives_way(0.5)

    def test_a_cache_answers_its_share_as_long_as_all_is_well(self) -> None:
        cache = '[[variants.bare.safeguards]]\nkind = "cache"\n'
        file = overload(more=cache)
        found = assess(
            file.scenario.model_copy(
                update={"traffic": file.scenario.traffic.model_copy(update={"repeat_rate": 0.25})}
            ),
            "bare",
        )
        assert found.attempts_healthy == 0.75
        assert found.recoverable_per_s == pytest.approx(20 / 3)

    def test_a_limit_that_turns_away_what_is_too_much_keeps_the_storm_out(self) -> None:
        assert of(overload(retries=4, target="rpm = 900")).recoverable_per_s == pytest.approx(15)

    @given(failing=st.floats(0, 1), retries=st.integers(0, 10), rate=st.floats(0.01, 1000))
    def test_calls_per_request_are_those_of_the_known_result_or_less(
        self, failing: float, retries: int, rate: float
    ) -> None:
        plain = client_of(overload(retries=retries).scenario, "bare")
        assert plain.calls_per_request(failing, rate) == pytest.approx(retry_attempts(failing, retries))
        budgeted = client_of(overload(retries=retries, more=BUDGET).scenario, "bare")
        calls = budgeted.calls_per_request(failing, rate)
        assert 1 <= calls <= plain.calls_per_request(failing, rate) + 1e-9


class TestRecovery:
    @settings(max_examples=60)
    @given(
        rate=st.floats(1, 290),
        retries=st.integers(0, 4),
        outage_s=st.floats(2, 60),
    )
    def test_it_is_the_known_result_where_service_is_short_and_retries_come_at_once(
        self, rate: float, retries: int, outage_s: float
    ) -> None:
        # Given 300 calls a second and a timeout of 1 s, as Bronson et al. have it
        file = scenario(
            f"""
slots = 1
on_cancel = "finish"
[[variants.bare.safeguards]]
kind = "retry"
max_retries = {retries}
base_s = 0
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 1
first_token_s = 1
""",
            rate_per_s=rate,
            primary='service = "constant"\nservice_s = 0.003333333',
        )
        trigger = Trigger("out", outage_s, "redeliver")
        found = of(file, triggers=(trigger,)).recoveries[0]
        assert found.held_back == pytest.approx(backlog_after_outage(rate, 1, retries, outage_s))
        known_s = recovery_s(rate, 300, 1, retries, outage_s)
        if abs((retries + 1) * rate - 300) < 3:
            return
        if known_s is None:
            assert found.after_s is None
        else:
            # requests are back by so much earlier than calls as their last retry comes later
            assert found.after_s == pytest.approx(max(0, known_s - retries), abs=0.5, rel=0.02)

    def test_patience_that_is_shorter_than_the_timeout_waits_for_the_rest_to_drain(self) -> None:
        # Given a timeout that nobody reaches: 10 a second for 20 s are held back, and drain at 20 - 10
        client = client_of(overload(retries=2).scenario, "bare")
        patient = type(client)(600, 600, (0.0, 600.0), 2, None, None, 0)
        service = Service(*(service_of(_constant(), Tokens()).first_s,) * 2, served_on=True, kept=True)
        flow = Flow(10, calm_per_s=10, failing_per_s=20, storm_per_s=20, served_per_s=20)
        found = recovery(Trigger("", 20), patient, service, flow, patience_s=6)
        assert found.held_back == 200
        assert found.after_s == pytest.approx((200 - (6 - 1) * 20) / 10)

    def test_what_is_dropped_leaves_one_timeout_of_work_at_the_most(self) -> None:
        kept, dropped = of(overload(6)), of(overload(6, target="drop_expired = true"))
        assert kept.recoveries[0].held_back > dropped.recoveries[0].held_back == 5 * 20

    def test_the_shortest_outage_that_tips_it_holds_back_what_is_served_in_one_timeout(self) -> None:
        found = of(overload(12))
        assert found.tipping_s is not None
        client = client_of(overload(12).scenario, "bare")
        service = service_of(overload(12).scenario.targets["primary"], Tokens())
        flow = Flow(12, 12, 36, 36, 20)
        backlog = held_back(Trigger("", found.tipping_s), client, service, flow)
        assert backlog == pytest.approx((5 - 1) * 20)
        assert of(overload(6)).tipping_s is None

    def test_planned_outages_of_the_primary_are_the_triggers(self) -> None:
        assert [each.trigger for each in of(overload(6)).recoveries] == [Trigger("Out", 20, "freeze", 0.3)]
        without = scenario("[variants.bare]")
        assert [each.trigger.outage_s for each in of(without).recoveries] == [20]

    def test_safeguards_that_it_leaves_out_are_named(self) -> None:
        assert of(overload(6, more=BREAKER)).left_out == ()
        hedged = '[[variants.bare.safeguards]]\nkind = "hedge"\nafter_s = 2\n'
        assert of(overload(6, more=hedged)).left_out == ("hedge",)


def _constant() -> Target:
    price = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}
    return Target.model_validate({"service": "constant", "service_s": 1, "price": price})
