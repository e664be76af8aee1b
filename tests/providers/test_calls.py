"""Real calls over real sockets: how each way to end is classified, and where the key goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.errors import UserError
from app.inputs.tokens import estimate_tokens
from app.providers.calls import Call, CallOutcome, open_transport
from app.providers.endpoint import Endpoint
from app.providers.wires.failures import retry_after_us
from app.providers.wires.openai_chat import ChatStream
from tests.engine.loopback import (
    Heard,
    Play,
    answered,
    chunk,
    cuts,
    fails,
    garbles,
    hangs,
    replies,
    says,
    serving,
    streams,
)

KEY = SecretStr("sk-very-secret")


def call(
    *plays: Play, first_s: float = 5, total_s: float = 5, between_s: float = inf
) -> tuple[list[CallOutcome], list[Heard], int]:
    """Calls made one after the other, each answered by a play; what was heard, on how many connections."""

    async def run() -> tuple[list[CallOutcome], list[Heard], int]:
        async with serving(lambda n: plays[n]) as server, open_transport() as transport:
            endpoint = Endpoint(server.base_url, "a-model", KEY)
            outcomes = []
            for _ in plays:
                now = asyncio.get_running_loop().time()
                made = Call(transport, endpoint, [["system", "Be brief."], ["user", "Where is it?"]], 30)
                outcomes.append(await made.make(now + first_s, now + total_s, between_s=between_s))
            return outcomes, server.heard, server.connections

    return asyncio.run(run())


# -- one call -------------------------------------------------------------------------------------------


def test_a_good_answer_is_read_to_its_end_and_counted_as_the_provider_counts() -> None:
    (outcome,), (heard,), _ = call(says("It is on its way.", usage=(21, 6)))
    assert (outcome.error, outcome.status, outcome.text) == (None, 200, "It is on its way.")
    assert (outcome.input_tokens, outcome.output_tokens, outcome.estimated, outcome.billed) == (
        21,
        6,
        False,
        True,
    )
    assert outcome.first_s is not None
    assert outcome.first_s <= outcome.finished_s
    assert heard.target == "/v1/chat/completions"
    assert heard.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is it?"},
    ]
    assert (heard.body["model"], heard.body["max_tokens"], heard.body["stream"]) == ("a-model", 30, True)
    assert heard.headers["authorization"] == "Bearer sk-very-secret"


def test_tokens_are_estimated_and_marked_so_where_the_provider_counts_none() -> None:
    (outcome,), _, _ = call(says("It is on its way."))
    assert outcome.estimated
    assert outcome.output_tokens == estimate_tokens("It is on its way.")
    assert outcome.input_tokens == estimate_tokens("Be brief.") + estimate_tokens("Where is it?")


def test_a_connection_is_used_again_after_a_good_answer_and_after_an_error() -> None:
    outcomes, _, connections = call(says("one"), fails(500), says("two"))
    assert [outcome.text for outcome in outcomes] == ["one", "", "two"]
    assert connections == 1


@pytest.mark.parametrize(
    ("play", "error", "status", "billed"),
    [
        (fails(429, kind="requests", code="rate_limit_exceeded"), "rate_limited", 429, False),
        (fails(429, kind="rate_limit_error", code="slow_down"), "rate_limited", 429, False),
        (fails(429, kind="insufficient_quota", code="insufficient_quota"), "insufficient_quota", 429, False),
        (fails(429, code="credit_balance_exhausted"), "insufficient_quota", 429, False),
        (
            fails(429, code="rate_limit_exceeded", message="Request too large for x"),
            "request_too_large",
            429,
            False,
        ),
        (replies(429, "<html>slow down</html>"), "rate_limited", 429, False),
        (fails(500), "server_error", 500, False),
        (replies(502, "<html>Bad gateway</html>", content_type="text/html"), "server_error", 502, False),
        (fails(503, code="server_is_overloaded"), "overloaded", 503, False),
        (fails(408), "timeout", 408, False),
        (fails(400, code="context_length_exceeded"), "context_length_exceeded", 400, False),
        (fails(401, code="invalid_api_key"), "unauthorized", 401, False),
        (replies(200, "<html>Sign in</html>", content_type="text/html"), "unreadable_answer", 200, True),
        (replies(200, '{"choices": [{"message": {}}]}'), "unreadable_answer", 200, True),
        (replies(200, answered("x").decode(), content_encoding="gzip"), "unreadable_answer", 200, True),
        (streams(chunk("It is"), b'data: {"choices": \n\n'), "unreadable_answer", 200, True),
        (streams(b'data: {"choices": null}\n\n'), "unreadable_answer", 200, True),
        (streams(b"data: [1, 2]\n\n"), "unreadable_answer", 200, True),
        (streams(b'data: {"error": {"code": "server_is_overloaded"}}\n\n'), "overloaded", 200, True),
        (streams(chunk("It is")), "connection_lost", 200, True),
        (streams(chunk("It is"), ends=False), "connection_lost", 200, True),
        (streams(), "connection_lost", 200, True),
        (cuts(), "connection_lost", 0, False),
        (garbles(), "unreadable_answer", 0, False),
    ],
)
def test_every_way_to_end_has_its_error(play: Play, error: str, status: int, billed: bool) -> None:
    (outcome,), _, _ = call(play)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.status, outcome.billed) == (error, status, billed)


def test_nobody_listening_is_a_refused_connection() -> None:
    async def run() -> CallOutcome:
        async with serving(lambda n: cuts()) as server:
            gone = server.base_url
        async with open_transport() as transport:
            now = asyncio.get_running_loop().time()
            return await Call(transport, Endpoint(gone, "m"), [["user", "?"]], 30).make(now + 5, now + 5)

    outcome = asyncio.run(run())
    assert outcome.error is not None
    assert (outcome.error.name, outcome.status, outcome.billed) == ("connection_refused", 0, False)


def test_silence_ends_with_the_patience_for_a_first_token() -> None:
    (outcome,), _, _ = call(hangs(), first_s=0.05)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.first_s, outcome.billed) == ("timeout", None, True)


def test_keep_alives_and_roles_are_no_first_token() -> None:
    role = b'data: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}\n\n'
    (outcome,), _, _ = call(hangs(b": ping\n\n" + role), first_s=0.1)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.first_s) == ("timeout", None)


def test_a_stream_that_stops_is_waited_for_until_the_end_and_billed_for_what_came() -> None:
    (outcome,), _, _ = call(hangs(chunk("It is on its")), first_s=0.05, total_s=0.15)
    assert outcome.error is not None
    assert outcome.error.name == "timeout"
    assert outcome.first_s is not None
    assert outcome.finished_s - outcome.first_s > 0.05
    assert outcome.output_tokens == estimate_tokens("It is on its")


def test_a_stream_that_falls_silent_is_given_up_long_before_the_call_is() -> None:
    (outcome,), _, _ = call(hangs(chunk("It is on its")), total_s=60, between_s=0.1)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.expired, outcome.too_quiet) == ("timeout", True, True)
    assert outcome.output_tokens == estimate_tokens("It is on its")


def test_a_connection_that_does_not_come_about_is_given_up() -> None:
    # A listener whose queue is full takes no more connections, and refuses none.
    async def run() -> CallOutcome:
        with socket.socket() as deaf, ExitStack() as waiting:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for _ in range(8):
                another = waiting.enter_context(socket.socket())
                another.setblocking(False)
                another.connect_ex(deaf.getsockname())
            endpoint = Endpoint(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", "a-model", KEY)
            async with open_transport() as transport:
                now = asyncio.get_running_loop().time()
                made = Call(transport, endpoint, [["user", "Hello?"]], 30)
                return await made.make(now + 60, now + 60, connect_s=0.2)

    outcome = asyncio.run(run())
    assert outcome.error is not None
    assert (outcome.error.name, outcome.expired, outcome.billed) == ("timeout", False, False)


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else() -> None:
    async def run() -> tuple[CallOutcome, list[Heard]]:
        async with serving(lambda n: says("stolen")) as thief:
            moved = replies(307, "", location=thief.base_url + "/chat/completions")
            async with serving(lambda n: moved) as server, open_transport() as transport:
                now = asyncio.get_running_loop().time()
                made = Call(transport, Endpoint(server.base_url, "m", KEY), [["user", "?"]], 30)
                return await made.make(now + 5, now + 5), thief.heard

    outcome, stolen = asyncio.run(run())
    assert outcome.error is not None
    assert (outcome.error.name, outcome.status) == ("rejected", 307)
    assert stolen == []


def test_the_key_is_in_no_representation() -> None:
    endpoint = Endpoint("https://api.example.com/v1", "m", KEY)
    assert "sk-very" not in repr(endpoint) + str(endpoint) + repr(vars(endpoint))


@pytest.mark.parametrize("key", ["sk-1\nHost: evil", "sk-\u00e9", "sk 1"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(UserError) as refused:
        Endpoint("https://api.example.com/v1", "m", SecretStr(key))
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["ftp://host/v1", "file:///etc/passwd", "host/v1", "//host/v1", "https:///v1", "https://me:pw@host/v1",
     "https://host/v1?to=evil", "https://host/v1#x", "http://[::1/v1", "http://host:port/v1"],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(UserError):
        Endpoint(address, "m")


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("http://127.0.0.1:8080/@evil.example/v1/", "http://127.0.0.1:8080"),
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/v1/http://evil.example", "https://api.example.com"),
    ],
)
def test_the_path_never_moves_the_origin(base_url: str, origin: str) -> None:
    endpoint = Endpoint(base_url, "m")
    assert endpoint.origin == origin
    assert str(endpoint.address).startswith(origin + "/")
    assert str(endpoint.address).endswith("/chat/completions")


@pytest.mark.parametrize(
    ("headers", "wait_us"),
    [
        ({"retry-after": "2"}, 2_000_000),
        ({"retry-after": "0.25"}, 250_000),
        ({"retry-after-ms": "40", "retry-after": "9"}, 40_000),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9_000_000),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], wait_us: int | None) -> None:
    assert retry_after_us(headers) == wait_us


def test_retry_after_may_be_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)
    wait_us = retry_after_us({"retry-after": format_datetime(later, usegmt=True)})
    assert wait_us is not None
    assert 95e6 < wait_us <= 100e6


# -- the stream -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_however_a_stream_is_cut_into_pieces_it_says_the_same(
    text: str, cuts_at: list[int], crlf: bool
) -> None:
    stream = answered(text, usage=(3, 4))
    if crlf:
        stream = stream.replace(b"\n", b"\r\n")
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts_at), len(stream)]
    read = ChatStream()
    for begin, end in pairwise(edges):
        read.feed(stream[begin:end])
    read.close()
    assert (read.text, read.over, read.error, read.usage) == (text, True, None, (3, 4))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_upset_the_reader(data: bytes) -> None:
    read = ChatStream()
    read.feed(data)
    read.close()
    assert read.over


@settings(deadline=None)
@given(st.integers(0, 200))
def test_a_stream_that_lacks_its_end_is_never_an_answer(length: int) -> None:
    stream = chunk("It is on its way")
    read = ChatStream()
    read.feed(stream[: min(length, len(stream))])
    read.close()
    assert read.error is not None


def test_an_endless_line_is_unreadable() -> None:
    read = ChatStream()
    read.feed(b"data: " + b"x" * 2_000_000)
    assert read.error is not None
    assert read.error.name == "unreadable_answer"


def test_a_call_beyond_the_limit_of_connections_waits_and_says_how_long_and_one_that_fails_gives_its_place_back() -> (
    None
):
    async def run() -> tuple[list[CallOutcome], int, list[float]]:
        waits: list[float] = []
        plays = [cuts(), hangs(), says("one"), says("two"), says("three")]
        async with serving(lambda n: plays[n]) as server, open_transport(1, waits.append) as transport:
            endpoint = Endpoint(server.base_url, "a-model", KEY)

            def made(patience_s: float) -> Coroutine[None, None, CallOutcome]:
                until_s = asyncio.get_running_loop().time() + patience_s
                return Call(transport, endpoint, [["user", "Where is it?"]], 30).make(until_s, until_s)

            # Given one that is cut, and one that is given up.
            early = [await made(5), await made(0.05)]
            assert waits == []
            # When three come at once.
            together = await asyncio.gather(made(5), made(5), made(5))
            return [*early, *together], server.connections, waits

    outcomes, connections, waits = asyncio.run(run())

    # Then each has its turn, on the one connection.
    assert [outcome.status for outcome in outcomes] == [0, 0, 200, 200, 200]
    assert connections == 3
    assert len(waits) == 2
