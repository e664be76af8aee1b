"""The live driver over real sockets: what customers get when real calls fail in every way there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import UserError
from app.sessions.records import ObservationRecord
from tests.engine.live_runs import GOOD, SCENARIO, live
from tests.engine.loopback import (
    Play,
    chunk,
    fails,
    garbles,
    hangs,
    says,
    streams,
)


def trouble(n: int) -> Play:
    """Every fault there is, in turn, among good answers; all calls from 60 to 99 fail."""
    if 60 <= n < 100:
        return fails(500)
    plays: dict[int, Callable[[], Play]] = {
        0: lambda: fails(429, kind="requests", code="rate_limit_exceeded", retry_after_ms="30"),
        2: lambda: fails(500),
        5: lambda: hangs(chunk('{"int')),
        7: lambda: streams(chunk("half of"), ends=False),
        9: garbles,
        11: lambda: says("no JSON at all"),
        13: lambda: fails(429, kind="requests", code="rate_limit_exceeded", retry_after="60"),
        15: lambda: streams(chunk("no end")),
        17: hangs,
    }
    return plays.get(n % 19, lambda: says(GOOD, usage=(200, 10)))()


def good(_n: int) -> Play:
    return says(GOOD, usage=(200, 10))


def test_the_bare_variant_passes_every_failure_on_to_its_customers(tmp_path: Path) -> None:
    lived = live(tmp_path, "bare", trouble, good, requests=57)
    reasons = Counter(request.reason for request in lived.requests)
    assert reasons == {
        "": 33,
        "rate_limited": 6,
        "server_error": 3,
        "timeout": 6,
        "connection_lost": 6,
        "unreadable_answer": 3,
    }
    assert len(lived.heard[0]) == 57
    assert lived.heard[1] == []
    assert all(request.attempts == 1 for request in lived.requests)


def test_the_safeguarded_variant_serves_all_the_same(tmp_path: Path) -> None:
    lived = live(tmp_path, "safe", trouble, good, requests=150)
    served = Counter(request.served_by for request in lived.requests)
    assert len(lived.requests) == 150
    assert served["nobody"] == 0
    assert min(served["primary"], served["fallback"], served["cache"]) > 5
    errors = {attempt.error for attempt in lived.attempts}
    assert errors >= {"", "rate_limited", "server_error", "timeout", "connection_lost", "unreadable_answer"}
    reasons = {request.reason for request in lived.requests}
    assert "fallback: breaker_open" in reasons
    assert "fallback: rate_limited" in reasons, "it asks for a minute of patience, which is too much to retry"
    assert any(attempt.retry for attempt in lived.attempts)


def test_costs_are_what_the_provider_counts_at_the_targets_price(tmp_path: Path) -> None:
    lived = live(tmp_path, "bare", good, good)
    (request,) = lived.requests
    assert (request.outcome, request.served_by) == ("good", "primary")
    assert (request.input_tokens, request.output_tokens) == (200, 10)
    assert request.cost_pico == 200 * 10**6 + 10 * 10**7


def test_requests_start_when_they_are_meant_to_and_times_never_run_back(tmp_path: Path) -> None:
    lived = live(tmp_path, "bare", good, good, requests=50)
    assert [each.sequence for each in lived.observations] == list(range(len(lived.observations)))
    times = [each.now_us for each in lived.observations]
    assert times == sorted(times)
    for request in lived.requests:
        assert request.started_us is not None
        assert request.first_token_us is not None
        assert request.intended_us <= request.started_us <= request.first_token_us <= request.finished_us


def test_no_lifecycle_sees_a_time_out_before_its_time(tmp_path: Path) -> None:
    lived = live(tmp_path, "bare", lambda n: hangs(), good, requests=30)
    starts = {
        each.number: each.command["asked"][0]["until_us"]
        for each in lived.observations
        if each.outcome["came"] == "request"
    }
    ends = {each.number: each.now_us for each in lived.observations if each.outcome["came"] == "attempt"}
    assert len(ends) == 30
    assert all(ends[number] >= until_us for number, until_us in starts.items())


def test_a_call_that_the_deadline_of_its_request_cuts_short_says_so(tmp_path: Path) -> None:
    bound = 'kind = "attempt_timeout"\nattempt_s = 1\nfirst_token_s = 1\n'
    assert bound in SCENARIO
    text = SCENARIO.replace(bound, 'kind = "deadline"\ntotal_s = 1\n')
    lived = live(tmp_path, "bare", lambda n: hangs(), good, requests=10, text=text)
    assert Counter(each.reason for each in lived.requests) == {"deadline_exceeded": 10}
    assert {each.error for each in lived.attempts} == {"deadline_exceeded"}


def test_what_has_no_answer_when_the_run_ends_has_failed_and_is_counted(tmp_path: Path) -> None:
    text = SCENARIO.replace("drain_s = 5", "drain_s = 0.05").replace("_s = 1\n", "_s = 300\n")
    lived = live(tmp_path, "bare", lambda n: hangs(chunk("It is")), good, requests=10, text=text)
    assert Counter((each.outcome, each.reason) for each in lived.requests) == {("failed", "run_ended"): 10}
    assert {attempt.error for attempt in lived.attempts} == {"run_ended"}
    assert all(attempt.cost_pico > 0 for attempt in lived.attempts if attempt.status == 200)


def test_who_could_not_be_let_in_before_the_end_has_failed_too(tmp_path: Path) -> None:
    text = SCENARIO.replace("drain_s = 5", "drain_s = 0")
    lived = live(tmp_path, "bare", lambda n: hangs(), good, requests=3, text=text)
    assert [(each.number, each.reason) for each in lived.requests] == [(n, "run_ended") for n in range(3)]
    assert all(each.number < 2 for each in lived.observations), "the last one came when all was over"


def test_a_run_can_be_cancelled_and_leaves_a_row_for_everybody_who_came(tmp_path: Path) -> None:
    lived = live(tmp_path, "safe", lambda n: hangs(), lambda n: hangs(), requests=500, stop_after=40)
    came = {each.number for each in lived.observations if each.outcome["came"] == "request"}
    assert 0 < len(came) <= 40
    assert {each.number for each in _finished(lived.observations)} == came
    assert {each.number for each in lived.requests} >= came


def _finished(observations: list[ObservationRecord]) -> list[ObservationRecord]:
    return [each for each in observations if each.command["asked"][-1]["do"] == "finish"]


def test_a_target_without_an_endpoint_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'fallback' has no endpoint"):
        live(tmp_path, "bare", good)
