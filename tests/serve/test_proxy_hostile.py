"""Whatever a client or an upstream says, the proxy goes on serving others, and no key pays for what is not counted."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import UserError
from app.providers.endpoint import Endpoint as Address
from app.serve.passed import asked_by, choices_of
from app.serve.route import Route, check_no_loop
from tests.serve.rig import BOUND_S
from tests.serve.test_command import JSON, serving
from tests.serve.test_proxy import ASKED, CHAT, TOLD, proxy, raw, request
from tests.serve.test_proxy_recording import GOOD, KEY, MINE
from tests.serve.upstreams import Heard, says, upstream

CLOSE = (b"connection", b"close")
CALL = [CLOSE, (b"content-type", b"application/json")]
SIZED = [*CALL, (b"content-length", str(len(ASKED)).encode())]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n"


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


AMBIGUOUS = [
    ([*SIZED, (b"x-odd", b"a\x01b")], ASKED),
    ([*SIZED, (b"x-odd", b"a\x7fb")], ASKED),
    ([*SIZED, (b"content-length", b"3")], ASKED),
    ([*CALL, (b"content-length", b"+3")], ASKED),
    ([*CALL, (b"transfer-encoding", b"xchunked")], chunked(ASKED)),
    ([*CALL, (b"transfer-encoding", b"chunked, identity")], chunked(ASKED)),
    ([*CALL, (b"transfer-encoding", b"chunked")], b"-1\r\n" + ASKED),
    ([*SIZED, (b"x odd", b"1")], ASKED),
]


@pytest.mark.parametrize("path", [CHAT, "/v1/elsewhere"])
def test_what_could_be_read_in_two_ways_is_refused_and_the_next_is_served(tmp_path: Path, path: str) -> None:
    with proxy(tmp_path, says(TOLD)) as (served, there):
        for headers, body in AMBIGUOUS:
            refused = raw(served.url, request(b"POST " + path.encode(), headers, body))

            assert refused.startswith(b"HTTP/1.1 400 "), headers
            assert httpx.get(f"{served.url}/v1/models", timeout=BOUND_S).status_code == 200

    assert {heard.line for heard in there.heard} == {b"GET /v1/models HTTP/1.1"}


@pytest.mark.parametrize("path", [CHAT, "/v1/elsewhere"])
def test_a_length_beside_chunks_smuggles_nothing(tmp_path: Path, path: str) -> None:
    headers = [*CALL, (b"transfer-encoding", b"chunked"), (b"content-length", b"4")]

    with proxy(tmp_path, says(TOLD)) as (served, there):
        raw(served.url, request(b"POST " + path.encode(), headers, chunked(ASKED) + SMUGGLED))

    assert [heard.line for heard in there.heard] == [b"POST " + path.encode() + b" HTTP/1.1"]


def test_a_target_with_a_fragment_is_refused(tmp_path: Path) -> None:
    """What is behind it never reaches an upstream, and so must not count here."""
    with proxy(tmp_path, says(TOLD)) as (served, there):
        for target in (b"/v1/files#/chat/completions", b"/v1/models#x", b"/v1/models?a#b"):
            told = raw(served.url, request(b"POST " + target, SIZED, ASKED))
            assert told.startswith(b"HTTP/1.1 400 ")

    assert there.heard == []


NO_HTTP = [
    b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
    b"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Odd: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX-Odd: a\rSet-Cookie: b=1\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX Odd: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX-Odd: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    b"<html>",
]


@pytest.mark.parametrize("path", [CHAT, "/v1/elsewhere"])
def test_an_upstream_that_speaks_no_http_breaks_its_own_call_alone(tmp_path: Path, path: str) -> None:
    told = iter(NO_HTTP)

    async def play(heard: Heard, reader: Any, writer: Any) -> None:
        await says(next(told, TOLD))(heard, reader, writer)
        writer.close()

    with proxy(tmp_path, play) as (served, _):
        for _ in NO_HTTP:
            with pytest.raises(httpx.TransportError):
                httpx.post(f"{served.url}{path}", content=ASKED, headers=JSON, timeout=BOUND_S)
        assert httpx.get(f"{served.url}/v1/models", timeout=BOUND_S).status_code == 200


def test_early_hints_are_no_answer(tmp_path: Path) -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    with proxy(tmp_path, says(hints + TOLD)) as (served, _):
        assert httpx.get(f"{served.url}/v1/models", timeout=BOUND_S).status_code == 200


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_none(tmp_path: Path, status: int) -> None:
    with proxy(tmp_path, says(b"HTTP/1.1 %d Odd\r\nETag: x\r\n\r\n" % status)) as (served, _):
        for method in ("HEAD", "GET"):
            answer = httpx.request(method, f"{served.url}/v1/models", timeout=BOUND_S)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (status, b"", "x")


# -- where a key is added ----------------------------------------------------------------------------------------------


TWO_MEANINGS = [
    b"/v1/images%3f/chat/completions",
    b"/v1/images%23/chat/completions",
    b"/v1/images#/chat/completions",
    b"/v1/images;/chat/completions",
    b"/v1/chat/completions/../../images/x/../chat/completions",
    b"/v1/chat%2fcompletions",
]


def test_with_a_key_no_path_may_mean_two_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with upstream(GOOD) as there:
        monkeypatch.setenv("SEATRIAL_KEY_HERE", f"{there.url} {KEY}")
        line = ("--upstream", there.url, "--key", "SEATRIAL_KEY_HERE", "--max-usd", "1")
        with serving(tmp_path, "", *line) as (_, told):
            token = (b"authorization", b"Bearer " + told["client_token"].encode())
            for path in TWO_MEANINGS:
                refused = raw(told["url"], request(b"POST " + path, [*SIZED, token], ASKED))
                assert refused[9:12] in (b"400", b"403"), path

    assert there.heard == []


def test_a_key_of_a_fallback_goes_there_alone_and_the_token_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upstream has no key of ours: it gets none. The fallback gets its own, and nothing of the client's."""
    down = says(b"HTTP/1.1 500 Down\r\ncontent-length: 2\r\n\r\n{}")
    with upstream(down) as first, upstream(GOOD) as second:
        monkeypatch.setenv("SEATRIAL_KEY_THERE", f"{second.url} {KEY}")
        price = "price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }"
        tables = f'[targets.other]\nmodel = "other-model"\nendpoint = {{ base_url = "{second.url}/v1" }}\n{price}\n'
        tables += '[variants.safe]\nsafeguards = [{ kind = "fallback", targets = ["other"] }]\n'
        line = ("--upstream", first.url, "--safeguards", "safe", "--key", "SEATRIAL_KEY_THERE")
        with serving(tmp_path, tables, *line, "--max-usd", "1") as (_, told):
            token = str(told["client_token"])
            without = _ask(told, MINE)
            with_it = _ask(told, token)

    assert (without.status_code, with_it.status_code) == (401, 200)
    (heard,), (heard_there,) = first.heard, second.heard
    assert KEY.encode() not in _all_of(heard)
    assert token.encode() not in _all_of(heard) + _all_of(heard_there)
    assert MINE.encode() not in _all_of(heard_there)
    assert dict(heard_there.headers)[b"authorization"] == f"Bearer {KEY}".encode()


def _all_of(heard: Heard) -> bytes:
    return b"\n".join(heard.head) + heard.body


def _ask(told: Any, key: str) -> httpx.Response:
    said = {"authorization": f"Bearer {key}", "x-goog-api-key": MINE, "cookie": f"session={MINE}"}
    return httpx.post(
        f"{told['url']}{CHAT}?api_key={MINE}", content=ASKED, headers=JSON | said, timeout=BOUND_S
    )


def test_under_a_cap_a_client_that_hangs_up_before_the_answer_has_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider is at work, and charges: hanging up must not be a way around the cap."""

    async def play(heard: Heard, reader: Any, writer: Any) -> None:
        while await reader.read(1_000):
            pass
        heard.left.set()

    asked = json.dumps(json.loads(ASKED) | {"max_tokens": 20}).encode()
    with upstream(play) as there:
        monkeypatch.setenv("SEATRIAL_KEY_HERE", f"{there.url} {KEY}")
        line = ("--upstream", there.url, "--key", "SEATRIAL_KEY_HERE", "--max-usd", "0.00006")
        with serving(tmp_path, "", *line) as (_, told):
            head = [*CALL, (b"content-length", str(len(asked)).encode())]
            head.append((b"authorization", b"Bearer " + told["client_token"].encode()))
            port = int(told["url"].rpartition(":")[2])
            sent = request(b"POST /v1/chat/completions", head, asked).replace(b"{port}", str(port).encode())
            for number in range(2):
                with socket.create_connection(("127.0.0.1", port), timeout=BOUND_S) as wire:
                    wire.sendall(sent)
                    while len(there.heard) <= number:
                        pass
                assert there.heard[number].left.wait(BOUND_S)
            beyond = raw(told["url"], sent)

    # About 25 tokens of a dollar a million each: two such calls fit into the cap.
    assert beyond.startswith(b"HTTP/1.1 429 ")
    assert len(there.heard) == 2


def test_under_a_cap_answers_are_asked_for_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read cannot be counted."""
    with upstream(GOOD) as there:
        monkeypatch.setenv("SEATRIAL_KEY_HERE", f"{there.url} {KEY}")
        line = ("--upstream", there.url, "--key", "SEATRIAL_KEY_HERE", "--max-usd", "1")
        with serving(tmp_path, "", *line) as (_, told):
            said = JSON | {"x-api-key": told["client_token"], "accept-encoding": "br"}
            httpx.post(f"{told['url']}{CHAT}", content=ASKED, headers=said, timeout=BOUND_S)

    assert dict(there.heard[0].headers)[b"accept-encoding"] == b"identity"


@pytest.mark.parametrize(
    ("body", "choices"),
    [
        ({"n": 5}, 5),
        ({"n": 1}, 1),
        ({"n": -3}, 1),
        ({"n": "9"}, 1),
        ({"n": True}, 1),
        ({}, 1),
        ([{"n": 2}], 1),
    ],
)
def test_all_answers_that_are_asked_for_count(body: object, choices: int) -> None:
    assert choices_of(json.dumps(body).encode()) == choices


def test_a_body_that_only_the_upstream_understands_counts_as_a_whole() -> None:
    body = json.dumps(
        {"model": "m", "max_tokens": 0, "max_completion_tokens": 900, "messages": [["x" * 400]]}
    )

    asked = asked_by("openai-chat", body.encode())

    assert asked.max_tokens == 900
    assert asked.texts == (body,)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.1:{port}",
        "http://0.0.0.0:{port}",
        "http://2130706433:{port}",
        "http://[::1]:{port}",
        "http://[::ffff:127.0.0.1]:{port}",
    ],
)
def test_this_machine_is_recognised_by_all_its_names(address: str) -> None:
    with pytest.raises(UserError, match="this very endpoint"):
        check_no_loop(Route(Address(address.replace("{port}", "8699"), "")), [8699])


def test_another_machine_or_port_is_no_loop() -> None:
    check_no_loop(Route(Address("http://127.0.0.1:8698", "")), [8699])
    check_no_loop(Route(Address("http://192.0.2.1:8699", "")), [8699])
