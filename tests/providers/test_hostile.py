"""Real calls to hostile servers: none hangs, leaks or hoards, each has its error, and the next call is unaffected."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from itertools import repeat

import pytest

from app.providers.address import Api
from app.providers.wire_errors import APIS
from tests.engine.loopback import answered
from tests.providers import hostile as server
from tests.providers.hostile import CHUNKED, HEAD, UNBOUNDED, Misdeed, Tried, chunk, repeats, sends, tried

LAST = b"0\r\n\r\n"
STOLEN = CHUNKED + chunk(answered("Somebody else's answer.")) + LAST
MOST_BYTES = 80_000_000
"""What a call may hold at the most while a server sends without end."""


def check(made: Tried, error: str, *, patience_s: float = 5) -> None:
    assert made.errors == [error] * len(made.outcomes)
    assert all(took_s < patience_s + server.GRACE_S for took_s in made.took_s)
    assert (made.other.error, made.other.text) == (None, "It is on its way."), "the next call is unaffected"
    assert made.tasks_left == []
    assert made.files_left == 0
    assert made.peak_bytes < MOST_BYTES


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("misdeed", "error"),
    [
        pytest.param(server.closes_at_once, "connection_lost", id="closes at once"),
        pytest.param(sends(CHUNKED), "connection_lost", id="closes after the headers"),
        pytest.param(sends(UNBOUNDED), "connection_lost", id="no body"),
        pytest.param(sends(CHUNKED, server.opening), "unreadable_answer", id="no chunk size"),
        pytest.param(
            sends(CHUNKED, lambda api: chunk(server.opening(api))[:-9]),
            "connection_lost",
            id="closes mid-chunk",
        ),
        pytest.param(
            sends(CHUNKED, lambda api: chunk(server.opening(api))),
            "connection_lost",
            id="closes between chunks",
        ),
        pytest.param(server.half_closes, "connection_lost", id="half close"),
        pytest.param(
            sends(UNBOUNDED, server.opening, b'data: {"type": "\xff\xfe", "choices": []}\n\n'),
            "unreadable_answer",
            id="no UTF-8",
        ),
        pytest.param(
            sends(UNBOUNDED, server.opening, b'data: {"type": ["\n\n'), "unreadable_answer", id="no JSON"
        ),
        pytest.param(
            sends(UNBOUNDED, server.opening, b"data: " + b"[" * 100_000 + b"\n\n"),
            "unreadable_answer",
            id="JSON without a bottom",
        ),
        pytest.param(
            sends(UNBOUNDED, server.opening, b"data: " + b"1" * 10_000 + b"\n\n"),
            "unreadable_answer",
            id="JSON with a number that is none",
        ),
        pytest.param(
            sends(UNBOUNDED, b"\x00\x01\x02 no event\n\n"), "unreadable_answer", id="no event stream"
        ),
        pytest.param(
            sends(UNBOUNDED, server.opening, b"data: " + b"x" * 10_000_000),
            "unreadable_answer",
            id="a 10 MB line",
        ),
    ],
)
def test_whatever_is_wrong_with_an_answer_has_its_error(misdeed: Misdeed, error: str, api: Api) -> None:
    check(tried(misdeed, api), error)


@pytest.mark.parametrize(
    ("misdeed", "error"),
    [
        pytest.param(sends(b"HTTQ/9 what?\r\n\r\n"), "unreadable_answer", id="garbled status line"),
        pytest.param(sends(b"HTTP/1.1 2OO OK\r\n\r\n"), "unreadable_answer", id="no number for a status"),
        pytest.param(
            sends(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n"), "unreadable_answer", id="garbled header"
        ),
        pytest.param(sends(HEAD + b"content-length: -5\r\n\r\n"), "unreadable_answer", id="negative length"),
        pytest.param(
            sends(HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            "unreadable_answer",
            id="two lengths",
        ),
        pytest.param(
            sends(HEAD + b"content-length: 9999\r\n\r\n", server.opening),
            "connection_lost",
            id="shorter than told",
        ),
        pytest.param(
            sends(CHUNKED, b"zz\r\nwhat\r\n0\r\n\r\n"), "unreadable_answer", id="garbled chunk size"
        ),
        pytest.param(
            sends(CHUNKED, b"f" * 40 + b"\r\nwhat\r\n0\r\n\r\n"),
            "unreadable_answer",
            id="chunk larger than all",
        ),
        pytest.param(sends(HEAD + b"x: " + b"y" * 1_000_000), "unreadable_answer", id="a header of 1 MB"),
        pytest.param(
            repeats(HEAD, b"x-filler: 0123456789\r\n"), "unreadable_answer", id="headers without an end"
        ),
        pytest.param(sends(b"HTTP/1.1 204 No Content\r\n\r\n", then="hears"), "unreadable_answer", id="204"),
        pytest.param(
            sends(
                b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n\r\n",
                b"\x89PNG\r\n\x1a\n",
            ),
            "unreadable_answer",
            id="wrong content type",
        ),
        *(
            pytest.param(
                sends(
                    HEAD + f"content-encoding: {coding}\r\nconnection: close\r\n\r\n".encode(),
                    compress(bytes(50_000_000)),
                ),
                "unreadable_answer",
                id=f"a bomb of {coding}",
            )
            for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress))
        ),
        pytest.param(
            sends(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
            "rejected",
            id="switching protocols",
        ),
        pytest.param(repeats(UNBOUNDED, b"y" * 65_536), "unreadable_answer", id="a body without an end"),
        pytest.param(
            repeats(b"HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n", b"y" * 65_536),
            "server_error",
            id="an error without an end",
        ),
    ],
)
def test_whatever_is_wrong_with_the_http_has_its_error(misdeed: Misdeed, error: str) -> None:
    check(tried(misdeed), error)


@pytest.mark.parametrize(
    "misdeed",
    [
        pytest.param(server.trickles, id="trickles an answer"),
        pytest.param(server.trickles_headers, id="trickles its headers"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\ncontent-ty", then="says nothing"), id="never ends a header"),
        pytest.param(sends(CHUNKED, b"5", then="says nothing"), id="never ends a chunk size"),
        pytest.param(sends(b"HTTP/1.1 100 Continue\r\n\r\n", then="says nothing"), id="only continues"),
        pytest.param(
            sends(b"HTTP/1.1 500 Oh\r\ncontent-length: 99\r\n\r\n{", then="says nothing"),
            id="never ends an error",
        ),
        pytest.param(server.never_reads, id="never reads"),
        pytest.param(server.reads_slowly, id="reads slowly"),
        pytest.param(repeats(UNBOUNDED, b": keep-alive\n\n"), id="nothing but keep-alives"),
        pytest.param(
            repeats(UNBOUNDED, b'data: {"choices": [], "type": "ping"}\n\n' * 99), id="empty events"
        ),
    ],
)
def test_no_server_keeps_a_call_longer_than_its_deadline(misdeed: Misdeed) -> None:
    made = tried(misdeed, first_s=0.3, total_s=0.3)
    check(made, "timeout", patience_s=0.3)
    assert all(took_s >= 0.29 for took_s in made.took_s)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "misdeed",
    [
        pytest.param(
            sends(
                b"HTTP/1.1 100 Continue\r\n\r\n",
                CHUNKED,
                lambda api: chunk(server.answer(api)),
                LAST,
                then="hears",
            ),
            id="100-continue",
        ),
        pytest.param(
            sends(CHUNKED, lambda api: chunk(server.answer(api)), LAST, STOLEN, then="hears"),
            id="answers twice",
        ),
        pytest.param(sends(b"HTTP/1.0 200 OK\r\n\r\n", server.answer), id="HTTP/1.0"),
        pytest.param(sends(UNBOUNDED, *repeat(b": ping\n\n", 1_000), server.answer), id="many pings"),
        pytest.param(
            sends(
                CHUNKED,
                lambda api: b"".join(chunk(bytes([byte])) for byte in server.answer(api)),
                LAST,
                then="hears",
            ),
            id="a byte a chunk",
        ),
        pytest.param(sends(UNBOUNDED, server.answer, b"\x00\xff and then nonsense"), id="more after the end"),
        pytest.param(
            sends(CHUNKED, lambda api: chunk(server.answer(api)), then="says nothing"),
            id="never ends its body",
        ),
    ],
)
def test_odd_servers_are_understood(misdeed: Misdeed, api: Api) -> None:
    made = tried(misdeed, api)
    check(made, "")
    assert [each.text for each in made.outcomes] == ["It is on its way."] * 2
    assert all(took_s < server.GRACE_S for took_s in made.took_s), (
        "what comes after an answer is not waited for"
    )


def test_an_answer_to_a_question_that_was_not_heard_is_no_harm() -> None:
    made = tried(server.answers_unheard, first_s=0.5, total_s=0.5)
    assert set(made.errors) <= {"", "connection_lost", "timeout"}
    assert (made.other.error, made.tasks_left, made.files_left) == (None, [], 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    stolen: list[bytes] = []

    async def thief(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
        stolen.append(await server.heard(reader))

    async def misdeed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
        async with server.serving(thief, api) as port:
            moved = f"HTTP/1.1 {status} Elsewhere\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
            await sends(moved.encode(), then="hears")(reader, writer, api)

    made = tried(misdeed)
    check(made, "rejected")
    assert [each.status for each in made.outcomes] == [status] * 2
    assert stolen == []


def test_half_a_character_never_gets_into_an_answer() -> None:
    said = [
        b'{"index": 0, "delta": {"content": "%b"}}' % piece for piece in (rb"A \ud83d", rb"\ude00 and \udc00")
    ]
    events = [b'data: {"choices": [%b]}\n\n' % choice for choice in said]
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    made = tried(sends(UNBOUNDED, *events, end))
    check(made, "")
    assert {each.text for each in made.outcomes} == {"A \U0001f600 and \ufffd"}
