"""Every fault that shows on the wire raises in the official SDKs what the real thing raises in them.

What has no exception of its own counts as well: a stream that ends early in good order is silently taken for whole.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import anthropic
import openai
import pytest

from app.faults.provider_errors import ErrorReply
from app.faults.registry import KINDS
from app.faults.stream import BrokenStream
from tests.serve.clients import (
    MODEL,
    anthropic_client,
    async_anthropic_client,
    async_openai_client,
    messages,
    openai_client,
    said,
    turns,
)
from tests.serve.rig import BOUND_S, Endpoint

PATIENCE_S = 1.0
"""The SDKs' timeout where nothing comes: longer than the half second between keep-alives."""


class Raised(NamedTuple):
    """What a fault raises, and the status that goes with it; None where no response came."""

    openai: type[Exception]
    openai_status: int | None
    anthropic: type[Exception]
    anthropic_status: int | None


LOST = Raised(openai.APIConnectionError, None, anthropic.APIConnectionError, None)
TIMED_OUT = Raised(openai.APITimeoutError, None, anthropic.APITimeoutError, None)
LIMITED = Raised(openai.RateLimitError, 429, anthropic.RateLimitError, 429)
BROKEN = Raised(openai.InternalServerError, 500, anthropic.InternalServerError, 500)
REFUSED = Raised(openai.BadRequestError, 400, anthropic.BadRequestError, 400)

BEFORE_AN_ANSWER: dict[str, Raised] = {
    "connection_refused": LOST,
    "dns_failure": LOST,
    "tls_failure": LOST,
    "connection_reset": LOST,
    "empty_response": LOST,
    "black_hole": TIMED_OUT,
    "hang": TIMED_OUT,
    "rate_limited": LIMITED,
    "token_limited": LIMITED,
    "request_too_large": Raised(openai.RateLimitError, 429, anthropic.APIStatusError, 413),
    "out_of_money": Raised(openai.RateLimitError, 429, anthropic.APIStatusError, 402),
    "server_error": BROKEN,
    "bad_gateway": Raised(openai.InternalServerError, 502, anthropic.InternalServerError, 502),
    "gateway_timeout": Raised(openai.InternalServerError, 504, anthropic.APIStatusError, 504),
    "overloaded": Raised(openai.InternalServerError, 503, anthropic.APIStatusError, 529),
    "overloaded_529": Raised(openai.InternalServerError, 529, anthropic.APIStatusError, 529),
    "unauthorized": Raised(openai.AuthenticationError, 401, anthropic.AuthenticationError, 401),
    "forbidden": Raised(openai.PermissionDeniedError, 403, anthropic.PermissionDeniedError, 403),
    "context_length": REFUSED,
    "content_policy": REFUSED,
}
SOONER: dict[str, dict[str, Any]] = {
    "gateway_timeout": {"after_s": 0},
    "black_hole": {"after_s": 0},
    "dns_failure": {"after_s": 0},
}

Ask = Callable[[Endpoint, float], object]


def openai_whole(served: Endpoint, timeout_s: float) -> object:
    with openai_client(served, timeout_s=timeout_s) as client:
        return client.chat.completions.create(model=MODEL, messages=messages())


def openai_stream(served: Endpoint, timeout_s: float) -> object:
    with openai_client(served, timeout_s=timeout_s) as client:
        return list(client.chat.completions.create(model=MODEL, messages=messages(), stream=True))


def responses_whole(served: Endpoint, timeout_s: float) -> object:
    with openai_client(served, timeout_s=timeout_s) as client:
        return client.responses.create(model=MODEL, input=said())


def responses_stream(served: Endpoint, timeout_s: float) -> object:
    with openai_client(served, timeout_s=timeout_s) as client:
        return list(client.responses.create(model=MODEL, input=said(), stream=True))


def responses_whole_async(served: Endpoint, timeout_s: float) -> object:
    async def ask() -> object:
        async with async_openai_client(served, timeout_s=timeout_s) as client:
            return await client.responses.create(model=MODEL, input=said())

    return asyncio.run(ask())


def responses_stream_async(served: Endpoint, timeout_s: float) -> object:
    async def ask() -> object:
        async with async_openai_client(served, timeout_s=timeout_s) as client:
            stream = await client.responses.create(model=MODEL, input=said(), stream=True)
            return [event async for event in stream]

    return asyncio.run(ask())


def anthropic_whole(served: Endpoint, timeout_s: float) -> object:
    with anthropic_client(served, timeout_s=timeout_s) as client:
        return client.messages.create(model=MODEL, messages=turns(), max_tokens=20)


def anthropic_stream(served: Endpoint, timeout_s: float) -> object:
    with anthropic_client(served, timeout_s=timeout_s) as client:
        return list(client.messages.create(model=MODEL, messages=turns(), max_tokens=20, stream=True))


RESPONSES = (responses_whole, responses_stream, responses_whole_async, responses_stream_async)
OPENAI, ANTHROPIC = (openai_whole, openai_stream, *RESPONSES), (anthropic_whole, anthropic_stream)


@contextmanager
def struck(served: Endpoint, kind: str) -> Iterator[float]:
    """The fault is on; yields the client's timeout."""
    with served.struck(kind, **SOONER.get(kind, {})):
        yield PATIENCE_S if BEFORE_AN_ANSWER.get(kind) is TIMED_OUT else BOUND_S


def assert_openai_raises(served: Endpoint, kind: str, ask: Ask) -> None:
    """As the table has it."""
    expected = BEFORE_AN_ANSWER[kind]

    with struck(served, kind) as timeout_s, pytest.raises(expected.openai) as raised:
        ask(served, timeout_s)

    assert raised.type is expected.openai
    assert getattr(raised.value, "status_code", None) == expected.openai_status


def assert_anthropic_raises(served: Endpoint, kind: str, ask: Ask) -> None:
    """As the table has it."""
    expected = BEFORE_AN_ANSWER[kind]

    with struck(served, kind) as timeout_s, pytest.raises(expected.anthropic) as raised:
        ask(served, timeout_s)

    # What has no class of its own in every version of the SDK is told by its status.
    assert raised.type is expected.anthropic or expected.anthropic is anthropic.APIStatusError
    assert getattr(raised.value, "status_code", None) == expected.anthropic_status


@pytest.mark.parametrize("ask", OPENAI)
@pytest.mark.parametrize("kind", BEFORE_AN_ANSWER)
def test_openai_raises_for_a_fault_before_the_answer(served: Endpoint, kind: str, ask: Ask) -> None:
    assert_openai_raises(served, kind, ask)


@pytest.mark.parametrize("ask", ANTHROPIC)
@pytest.mark.parametrize("kind", BEFORE_AN_ANSWER)
def test_anthropic_raises_for_a_fault_before_the_answer(served: Endpoint, kind: str, ask: Ask) -> None:
    assert_anthropic_raises(served, kind, ask)


def test_every_fault_of_this_kind_is_in_the_table() -> None:
    replies = {kind for kind, each in KINDS.items() if issubclass(each, ErrorReply)}
    streams = {kind for kind, each in KINDS.items() if issubclass(each, BrokenStream)}

    assert replies == BEFORE_AN_ANSWER.keys() - {"hang"}
    assert streams == {"cut_stream", "unfinished_stream", "error_in_stream", "malformed_chunk"}


# -- streams that begin well -------------------------------------------------------------------------------------------


def test_a_socket_that_is_cut_in_mid_answer_is_a_lost_connection(served: Endpoint) -> None:
    with served.struck("cut_stream"):
        for ask in OPENAI:
            with pytest.raises(openai.APIConnectionError):
                ask(served, BOUND_S)
        with pytest.raises(anthropic.APIConnectionError):
            anthropic_whole(served, BOUND_S)
        # Anthropic's SDK lets the transport's own error through.
        with pytest.raises(Exception, match="peer closed connection") as raised:
            anthropic_stream(served, BOUND_S)

    assert raised.type.__name__ == "RemoteProtocolError"


def test_a_stream_that_ends_early_in_good_order_is_silently_taken_for_whole(served: Endpoint) -> None:
    # With retries, as both SDKs have them by default: this is about what is taken for whole, and not about connections.
    with (
        served.struck("unfinished_stream"),
        openai_client(served, max_retries=2) as by_openai,
        anthropic_client(served, max_retries=2) as by_anthropic,
    ):
        chunks = list(by_openai.chat.completions.create(model=MODEL, messages=messages(), stream=True))
        (choice,) = by_openai.chat.completions.create(model=MODEL, messages=messages()).choices
        events = list(by_openai.responses.create(model=MODEL, input=said(), stream=True))
        response = by_openai.responses.create(model=MODEL, input=said())
        with by_anthropic.messages.stream(model=MODEL, messages=turns(), max_tokens=20) as stream:
            text = "".join(stream.text_stream)
        answer = by_anthropic.messages.create(model=MODEL, messages=turns(), max_tokens=20)

    whole = "This mail is about order."
    by_chunks = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    by_events = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    for part in (by_chunks, choice.message.content, by_events, response.output_text, text):
        assert part
        assert whole.startswith(part)
        assert part != whole
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * len(chunks)
    assert events[-1].type == "response.output_text.delta"
    assert response.status == "in_progress"
    assert (choice.model_dump()["finish_reason"], answer.stop_reason) == (None, None)


def test_an_error_inside_a_stream_is_raised(served: Endpoint) -> None:
    with served.struck("error_in_stream"):
        with pytest.raises(openai.APIError) as by_openai:
            openai_stream(served, BOUND_S)
        with pytest.raises(anthropic.APIStatusError) as by_anthropic:
            anthropic_stream(served, BOUND_S)
        # A stream of responses hands it on as one of its events.
        for ask in (responses_stream, responses_stream_async):
            events = ask(served, BOUND_S)
            assert isinstance(events, list)
            assert events[-1].type == "error"
            assert [event.sequence_number for event in events] == list(range(len(events)))
        # Where no stream had begun, the error has a status of its own.
        for ask in (responses_whole, responses_whole_async):
            with pytest.raises(openai.InternalServerError):
                ask(served, BOUND_S)
        with pytest.raises(openai.InternalServerError):
            openai_whole(served, BOUND_S)
        with pytest.raises(anthropic.InternalServerError):
            anthropic_whole(served, BOUND_S)

    assert by_openai.type is openai.APIError
    assert by_openai.value.type == "server_error"
    assert by_anthropic.value.status_code == 200


@pytest.mark.parametrize("ask", OPENAI + ANTHROPIC)
def test_what_cannot_be_read_raises_a_bare_json_error(served: Endpoint, ask: Ask) -> None:
    with served.struck("malformed_chunk"), pytest.raises(json.JSONDecodeError):
        ask(served, BOUND_S)


@pytest.mark.parametrize("ask", OPENAI + ANTHROPIC)
def test_a_stall_only_takes_time(served: Endpoint, ask: Ask) -> None:
    with served.struck("stall", stall_s=0.1):
        assert ask(served, BOUND_S)


@pytest.mark.parametrize("ask", OPENAI + ANTHROPIC)
def test_usage_that_is_never_told_is_told_without_the_fault(served: Endpoint, ask: Ask) -> None:
    # given an answer as it is told without the fault: its texts
    told, without = told_by(ask(served, BOUND_S)), {}
    with served.struck("no_usage"):
        without = told_by(ask(served, BOUND_S))
    # then the same is told but for the usage
    assert without["usages"] == []
    assert told["usages"] != [] or ask is openai_stream  # which has to be asked for it
    assert (without["texts"], without["ends"]) == (told["texts"], told["ends"])


def test_a_stream_that_was_asked_for_its_usage_has_no_chunk_of_it(served: Endpoint) -> None:
    def chunks() -> list[Any]:
        with openai_client(served) as client:
            options: Any = {"include_usage": True}
            return list(
                client.chat.completions.create(
                    model=MODEL, messages=messages(), stream=True, stream_options=options
                )
            )

    assert chunks()[-1].usage.prompt_tokens > 0
    with served.struck("no_usage"):
        without = chunks()
    assert {chunk.usage for chunk in without} == {None}
    assert without[-1].choices[0].finish_reason == "stop"


def told_by(answer: Any) -> dict[str, list[Any]]:
    """What an answer, whole or in events, tells anywhere in it, by name: usages, texts, and why it ended."""
    found: dict[str, list[Any]] = {"usages": [], "texts": [], "ends": []}
    names = {
        "usage": "usages",
        "content": "texts",
        "text": "texts",
        "finish_reason": "ends",
        "stop_reason": "ends",
    }

    def look(value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                look(each)
        elif isinstance(value, dict):
            for name, each in value.items():
                if name in names and each is not None and not (name == "content" and isinstance(each, list)):
                    found[names[name]].append(each)
                else:
                    look(each)

    look([each.model_dump() for each in answer] if isinstance(answer, list) else answer.model_dump())
    found["texts"] = ["".join(map(str, found["texts"]))]  # pieces may be cut elsewhere
    return found


def test_silence_ends_by_the_timeout_of_reading(served: Endpoint) -> None:
    with served.struck("silence"):
        for ask in OPENAI:
            with pytest.raises(openai.APITimeoutError):
                ask(served, PATIENCE_S)
        with pytest.raises(anthropic.APITimeoutError):
            anthropic_whole(served, PATIENCE_S)
        with pytest.raises(Exception, match="timed out") as raised:
            anthropic_stream(served, PATIENCE_S)

    assert raised.type.__name__ == "ReadTimeout"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("by", ["openai", "responses", "anthropic"])
def test_keep_alives_outlast_the_timeout_of_reading(served: Endpoint, by: str, stream: bool) -> None:
    """The client's own bound ends it, and the SDK's timeout, though shorter, never does."""

    async def by_openai() -> None:
        async with async_openai_client(served, timeout_s=PATIENCE_S) as client:
            if stream:
                chunks = await client.chat.completions.create(model=MODEL, messages=messages(), stream=True)
                async for _ in chunks:
                    raise AssertionError("a token came")
            else:
                await client.chat.completions.create(model=MODEL, messages=messages())

    async def by_responses() -> None:
        async with async_openai_client(served, timeout_s=PATIENCE_S) as client:
            if stream:
                async for _ in await client.responses.create(model=MODEL, input=said(), stream=True):
                    raise AssertionError("a token came")
            else:
                await client.responses.create(model=MODEL, input=said())

    async def by_anthropic() -> None:
        async with async_anthropic_client(served, timeout_s=PATIENCE_S) as client:
            if stream:
                events = await client.messages.create(
                    model=MODEL, messages=turns(), max_tokens=20, stream=True
                )
                async for event in events:
                    raise AssertionError(f"{event.type} came")
            else:
                await client.messages.create(model=MODEL, messages=turns(), max_tokens=20)

    async def wait() -> None:
        async with asyncio.timeout(2.2 * PATIENCE_S):
            await {"openai": by_openai, "responses": by_responses, "anthropic": by_anthropic}[by]()

    with served.struck("keep_alives"), pytest.raises(TimeoutError) as ended:
        asyncio.run(wait())
    assert ended.type is TimeoutError


# -- retries -----------------------------------------------------------------------------------------------------------


def test_openai_retries_an_empty_account_twice_in_vain(served: Endpoint) -> None:
    with (
        served.struck("out_of_money"),
        openai_client(served, max_retries=2) as client,
        pytest.raises(openai.RateLimitError) as raised,
    ):
        client.chat.completions.create(model=MODEL, messages=messages())

    assert raised.value.code == "insufficient_quota"
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "2"


def test_a_wait_that_is_asked_for_is_kept_and_the_retry_succeeds(served: Endpoint) -> None:
    # One call at once, and the next after a fifth of a second.
    with (
        served.with_setting("targets.primary.rpm", 300),
        served.with_setting("targets.primary.quota_burst_s", 0.2),
        openai_client(served, max_retries=2) as client,
    ):
        for _ in range(3):
            assert client.chat.completions.create(model=MODEL, messages=messages()).choices
