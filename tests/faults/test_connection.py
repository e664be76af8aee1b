"""Connections that fail and errors that a provider sends: how each is told, when, at what cost, and what may help."""

from __future__ import annotations

import pytest

from app.faults.provider_errors import ErrorReply
from app.faults.registry import KINDS
from tests.faults.struck import STREAMING, struck_by
from tests.providers.rig import Rig, cost


@pytest.mark.parametrize(
    ("kind", "error", "status", "after_s", "flags"),
    [
        # flags: t a later call may succeed, s the SDKs retry it, e another target may succeed, b it trips the breaker
        ("connection_refused", "connection_refused", 0, 0.02, "tseb"),
        ("dns_failure", "dns_failure", 0, 2.0, "tseb"),
        ("tls_failure", "tls_failure", 0, 0.1, "seb"),
        ("connection_reset", "connection_lost", 0, 0.2, "tseb"),
        ("empty_response", "connection_lost", 0, 0.2, "tseb"),
        ("black_hole", "timeout", 0, 5.0, "tseb"),
        ("rate_limited", "rate_limited", 429, 0.05, "tse"),
        ("token_limited", "rate_limited", 429, 0.05, "tse"),
        ("request_too_large", "request_too_large", 429, 0.05, "se"),
        ("out_of_money", "insufficient_quota", 429, 0.05, "se"),
        ("server_error", "server_error", 500, 0.05, "tseb"),
        ("bad_gateway", "server_error", 502, 0.05, "tseb"),
        ("overloaded", "overloaded", 503, 0.05, "tseb"),
        ("gateway_timeout", "server_error", 504, 60.0, "tseb"),
        ("overloaded_529", "overloaded", 529, 0.05, "tseb"),
        ("unauthorized", "unauthorized", 401, 0.05, "e"),
        ("forbidden", "forbidden", 403, 0.05, "e"),
        ("context_length", "context_length_exceeded", 400, 0.05, "e"),
        ("content_policy", "content_policy", 400, 0.05, "e"),
    ],
)
def test_an_error_before_the_answer_is_told_as_what_it_is_and_bills_nothing(
    kind: str, error: str, status: int, after_s: float, flags: str
) -> None:
    rig = Rig([struck_by(kind)], slots=1)
    call, next_one = rig.call(), rig.call(1)

    # Then it takes no slot, so the next call does not wait for it either.
    assert rig.done(call, next_one) == [(after_s, error), (after_s, error)]
    assert (call.status, call.billed, call.cost_pico, call.output_tokens) == (status, False, 0, 0)
    told = call.error
    assert told is not None
    named = {"t": told.transient, "s": told.sdk_retries, "e": told.elsewhere, "b": told.trips_breaker}
    assert "".join(letter for letter, holds in named.items() if holds) == flags


@pytest.mark.parametrize(("kind", "wait_s"), [("rate_limited", 5), ("token_limited", 15)])
def test_limits_say_when_to_come_back(kind: str, wait_s: int) -> None:
    rig = Rig([struck_by(kind)])
    call = rig.call()
    rig.until(1)
    assert call.retry_after_us == wait_s * 1_000_000


def test_a_client_that_is_less_patient_than_a_black_hole_gives_up_first() -> None:
    rig = Rig([struck_by("black_hole")])
    call = rig.call(until_s=2)
    assert rig.done(call) == [(2.0, "timeout")]


def test_a_narrow_line_delays_the_prompt_and_stretches_the_answer() -> None:
    # Given 100 tokens up at 4 bytes and 11 down at 200 bytes each, over 400 bytes/s, when a call comes, then its prompt
    # takes a second more and its answer 5.5 s and not 1; what it costs is the same.
    rig = Rig([struck_by("slow_bandwidth", bandwidth_bytes_per_s=400)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(7.5, "right")]
    assert (call.first_us, call.cost_pico) == (2_000_000, cost(100, 11))


def test_a_wide_line_changes_nothing() -> None:
    rig = Rig([struck_by("slow_bandwidth", bandwidth_bytes_per_s=1e12)], **STREAMING)
    assert rig.done(rig.call()) == [(2.0, "right")]


@pytest.mark.parametrize("kind", ["black_hole", "dns_failure", "connection_refused", "tls_failure"])
def test_a_connection_that_is_too_long_in_coming_is_given_up(kind: str) -> None:
    fault = KINDS[kind].model_validate({"rate": 1, "after_s": 2})
    assert isinstance(fault, ErrorReply)
    for connect_s, ends in ((0.5, (0.5, "timeout")), (3, (2.0, fault.error.name))):
        rig = Rig([fault])
        call = rig.call(connect_s=connect_s)
        assert rig.done(call) == [ends]
        assert not call.billed


def test_the_patience_with_a_connection_is_none_with_an_answer() -> None:
    rig = Rig([KINDS["server_error"].model_validate({"rate": 1, "after_s": 2})])
    assert rig.done(rig.call(connect_s=1)) == [(2.0, "server_error")]
