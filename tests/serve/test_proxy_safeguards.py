"""A variant's safeguards in front of an upstream: an app that has none is served as if it had them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.serve.rig import BOUND_S, Endpoint, endpoint
from tests.serve.test_command import JSON
from tests.serve.upstreams import Heard, Play, Upstream, upstream

ASKED: dict[str, Any] = {"model": "small-model", "messages": [{"role": "user", "content": "Where?"}]}
CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n'
LAST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
RETRY = '{ kind = "retry", max_retries = 2, base_s = 0.01, cap_s = 0.02 }'
FALLBACK = '{ kind = "fallback", targets = ["other"] }'
CANNED = '{ kind = "canned", text = "We will write to you." }'


def whole(text: str, finish: str = "stop", status: bytes = b"200 OK") -> bytes:
    message = {"role": "assistant", "content": text}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def fails(status: bytes = b"500 Oh") -> bytes:
    body = b'{"error": {"message": "Down", "type": "server_error", "code": null}}'
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def chunked(*chunks: bytes, end: bool = True) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return STREAM + body + (b"0\r\n\r\n" if end else b"")


def by_model(**answers: bytes) -> Play:
    """Answers by the model that is asked for; one without an end is broken off."""

    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = answers[json.loads(heard.body)["model"].replace("-", "_")]
        writer.write(answer)
        await writer.drain()
        if answer.startswith(STREAM) and not answer.endswith(b"0\r\n\r\n"):
            writer.close()

    return play


@contextmanager
def guarded(
    folder: Path, play: Play, *safeguards: str, buffer: bool = False
) -> Iterator[tuple[Endpoint, Upstream]]:
    price = "price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }"
    tables = f'[targets.other]\nmodel = "other-model"\n{price}\n'
    tables += f"[variants.safe]\nsafeguards = [{', '.join(safeguards)}]\n"
    with (
        upstream(play) as there,
        endpoint(
            folder, tables, upstream=there.url, log=folder / "log.db", safeguards="safe", buffer=buffer
        ) as served,
    ):
        yield served, there


def ask(served: Endpoint, **more: object) -> httpx.Response:
    return httpx.post(
        f"{served.url}/v1/chat/completions", content=json.dumps(ASKED | more), headers=JSON, timeout=BOUND_S
    )


def said(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def logged(folder: Path) -> list[tuple[str, str, int]]:
    with SessionLog.open(folder / "log.db") as log:
        return [
            (each.outcome, each.served_by, each.attempts) for each in RunReader(log, 1).each_request("safe")
        ]


def test_a_call_that_fails_is_made_again(tmp_path: Path) -> None:
    count = iter(range(9))

    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(whole("Here.") if next(count) == 2 else fails())

    with guarded(tmp_path, play, RETRY) as (served, there):
        answer = ask(served)

    assert (answer.status_code, said(answer), len(there.heard)) == (200, "Here.", 3)
    assert {heard.body for heard in there.heard} == {json.dumps(ASKED).encode()}
    assert logged(tmp_path) == [("good", "primary", 3)]


@pytest.mark.parametrize("stream", [False, True])
def test_another_model_answers_in_place_of_the_first(tmp_path: Path, stream: bool) -> None:
    good = chunked(CHUNK % b"Hi", LAST) if stream else whole("Hi")

    with guarded(tmp_path, by_model(small_model=fails(), other_model=good), FALLBACK) as (served, there):
        answer = ask(served, stream=stream)

    assert answer.content == (CHUNK % b"Hi" + LAST if stream else good.partition(b"\r\n\r\n")[2])
    assert [json.loads(heard.body)["model"] for heard in there.heard] == ["small-model", "other-model"]
    assert logged(tmp_path) == [("good", "fallback", 2)]


def test_a_stream_that_has_begun_is_nobody_elses_to_finish(tmp_path: Path) -> None:
    broken = chunked(CHUNK % b"Hi", end=False)
    play = by_model(small_model=broken, other_model=chunked(CHUNK % b"Ho", LAST))

    with (
        guarded(tmp_path, play, FALLBACK, RETRY, CANNED) as (served, there),
        httpx.stream(
            "POST", f"{served.url}/v1/chat/completions", json=ASKED | {"stream": True}, timeout=BOUND_S
        ) as answer,
    ):
        chunks = answer.iter_raw()
        first = next(chunks)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)

    assert first == CHUNK % b"Hi"
    assert len(there.heard) == 1
    assert logged(tmp_path) == [("failed", "nobody", 1)]


def test_the_same_question_is_answered_from_the_cache_byte_for_byte(tmp_path: Path) -> None:
    with guarded(tmp_path, by_model(small_model=whole("Here.")), '{ kind = "cache" }') as (served, there):
        answers = [ask(served), ask(served), ask(served, temperature=1)]

    assert [answer.content for answer in answers] == [answers[0].content] * 3
    assert len(there.heard) == 2
    assert [served_by for _, served_by, _ in logged(tmp_path)] == ["primary", "cache", "primary"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_canned_text_comes_as_the_api_has_it(tmp_path: Path, stream: bool) -> None:
    with guarded(tmp_path, by_model(small_model=fails()), CANNED) as (served, _):
        answer = ask(served, stream=stream)

    if stream:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert events[-1] == "[DONE]"
        pieces = [json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events[:-1]]
        assert "".join(pieces) == "We will write to you."
    else:
        assert said(answer) == "We will write to you."
    assert logged(tmp_path) == [("degraded", "canned", 1)]


def test_when_all_is_in_vain_the_upstreams_own_error_is_told(tmp_path: Path) -> None:
    with guarded(tmp_path, by_model(small_model=fails(b"503 Busy")), RETRY) as (served, there):
        answer = ask(served)

    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "Down")
    assert len(there.heard) == 3


def test_a_breaker_that_is_open_is_told_as_the_api_words_it(tmp_path: Path) -> None:
    breaker = '{ kind = "breaker", min_calls = 1, failure_ratio = 0.5 }'

    with guarded(tmp_path, by_model(small_model=fails()), breaker) as (served, there):
        answers = [ask(served) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 503]
    assert "breaker_open" in answers[1].json()["error"]["message"]
    assert len(there.heard) == 1


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_an_answer_that_is_held_can_be_checked(tmp_path: Path, finish: str) -> None:
    check = '{ kind = "answer_check" }'
    play = by_model(small_model=whole("Cut", finish), other_model=whole("Whole"))

    with guarded(tmp_path, play, FALLBACK, check, buffer=True) as (served, there):
        answer = ask(served)

    assert said(answer) == ("Cut" if finish == "stop" else "Whole")
    assert len(there.heard) == (1 if finish == "stop" else 2)


def test_a_time_out_before_the_first_byte_can_be_helped(tmp_path: Path) -> None:
    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if json.loads(heard.body)["model"] == "small-model":
            await reader.read()
            heard.left.set()
        else:
            writer.write(whole("Here."))

    timeout = '{ kind = "attempt_timeout", attempt_s = 0.2, first_token_s = 0.2 }'
    with guarded(tmp_path, play, FALLBACK, timeout) as (served, there):
        answer = ask(served)
        assert there.heard[0].left.wait(BOUND_S)

    assert said(answer) == "Here."


def test_faults_and_safeguards_meet(tmp_path: Path) -> None:
    with (
        guarded(tmp_path, by_model(small_model=whole("Here.")), RETRY) as (served, there),
        served.struck("server_error", first=1, count_by="retry", rate=None),
    ):
        answer = ask(served)

    assert said(answer) == "Here."
    assert len(there.heard) == 1
    assert logged(tmp_path) == [("good", "primary", 2)]


def test_a_client_that_leaves_is_no_longer_served(tmp_path: Path) -> None:
    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        heard.left.set()

    with guarded(tmp_path, play, RETRY, FALLBACK) as (served, there):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{served.url}/v1/chat/completions", json=ASKED, timeout=0.3)
        assert there.heard[0].left.wait(BOUND_S)

    assert len(there.heard) == 1
    assert logged(tmp_path) == [("failed", "nobody", 1)]
