"""Bugs that others' resilience libraries and gateways are known for: each is a test here, by its name, on whole runs.

What a single safeguard does in detail is tested in its own module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.engine.small import TOKEN_PICO, Small, scenario, small_runs
from tests.harness import Ran

DOWN = '[[faults]]\nkind = "server_error"\nrate = 1\ntargets = ["primary"]\nafter_s = 0.1\n'
HANGS = '[[faults]]\nkind = "hang"\nrate = 1\ntargets = ["primary"]\n'
CHEAP = "{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }"
FALLBACK = f'[targets.fallback]\nprice = {CHEAP}\nservice = "constant"\nservice_s = 0.5\n'


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def kept(small: Small, tables: str, *safeguards: str, **more: Any) -> Ran:
    """A run of one variant with these safeguards."""
    listed = ", ".join(f"{{ {each} }}" for each in safeguards)
    return small.run(scenario(f"{tables}\n[variants.any]\nsafeguards = [{listed}]\n", **more))


def calls(ran: Ran) -> list[list[dict[str, Any]]]:
    """Attempts by request."""
    attempts = ran.attempts("any")
    return [[each for each in attempts if each["number"] == r["number"]] for r in ran.requests("any")]


class TestRetryLayersMultiply:
    """(1 + N)² calls, where somebody thought of 2 N."""

    LAYERS = tuple(f'kind = "retry", id = "{name}", max_retries = 2, base_s = 0' for name in "ab")

    def test_every_one_of_them_is_seen_and_numbered(self, small: Small) -> None:
        for attempts in calls(kept(small, DOWN, *self.LAYERS, duration_s=4)):
            assert [each["retry"] for each in attempts] == list(range(9))
            assert all(each["reason"] == "retry: server_error" for each in attempts[1:])

    def test_a_retry_budget_bounds_all_layers_together(self, small: Small) -> None:
        budget = 'kind = "retry_budget", ratio = 0, min_per_s = 0, max_tokens = 5'
        ran = kept(small, DOWN, *self.LAYERS, budget, duration_s=10)
        assert len(ran.attempts("any")) == ran.simulation.offered + 5


def test_timeouts_multiply(small: Small) -> None:
    """30 s and two retries are 91.6 s, unless a deadline bounds them all."""
    each = (
        'kind = "retry", max_retries = 2, base_s = 0.5, jitter = "none"',
        'kind = "attempt_timeout", attempt_s = 30',
    )
    first_token = each[1] + ", first_token_s = 30"
    (longest,) = {
        r["finished_us"] - r["intended_us"] for r in kept(small, HANGS, each[0], first_token).requests("any")
    }
    assert longest == 91_500_000
    bounded = kept(small, HANGS, 'kind = "deadline", total_s = 30', each[0], first_token)
    assert {r["finished_us"] - r["intended_us"] for r in bounded.requests("any")} == {30_000_000}


def test_a_fallback_restarts_the_whole_retry_cycle(small: Small) -> None:
    both_down = DOWN.replace('targets = ["primary"]\n', "")
    ran = kept(
        small, FALLBACK + both_down, 'kind = "fallback"', 'kind = "retry", max_retries = 2, base_s = 0'
    )
    for attempts in calls(ran):
        assert [(each["target"], each["retry"]) for each in attempts] == [
            (target, retry) for target in (0, 1) for retry in (0, 1, 2)
        ]


def test_a_free_model_out_of_budget_falls_back_to_a_paid_one_without_limit(small: Small) -> None:
    # Given a free model that has nothing left to give, and a paid one behind it
    free = "price = { input_usd_per_million_tokens = 0, output_usd_per_million_tokens = 0 }"
    tables = FALLBACK + '[[faults]]\nkind = "out_of_money"\nrate = 1\ntargets = ["primary"]\n'
    listed = '{ kind = "fallback" }, { kind = "budget", per_run_usd = 0.0005, on_exceeded = "stop" }'
    file = scenario(
        f"{tables}\n[variants.any]\nsafeguards = [{listed}]\n",
        settings=(f"targets.primary.{free}".replace(" = {", "={", 1),),
        duration_s=30,
    )
    ran = small.run(file)
    spent_pico = sum(each["cost_pico"] for each in ran.attempts("any"))
    assert 0 < spent_pico <= 0.0005 * 10**12
    assert {r["reason"] for r in ran.requests("any") if r["outcome"] == "failed"} <= {
        "budget_exceeded",
        "fallback: insufficient_quota",
    }


def test_the_fallback_has_a_smaller_context_window_and_the_chain_dies(small: Small) -> None:
    tables = FALLBACK + "context_tokens = 50\n" + FALLBACK.replace("targets.fallback", "targets.large")
    ran = kept(small, tables + DOWN, 'kind = "fallback", targets = ["fallback", "large"]')
    for request, attempts in zip(ran.requests("any"), calls(ran), strict=True):
        assert [each["error"] for each in attempts] == ["server_error", "context_length_exceeded", ""]
        assert request["outcome"] == "good"


class TestBreaker:
    """One that never opens, sticks half-open, floods on probe, or, cooling anew, keeps the earlier deadline."""

    KIND = 'kind = "breaker", min_calls = 5, window_s = 1, open_s = 2, half_open_calls = 2'

    def calls(self, small: Small, *, down_until_s: int) -> list[dict[str, Any]]:
        """Of 20 requests a second; the target is down from 2 s on."""
        fault = DOWN + f"from_s = 2\nto_s = {down_until_s}\n"
        primary = 'service = "constant"\nservice_s = 0.2'
        return kept(small, fault, self.KIND, rate_per_s=20, primary=primary).attempts("any")

    def test_it_opens_and_does_not_flood_the_target_on_probing(self, small: Small) -> None:
        starts = [each["started_us"] for each in self.calls(small, down_until_s=10)]
        probes = [at_us for at_us in starts if at_us > 3_000_000]
        assert 2 <= len(probes) <= 8, "two probes each time, of 140 requests"
        assert all(sum(first <= each < first + 2_000_000 for each in probes) <= 2 for first in probes)

    def test_it_does_not_stick_half_open(self, small: Small) -> None:
        late = [each for each in self.calls(small, down_until_s=5) if each["started_us"] >= 8_000_000]
        assert len(late) >= 40
        assert not any(each["error"] for each in late)

    def test_opened_anew_it_stays_so_for_its_whole_time(self, small: Small) -> None:
        probes = [each for each in self.calls(small, down_until_s=10) if each["started_us"] > 3_000_000]
        waves = [probes[:1]]
        for earlier, probe in pairwise(probes):
            if probe["started_us"] - earlier["started_us"] > 1_000_000:
                waves.append([])
            waves[-1].append(probe)
        assert len(waves) >= 3
        for wave, following in pairwise(waves):
            assert following[0]["started_us"] >= min(each["finished_us"] for each in wave) + 2_000_000


class TestCache:
    """A stampede on a question that all ask at once; an answer to the opposite of what was asked."""

    def test_stampede(self, small: Small) -> None:
        ran = kept(small, '[prompts]\nonly = ["ask"]\n', 'kind = "cache"', rate_per_s=20, repeat_rate=0.999)
        one_after_the_other = [attempt for attempt in ran.attempts("any") if not attempt["error"]]
        asked = Counter(r["cache"] for r in ran.requests("any"))
        assert asked["shared"] >= 15
        assert len(one_after_the_other) == asked["miss"] < 10

    def test_an_answer_to_another_question(self, small: Small) -> None:
        # Given two prompts for the same rows, some of them messy, and a switch that makes rows the questions half-way
        tables = """
[[faults]]
kind = "typos"
rate = 0.5

[[changes]]
at_s = 60
set = "traffic.same_row_same_question"
value = true
"""
        ran = kept(small, tables, 'kind = "cache"', duration_s=120)
        requests = ran.requests("any")
        assert {r["cache"] for r in requests if r["intended_us"] < 60e6} == {"miss"}
        asked: set[tuple[int, int, str]] = set()
        for request in (r for r in requests if r["intended_us"] >= 60e6):
            question = (request["prompt"], request["row"], request["mess"])
            assert (request["cache"] == "hit") == (question in asked)
            asked.add(question)
        assert len(asked) == 20


def test_nobody_can_tell_why_the_fallback_fired(small: Small) -> None:
    kinds = ("server_error", "hang", "empty", "rate_limited")
    faults = "".join(f'[[faults]]\nkind = "{kind}"\nrate = 0.2\ntargets = ["primary"]\n' for kind in kinds)
    check = '[[checks]]\nkind = "length"\nid = "not_empty"\nmin_chars = 1\nscores = "runtime"\n'
    ran = kept(
        small,
        FALLBACK + check + faults,
        'kind = "fallback"',
        'kind = "breaker", min_calls = 5',
        'kind = "attempt_timeout", attempt_s = 3',
        'kind = "answer_check"',
        duration_s=100,
    )
    why: Counter[str] = Counter()
    for request, attempts in zip(ran.requests("any"), calls(ran), strict=True):
        if request["served_by"] != "fallback":
            continue
        reason = request["reason"]
        why[reason] += 1
        assert attempts[-1]["reason"] == reason
        if len(attempts) > 1 and attempts[0]["error"]:
            assert reason == f"fallback: {attempts[0]['error']}"
    assert set(why) == {
        f"fallback: {error}"
        for error in ("server_error", "timeout", "bad_answer", "rate_limited", "breaker_open")
    }


def test_charges_for_failed_timed_out_and_hedge_losing_calls_are_left_out(small: Small) -> None:
    # Given slow calls that are worked on, and given up by the client or for another's answer
    exponential = 'service = "exponential"\nservice_s = 1'
    ran = kept(
        small,
        '[[faults]]\nkind = "truncated"\nrate = 0.2\n',
        'kind = "hedge", after_s = 0.5',
        'kind = "retry", max_retries = 1, base_s = 0',
        'kind = "attempt_timeout", attempt_s = 1, first_token_s = 1',
        duration_s=100,
        primary=exponential,
    )
    charged = Counter(each["error"] for each in ran.attempts("any") if each["cost_pico"])
    assert min(charged["timeout"], charged["cancelled"], charged[""]) > 5
    for request, attempts in zip(ran.requests("any"), calls(ran), strict=True):
        assert request["cost_pico"] == sum(each["cost_pico"] for each in attempts)
        assert all(each["cost_pico"] >= 100 * TOKEN_PICO for each in attempts if each["billed"])
    assert all(each["billed"] for each in ran.attempts("any") if each["error"] in ("timeout", "cancelled"))
