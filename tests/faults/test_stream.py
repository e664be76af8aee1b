"""Streams that break, pause or fall silent: first token after 1 s, the eleventh and last after 2 s."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.faults.incidents import Outage
from app.faults.stream import CutStream, ErrorInStream, KeepAlives, MalformedChunk, NoUsage, Silence, Stall
from app.safeguards.commands import FOREVER_US
from app.safeguards.errors import RUN_ENDED
from tests.faults.struck import STREAMING, struck_by
from tests.providers.rig import Rig, cost, gives_up

BREAKS = ["cut_stream", "unfinished_stream", "error_in_stream", "malformed_chunk"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("cut_stream", "connection_lost"),
        ("unfinished_stream", "connection_lost"),
        ("error_in_stream", "server_error"),
        ("malformed_chunk", "unreadable_answer"),
    ],
)
def test_a_broken_stream_had_begun_and_bills_what_had_come(kind: str, error: str) -> None:
    rig = Rig([struck_by(kind)], slots=1, **STREAMING)
    call, waiting = rig.call(), rig.call(1)

    assert rig.done(call, waiting) == [(1.5, error), (3.0, error)]
    assert (call.status, call.first_us, call.output_tokens) == (200, 1_000_000, 6)
    assert (call.billed, call.cost_pico) == (True, cost(100, 6))
    assert rig.provider.in_service == 0


@pytest.mark.parametrize(("share", "tokens", "at_s"), [(0, 1, 1.0), (0.2, 3, 1.2), (1, 11, 2.0)])
def test_a_stream_breaks_where_it_is_told_to(share: float, tokens: int, at_s: float) -> None:
    rig = Rig([CutStream(rate=1, after_share=share)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(at_s, "connection_lost")]
    assert call.output_tokens == tokens


def test_a_server_that_finishes_works_on_behind_a_cut_and_not_behind_its_own_error() -> None:
    for fault, tokens, next_begins_s in ((CutStream(rate=1), 11, 2.0), (ErrorInStream(rate=1), 6, 1.5)):
        rig = Rig([fault], slots=1, on_cancel="finish", **STREAMING)
        call, waiting = rig.call(), rig.call(1)
        rig.done(call, waiting)
        assert (call.finished_us, call.output_tokens) == (1_500_000, tokens)
        # The broken call's end, which never came, is a microsecond after the answer's.
        assert waiting.queued_us == pytest.approx(next_begins_s * 1e6, abs=1)


def test_an_answer_that_comes_whole_is_billed_whole() -> None:
    rig = Rig([MalformedChunk(rate=1)])
    call = rig.call()
    assert rig.done(call) == [(1.0, "unreadable_answer")]
    assert call.cost_pico == cost(100, 11)


def test_a_client_that_gives_up_before_the_break_never_sees_it() -> None:
    rig = Rig([CutStream(rate=1)], **STREAMING)
    assert rig.done(rig.call(until_s=1.2)) == [(1.2, "timeout")]


def test_a_stall_delays_the_rest_of_the_answer_once() -> None:
    rig = Rig([Stall(rate=1, stall_s=3)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(5.0, "right")]
    assert (call.first_us, call.output_tokens) == (1_000_000, 11)


def test_during_a_stall_no_tokens_come_and_none_are_billed() -> None:
    tokens = []
    for until_s in (1.3, 2.0, 4.0, 4.8):
        rig = Rig([Stall(rate=1, stall_s=3)], **STREAMING)
        call = rig.call(until_s=until_s)
        assert rig.done(call) == [(until_s, "timeout")]
        tokens.append(call.output_tokens)
    assert tokens == [4, 6, 6, 9]


def test_usage_that_is_never_told_is_billed_all_the_same() -> None:
    rig = Rig([NoUsage(rate=1)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(2.0, "right")]
    assert (call.output_tokens, call.billed, call.cost_pico) == (11, True, cost(100, 11))
    assert rig.provider.faults.log == [(0, "no_usage")]


def test_silence_lasts_until_the_client_gives_up_and_keeps_the_slot() -> None:
    rig = Rig([Silence(first=1)], slots=1, **STREAMING)
    call, waiting = rig.call(until_s=100), rig.call(1)
    assert rig.done(call, waiting) == [(100.0, "timeout"), (102.0, "right")]
    assert (call.output_tokens, call.cost_pico) == (6, cost(100, 6))


def test_keep_alives_bill_the_prompt_and_outlast_everything_but_a_timeout() -> None:
    rig = Rig([KeepAlives(rate=1)], **STREAMING)
    by_first, by_end, patient = rig.call(first_by_s=9), rig.call(1, until_s=30), rig.call(2)
    rig.until(10_000)
    assert [(each.finished_us, each.first_us, each.cost_pico) for each in (by_first, by_end)] == [
        (9_000_000, None, cost(100, 0)),
        (30_000_000, None, cost(100, 0)),
    ]
    gives_up(rig, patient, at_s=20_000, error=RUN_ENDED)
    assert patient.output_tokens == 0
    assert rig.provider.in_service == 0


@pytest.mark.parametrize("fault", [Silence(first=1), KeepAlives(first=1)], ids=lambda fault: fault.kind)
def test_a_server_that_finishes_gets_its_slot_back_from_a_silent_call(fault: Silence | KeepAlives) -> None:
    rig = Rig([fault], slots=1, on_cancel="finish", **STREAMING)
    call, waiting = rig.call(until_s=50), rig.call(1)
    assert rig.done(call, waiting) == [(50.0, "timeout"), (52.0, "right")]
    assert call.output_tokens == 11


def test_of_two_interruptions_the_first_counts() -> None:
    rig = Rig([Stall(rate=1, stall_s=3), CutStream(rate=1)], **STREAMING)
    assert rig.done(rig.call()) == [(5.0, "right")]


def test_a_break_waits_while_the_target_is_frozen() -> None:
    rig = Rig([CutStream(rate=1), Outage(outage_mode="freeze")], **STREAMING)
    rig.strike(True, False)
    call = rig.call()
    rig.strike(True, True, at_s=1.2)
    rig.strike(True, False, at_s=11.2)
    assert rig.done(call) == [(11.5, "connection_lost")]
    assert call.output_tokens == 6


@given(
    kind=st.sampled_from([*BREAKS, "stall", "silence"]),
    share=st.floats(0, 1),
    on_cancel=st.sampled_from(["stop", "finish"]),
    service=st.sampled_from([STREAMING, {}]),
    calls=st.lists(st.tuples(st.integers(0, 900_000), st.integers(1, 4_000_000)), min_size=1, max_size=20),
)
def test_every_interrupted_call_ends_bills_no_more_than_all_and_leaves_nothing_behind(
    kind: str, share: float, on_cancel: str, service: dict[str, Any], calls: list[tuple[int, int]]
) -> None:
    rig = Rig([struck_by(kind, after_share=share)], slots=2, on_cancel=on_cancel, **service)
    begun, now = [], 0
    for number, (gap_us, patience_us) in enumerate(calls):
        now += gap_us
        begun.append(rig.call(number, at_s=now / 1e6, until_s=(now + patience_us) / 1e6))
    rig.done(*begun)
    for call in begun:
        assert call.finished_us <= call.until_us < FOREVER_US
        assert 0 <= call.output_tokens <= 11
        assert call.cost_pico == (cost(100, call.output_tokens) if call.billed else 0)
    assert rig.provider.in_service == 0
    assert not rig.provider.queue


@pytest.mark.parametrize(
    ("between_s", "ends"), [(0.6, (2.1, "timeout")), (1.1, (3.0, "right")), (1.099999, (2.599999, "timeout"))]
)
def test_a_stream_that_stalls_is_given_up_when_the_next_token_is_too_long_in_coming(
    between_s: float, ends: tuple[float, str]
) -> None:
    # Given a stream that pauses for a second after its sixth token, at 1.5 s; the seventh comes at 2.6 s
    rig = Rig([Stall(rate=1, stall_s=1)], slots=1, **STREAMING)
    call, waiting = rig.call(between_s=between_s), rig.call(1)
    # Then its client waits for as long as it waits, and pays for what had come
    assert rig.done(call) == [ends]
    assert call.output_tokens == (6 if ends[1] == "timeout" else 11)
    assert (call.first_us, waiting.queued_us) == (1_000_000, call.finished_us)


def test_silence_in_mid_stream_is_given_up_long_before_the_call_is() -> None:
    rig = Rig([Silence(rate=1)], **STREAMING)
    assert rig.done(rig.call(until_s=60, between_s=5)) == [(6.5, "timeout")]
    # An answer that comes whole has nothing between its tokens but the wait for its end.
    rig = Rig([Silence(rate=1)])
    assert rig.done(rig.call(until_s=60, between_s=5)) == [(6.0, "timeout")]


def test_keep_alives_are_for_the_patience_with_a_first_token() -> None:
    rig = Rig([KeepAlives(rate=1)], **STREAMING)
    assert rig.done(rig.call(first_by_s=10, between_s=5)) == [(10.0, "timeout")]


def test_a_stream_that_breaks_before_it_is_too_quiet_breaks() -> None:
    rig = Rig([CutStream(rate=1)], **STREAMING)
    assert rig.done(rig.call(between_s=0.2)) == [(1.5, "connection_lost")]


def test_a_model_too_slow_for_its_client_is_given_up_after_its_first_token() -> None:
    # A token in 0.25 s
    slow = {**STREAMING, "tokens_per_s": 4}
    for between_s, ends in ((0.2, (1.2, "timeout")), (0.25, (3.5, "right"))):
        rig = Rig(**slow)
        assert rig.done(rig.call(between_s=between_s)) == [ends]


def test_a_stream_that_stands_still_with_its_provider_is_given_up_too() -> None:
    rig = Rig([Outage(outage_mode="freeze")], **STREAMING)
    rig.strike(False)
    impatient, patient = rig.call(between_s=3), rig.call(1, between_s=30)
    rig.strike(True, at_s=1.55)
    rig.strike(False, at_s=10)
    # The sixth token had come at 1.5 s
    assert rig.done(impatient, patient) == [(4.5, "timeout"), (pytest.approx(10.45), "right")]
    assert impatient.output_tokens == 6
