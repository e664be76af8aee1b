"""Calls that are passed on: nothing is changed, held back or sent elsewhere, and who leaves frees the upstream."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import httpx
import pytest

from app.errors import UserError
from app.serve.upstream import pinned
from tests.serve.rig import BOUND_S, Endpoint, endpoint
from tests.serve.upstreams import Play, Upstream, begins_and_waits, says, trickles, upstream

CHAT = "/v1/chat/completions"
QUESTION = {"model": "small-model", "messages": [{"role": "user", "content": "Where is it?"}], "stream": True}
ASKED = json.dumps(QUESTION).encode()
KEY = "sk-nobody-may-see-this"
SENT = [
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, br"),
    (b"authorization", b"Bearer " + KEY.encode()),
    (b"content-length", str(len(ASKED)).encode()),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cookie", b"a=b; c=d"),
    (b"openai-organization", b"org-1"),
    (b"user-agent", b"OpenAI/Python 3.54.0"),
    (b"x-stainless-lang", b"python"),
    (b"x-twice", b"one"),
    (b"x-twice", b"two"),
]
ANSWER = gzip.compress(b'{"id": "chatcmpl-1", "choices": []}')
TOLD = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 07:00:00 GMT\r\nServer: cloud\r\nSet-Cookie: x=1\r\nSet-Cookie: y=2\r\n"
    b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nx-ratelimit-remaining-requests: 99\r\nX-Request-Id: r1\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = [
    b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n',
    b'data: {"choices": [{"index": 0, "del',
    b'ta": {"content": "b"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
]


@contextmanager
def proxy(folder: Path, play: Play, tables: str = "") -> Iterator[tuple[Endpoint, Upstream]]:
    with upstream(play) as there, endpoint(folder, tables, upstream=f"{there.url}/v1") as served:
        yield served, there


def port_of(url: str) -> int:
    return int(urlsplit(url).port or 0)


def raw(url: str, data: bytes) -> bytes:
    """What a server says to these bytes, up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=BOUND_S) as wire:
        wire.sendall(data.replace(b"{port}", str(port_of(url)).encode()))
        told = b""
        while part := wire.recv(65_536):
            told += part
    return told


def request(line: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> bytes:
    told = b"".join(b"%s: %s\r\n" % pair for pair in [(b"host", b"127.0.0.1:{port}"), *headers])
    return line + b" HTTP/1.1\r\n" + told + b"\r\n" + body


def parts(told: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    head, _, body = told.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = [line.split(b": ", 1) for line in lines]
    return status.split(b" ", 2)[1], sorted((name.lower(), value) for name, value in pairs), body


def test_a_call_that_nothing_strikes_is_the_same_with_and_without_the_proxy(tmp_path: Path) -> None:
    asked = request(b"POST /v1/chat/completions?api-version=1%2F2", [*SENT, (b"connection", b"close")], ASKED)
    close = (b"connection", b"close")

    with proxy(tmp_path, says(TOLD)) as (served, there):
        passed = parts(raw(served.url, asked))
    with (
        upstream(says(TOLD)) as alone,
        socket.create_connection(("127.0.0.1", port_of(alone.url)), timeout=BOUND_S) as wire,
    ):
        wire.sendall(asked)
        direct = parts(_exactly(wire, len(TOLD)))

    (heard,), (heard_alone,) = there.heard, alone.heard
    assert (heard.line, heard.body) == (heard_alone.line, heard_alone.body)
    assert heard.headers == [pair for pair in heard_alone.headers if pair != close]
    assert passed[0] == direct[0] == b"200"
    assert [pair for pair in passed[1] if pair != close] == direct[1]
    assert passed[2] == direct[2] == ANSWER


def _exactly(wire: socket.socket, size: int) -> bytes:
    told = b""
    while len(told) < size:
        told += wire.recv(size - len(told))
    return told


@pytest.mark.parametrize(
    "line", [b"GET /v1/models", b"DELETE /v1/files/1?x=%20y", b"GET /anything/%2e%2e/else"]
)
def test_other_paths_go_through_untouched(tmp_path: Path, line: bytes) -> None:
    with proxy(tmp_path, says(TOLD)) as (served, there):
        status, _, body = parts(raw(served.url, request(line, [(b"connection", b"close")])))

    assert (status, body) == (b"200", ANSWER)
    assert there.heard[0].line == line + b" HTTP/1.1"


def test_uploads_go_through_as_they_come(tmp_path: Path) -> None:
    upload = b"x" * 300_000
    headers = {"content-type": "multipart/form-data; boundary=b", "authorization": f"Bearer {KEY}"}

    with proxy(tmp_path, says(TOLD)) as (served, there):
        answer = httpx.post(f"{served.url}/v1/files", content=upload, headers=headers, timeout=BOUND_S)

    assert answer.status_code == 200
    assert there.heard[0].body == upload


def test_headers_about_one_connection_stay_there(tmp_path: Path) -> None:
    told = (
        b"HTTP/1.1 200 OK\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 2\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    sent = [(b"connection", b"close, x-mine"), (b"x-mine", b"1"), (b"te", b"trailers"), (b"x-end", b"2")]

    with proxy(tmp_path, says(told)) as (served, there):
        _, headers, _ = parts(raw(served.url, request(b"GET /v1/models", sent)))

    assert there.heard[0].headers == [(b"x-end", b"2")]
    assert headers == [(b"connection", b"close"), (b"content-length", b"2"), (b"x-end", b"2")]


def test_a_stream_is_never_held_back(tmp_path: Path) -> None:
    """The upstream sends a chunk only when the client has got the one before."""
    got = [Event() for _ in CHUNKS]
    got[0].set()

    async def go(number: int) -> None:
        assert await asyncio.to_thread(got[number].wait, BOUND_S)

    with (
        proxy(tmp_path, trickles(STREAM, CHUNKS, go)) as (served, _),
        httpx.stream("POST", f"{served.url}{CHAT}", json=QUESTION, timeout=BOUND_S) as answer,
    ):
        came = []
        for chunk in answer.iter_raw():
            came.append(chunk)
            if len(came) < len(CHUNKS):
                got[len(came)].set()

    assert came == CHUNKS


def test_fifty_streams_at_once_each_get_their_own(tmp_path: Path) -> None:
    async def play(heard, reader, writer) -> None:  # type: ignore[no-untyped-def]
        writer.write(STREAM)
        text = json.loads(heard.body)["messages"][0]["content"].encode()
        for _ in range(20):
            writer.write(b"%x\r\n%s\r\n" % (len(text), text))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def ask(client: httpx.AsyncClient, url: str, number: int) -> str:
        asked = QUESTION | {"messages": [{"role": "user", "content": f"<{number}>"}]}
        return (await client.post(f"{url}{CHAT}", json=asked)).text

    async def all_of_them(url: str) -> list[str]:
        async with httpx.AsyncClient(timeout=BOUND_S) as client:
            return await asyncio.gather(*(ask(client, url, number) for number in range(50)))

    with proxy(tmp_path, play) as (served, there):
        answers = asyncio.run(all_of_them(served.url))

    assert answers == [f"<{number}>" * 20 for number in range(50)]
    assert len(there.heard) == 50


@pytest.mark.parametrize("head", [b"", STREAM, STREAM + b"1\r\nx\r\n"], ids=["nothing", "head", "chunk"])
@pytest.mark.parametrize("path", [CHAT, "/v1/elsewhere"])
def test_a_client_that_hangs_up_frees_the_upstream(tmp_path: Path, head: bytes, path: str) -> None:
    with proxy(tmp_path, begins_and_waits(head)) as (served, there):
        with socket.create_connection(("127.0.0.1", port_of(served.url)), timeout=BOUND_S) as wire:
            json_type = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(ASKED)).encode()),
            ]
            line = b"POST " + path.encode()
            wire.sendall(
                request(line, json_type, ASKED).replace(b"{port}", str(port_of(served.url)).encode())
            )
            if head:
                assert wire.recv(12) == b"HTTP/1.1 200"
            else:
                while not there.heard:
                    pass
        assert there.heard[0].left.wait(BOUND_S)


def test_an_upstream_that_breaks_off_breaks_the_clients_connection(tmp_path: Path) -> None:
    async def play(heard, reader, writer) -> None:  # type: ignore[no-untyped-def]
        writer.write(STREAM + b"%x\r\n%s\r\n" % (len(CHUNKS[0]), CHUNKS[0]))
        await writer.drain()
        writer.close()

    with (
        proxy(tmp_path, play) as (served, _),
        httpx.stream("POST", f"{served.url}{CHAT}", json=QUESTION, timeout=BOUND_S) as answer,
    ):
        chunks = answer.iter_raw()
        first = next(chunks)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)

    assert first == CHUNKS[0]


def test_an_upstream_that_is_not_there_resets_the_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with endpoint(tmp_path, upstream=address) as served, pytest.raises(httpx.TransportError):
        httpx.post(f"{served.url}{CHAT}", json=QUESTION, timeout=BOUND_S)


# -- never anywhere else -----------------------------------------------------------------------------------------------


def test_a_redirect_is_passed_on_and_not_followed(tmp_path: Path) -> None:
    with upstream(says(TOLD)) as elsewhere:
        told = (
            f"HTTP/1.1 307 Temporary\r\nLocation: {elsewhere.url}/v1/x\r\nContent-Length: 0\r\n\r\n".encode()
        )
        with proxy(tmp_path, says(told)) as (served, _):
            answer = httpx.post(f"{served.url}{CHAT}", json=QUESTION, timeout=BOUND_S)

    assert answer.status_code == 307
    assert answer.headers["location"] == f"{elsewhere.url}/v1/x"
    assert elsewhere.heard == []


@pytest.mark.parametrize(
    "target",
    [
        b"http://{evil}/v1/models",
        b"//{evil}/v1/models",
        b"@{evil}/v1/models",
        b"{evil}",
        b"*",
        b"https://evil.example/",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"CONNECT"])
def test_a_target_of_another_origin_is_refused(tmp_path: Path, method: bytes, target: bytes) -> None:
    with upstream(says(TOLD)) as evil, proxy(tmp_path, says(TOLD)) as (served, there):
        line = method + b" " + target.replace(b"{evil}", evil.url.removeprefix("http://").encode())
        told = raw(served.url, request(line, [(b"connection", b"close")]))

    assert told.startswith(b"HTTP/1.1 400 ")
    assert evil.heard == there.heard == []


@pytest.mark.parametrize("path", [b"/@{evil}/", b"/\\{evil}/", b"/.{evil}", b"/:80@{evil}/", b"/?@{evil}"])
def test_an_odd_path_stays_a_path_of_the_upstream(tmp_path: Path, path: bytes) -> None:
    with upstream(says(TOLD)) as evil, proxy(tmp_path, says(TOLD)) as (served, there):
        line = b"GET " + path.replace(b"{evil}", evil.url.removeprefix("http://").encode())
        told = raw(served.url, request(line, [(b"connection", b"close")]))

    assert told.startswith(b"HTTP/1.1 200 ")
    assert evil.heard == []
    assert there.heard[0].line == line + b" HTTP/1.1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": ""}, 415),
        ({"content-type": "multipart/form-data; boundary=b"}, 415),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/elsewhere"])
def test_what_a_page_could_send_is_refused(
    tmp_path: Path, headers: dict[str, str], status: int, path: str
) -> None:
    with proxy(tmp_path, says(TOLD)) as (served, there):
        sent = {"content-type": "application/json"} | headers
        answer = httpx.post(f"{served.url}{path}", content=ASKED, headers=sent, timeout=BOUND_S)
        preflight = httpx.options(
            f"{served.url}{path}", headers={"origin": "https://evil.example"}, timeout=BOUND_S
        )

    assert (answer.status_code, preflight.status_code) == (status, 403)
    assert not [name for each in (answer, preflight) for name in each.headers if "access-control" in name]
    assert there.heard == []


@pytest.mark.parametrize(
    "address", ["api.example.com", "ftp://a.example", "http://u:p@a.example", "https://a.example/?x=1"]
)
def test_what_is_no_address_is_no_upstream(address: str) -> None:
    with pytest.raises(UserError) as told:
        pinned(address, where="--upstream")

    assert told.value.where == "--upstream"
