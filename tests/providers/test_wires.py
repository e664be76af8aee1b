"""What each API's answers, errors and headers mean; samples are as the providers' documents have them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.errors import UserError
from app.providers.address import Api
from app.providers.calls import Call, CallOutcome, open_transport
from app.providers.endpoint import Endpoint
from app.providers.wire_errors import APIS, error_event, wire_error
from app.providers.wires import WIRES, AnswerStream
from app.providers.wires.failures import classify, error_object, reported, retry_after_us
from app.providers.wires.limits import RateLimit, rate_limits
from app.safeguards import errors
from app.safeguards.errors import CallError
from tests.engine.loopback import Heard, Play, fails, serving, speaks, streams

MESSAGES = [["system", "Be brief."], ["user", "Where is it?"]]
REPORTABLE = [
    errors.RATE_LIMITED,
    errors.OUT_OF_MONEY,
    errors.SERVER_ERROR,
    errors.OVERLOADED,
    errors.CONTEXT_LENGTH,
    errors.REQUEST_TOO_LARGE,
    errors.UNAUTHORIZED,
    errors.FORBIDDEN,
    errors.CONTENT_POLICY,
]


def events(*told: Mapping[str, Any]) -> bytes:
    """A stream of typed events."""
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in told)


def read(api: Api, stream: bytes) -> AnswerStream:
    reader = WIRES[api].stream()
    reader.feed(stream)
    reader.close()
    return reader


def call(api: Api, play: Play) -> tuple[CallOutcome, Heard]:
    """One call over a real socket."""

    async def run() -> tuple[CallOutcome, Heard]:
        async with serving(lambda n: play) as server, open_transport() as transport:
            endpoint = Endpoint(server.base_url, "a-model", SecretStr("sk-secret"), api)
            now = asyncio.get_running_loop().time()
            outcome = await Call(transport, endpoint, MESSAGES, 30).make(now + 5, now + 5)
            return outcome, server.heard[0]

    return asyncio.run(run())


# -- what is asked --------------------------------------------------------------------------------------


def test_responses_are_asked_for_as_openai_has_it() -> None:
    outcome, heard = call("openai-responses", speaks("openai-responses", "On its way.", usage=(21, 6)))
    assert (outcome.error, outcome.text, outcome.finish) == (None, "On its way.", "stop")
    assert (outcome.input_tokens, outcome.output_tokens, outcome.estimated) == (21, 6, False)
    assert heard.target == "/v1/responses"
    assert heard.headers["authorization"] == "Bearer sk-secret"
    assert heard.body == {
        "model": "a-model",
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where is it?"},
        ],
        "max_output_tokens": 30,
        "store": False,
        "stream": True,
    }


def test_messages_are_asked_for_as_anthropic_has_it() -> None:
    outcome, heard = call("anthropic-messages", speaks("anthropic-messages", "On its way.", usage=(21, 6)))
    assert (outcome.error, outcome.text, outcome.finish) == (None, "On its way.", "stop")
    assert (outcome.input_tokens, outcome.output_tokens, outcome.estimated) == (21, 6, False)
    assert heard.target == "/v1/messages"
    assert (heard.headers["x-api-key"], heard.headers["anthropic-version"]) == ("sk-secret", "2023-06-01")
    assert "authorization" not in heard.headers
    assert heard.body == {
        "model": "a-model",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Where is it?"}],
        "max_tokens": 30,
        "stream": True,
    }


@pytest.mark.parametrize("base", ["https://host", "https://host/", "https://host/v1", "https://host/v1/"])
def test_an_anthropic_address_may_say_its_version_or_not(base: str) -> None:
    assert str(Endpoint(base, "m", api="anthropic-messages").address) == "https://host/v1/messages"


def test_an_api_that_is_not_known_is_a_mistake() -> None:
    with pytest.raises(UserError, match="no API that is known"):
        Endpoint("https://host", "m", api="gopher")  # type: ignore[arg-type]


# -- how answers are read -------------------------------------------------------------------------------


def test_a_response_that_is_cut_short_says_why() -> None:
    end = {
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    reader = read(
        "openai-responses",
        events(
            {"type": "response.created", "response": {}},
            {"type": "response.output_text.delta", "delta": "It is"},
            {"type": "response.incomplete", "response": end},
        ),
    )
    assert (reader.text, reader.finish, reader.error, reader.usage) == ("It is", "length", None, (3, 4))


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "response.failed", "response": {"error": {"code": "server_error"}}}, "server_error"),
        ({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}, "rate_limited"),
        ({"type": "error", "code": "server_is_overloaded", "message": "", "param": None}, "overloaded"),
        ({"type": "error", "error": {"code": "context_length_exceeded"}}, "context_length_exceeded"),
        ({"type": "response.output_text.delta"}, "unreadable_answer"),
        ({"type": "response.completed", "response": None}, "unreadable_answer"),
        ({"no": "type"}, "unreadable_answer"),
    ],
)
def test_a_response_that_fails_in_its_stream(event: dict[str, Any], error: str) -> None:
    reader = read("openai-responses", b"data: " + json.dumps(event).encode() + b"\n\n")
    assert reader.error is not None
    assert reader.error.name == error


def test_a_message_counts_what_its_cache_held_and_the_last_count_of_its_output() -> None:
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 30,
        "output_tokens": 1,
    }
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes."}}
    stream = events(
        {"type": "message_start", "message": {"usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        text,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
        {"type": "message_stop"},
    )
    whole = read("anthropic-messages", stream)
    assert (whole.text, whole.finish, whole.error, whole.usage) == ("Yes.", "stop", None, (42, 15))
    cut = read("anthropic-messages", stream[: stream.index(b"event: content_block_stop")])
    assert (cut.text, cut.input_tokens, cut.output_tokens, cut.usage) == ("Yes.", 42, None, None)
    assert cut.error is errors.CONNECTION_LOST


def test_what_is_known_of_a_cut_answers_usage_is_kept_and_the_rest_estimated() -> None:
    async def run() -> CallOutcome:
        written = WIRES["anthropic-messages"].write("m", ["It is on its way."], "stop", (4_321, 9))
        cut = streams(written.opening, *written.pieces, ends=False)
        async with serving(lambda n: cut) as server, open_transport() as transport:
            endpoint = Endpoint(server.base_url, "m", api="anthropic-messages")
            now = asyncio.get_running_loop().time()
            return await Call(transport, endpoint, MESSAGES, 30).make(now + 5, now + 5)

    outcome = asyncio.run(run())
    assert outcome.error is errors.CONNECTION_LOST
    assert (outcome.input_tokens, outcome.estimated, outcome.billed) == (4_321, True, True)
    assert 0 < outcome.output_tokens < 9


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "tool_calls"])
@settings(deadline=None, max_examples=25)
@given(text=st.text(max_size=80), cuts_at=st.lists(st.integers(0, 900), max_size=6), crlf=st.booleans())
def test_what_is_written_is_read_the_same_however_it_is_cut(
    api: Api, finish: str, text: str, cuts_at: list[int], crlf: bool
) -> None:
    if finish == "tool_calls":
        text = json.dumps({"tool_calls": [{"name": "look", "arguments": {"id": len(text)}}]})
    pieces = [text] if finish == "tool_calls" else [each for each in (text[:7], text[7:]) if each]
    written = WIRES[api].write("m", pieces, finish, (3, 4))
    stream = written.opening + b"".join(written.pieces) + written.ending
    if crlf:
        stream = stream.replace(b"\n", b"\r\n")
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts_at), len(stream)]
    reader = WIRES[api].stream()
    for begin, end in pairwise(edges):
        reader.feed(stream[begin:end])
    reader.close()
    assert (reader.text, reader.finish, reader.error, reader.usage) == (text, finish, None, (3, 4))
    assert reader.pieces >= len(pieces)


_WORDS = ["type", "delta", "choices", "response", "usage", "message", "error", "content_block", "text"]
_TYPES = ["message_start", "content_block_delta", "message_delta", "response.completed", "error"]
_PLAIN = st.none() | st.integers() | st.sampled_from(_TYPES)
_NESTED = st.dictionaries(st.sampled_from(_WORDS), _PLAIN | st.lists(_PLAIN, max_size=1), max_size=3)
_EVENTS = st.dictionaries(st.sampled_from(_WORDS), _PLAIN | _NESTED, max_size=4)


@pytest.mark.parametrize("api", APIS)
@settings(deadline=None)
@given(events=st.lists(_PLAIN | _EVENTS, max_size=3))
def test_no_event_upsets_a_reader(api: Api, events: list[Any]) -> None:
    reader = read(api, b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events))
    assert reader.over


_DONE = b"data: [DONE]\n\n"
_SAID = {"delta": {"content": "On its way."}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [{**_SAID, "index": 0, "logprobs": None, "x": {"y": [1]}}], "service_tier": "default"},
        {"choices": [_SAID, {"index": 1, "delta": {"content": "Another."}}]},
        {
            "choices": [
                {**_SAID, "delta": {"role": "assistant", "content": "On its way.", "tool_calls": None}}
            ]
        },
        {"choices": [_SAID], "usage": None, "error": None},
        {"choices": [_SAID], "usage": {"prompt_tokens": "many", "completion_tokens": -1}},
    ],
)
def test_chunks_may_hold_more_or_less_than_is_needed(chunk: dict[str, Any]) -> None:
    reader = read("openai-chat", b"data: " + json.dumps(chunk).encode() + b"\n\n" + _DONE)
    assert (reader.text, reader.finish, reader.error, reader.usage) == ("On its way.", "stop", None, None)


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]},
        {"choices": [], "usage": [1]},
    ],
)
def test_chunks_of_another_shape_are_unreadable(chunk: dict[str, Any]) -> None:
    reader = read("openai-chat", b"data: " + json.dumps(chunk).encode() + b"\n\n" + _DONE)
    assert reader.error is errors.UNREADABLE


def test_half_a_character_in_each_of_two_chunks_is_one() -> None:
    def chunk(said: str) -> bytes:
        return b'data: {"choices": [{"delta": {"content": "' + said.encode() + b'"}}]}\n\n'

    reader = read("openai-chat", chunk("\\ud83d") + chunk("\\ude00") + _DONE)
    assert (reader.text, reader.error) == ("\U0001f600", None)


def test_what_is_passed_over_must_be_text_all_the_same() -> None:
    chunk = b'data: {"id": "\xff", "choices": []}\n\n'
    assert read("openai-chat", chunk + _DONE).error is errors.UNREADABLE


@pytest.mark.parametrize(
    ("api", "error"),
    [
        ("openai-chat", None),
        ("openai-responses", errors.CONNECTION_LOST),
        ("anthropic-messages", errors.UNREADABLE),
    ],
)
def test_the_last_word_of_one_format_in_all(api: Api, error: CallError | None) -> None:
    assert read(api, _DONE).error is error


@pytest.mark.parametrize("api", APIS)
def test_a_stream_that_lacks_its_end_is_never_an_answer(api: Api) -> None:
    written = WIRES[api].write("m", ["It is ", "on its way."], "stop", None)
    stream = written.opening + b"".join(written.pieces)
    for length in range(len(stream) + 1):
        assert read(api, stream[:length]).error is not None


# -- how errors are read --------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("error", REPORTABLE, ids=lambda error: error.name)
def test_every_error_is_understood_as_each_api_words_it(api: Api, error: CallError) -> None:
    told = wire_error(api, error)
    assert classify(told.status, error_object(told.body)) is error
    reader = read(api, error_event(api, error))
    assert reader.error is not None
    # Inside a stream there is no status to tell what words leave open.
    assert reader.error in (error, errors.SERVER_ERROR)
    assert (reader.error is error) == (error is not errors.FORBIDDEN or api == "anthropic-messages")


@pytest.mark.parametrize(
    ("status", "told", "error"),
    [
        (401, {}, errors.UNAUTHORIZED),
        (402, {}, errors.OUT_OF_MONEY),
        (403, {"type": "permission_error"}, errors.FORBIDDEN),
        (413, {}, errors.REQUEST_TOO_LARGE),
        (429, {"type": "rate_limit_error"}, errors.RATE_LIMITED),
        (
            400,
            {"type": "invalid_request_error", "message": "Your credit balance is too low to"},
            errors.OUT_OF_MONEY,
        ),
        (
            400,
            {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"},
            errors.CONTEXT_LENGTH,
        ),
        (400, {"code": "content_filter"}, errors.CONTENT_POLICY),
        (400, {"type": "invalid_request_error"}, errors.REJECTED),
        (404, {"type": "not_found_error"}, errors.REJECTED),
        (500, {"type": "api_error"}, errors.SERVER_ERROR),
        (504, {"type": "timeout_error"}, errors.SERVER_ERROR),
        (529, {"type": "overloaded_error"}, errors.OVERLOADED),
        (500, {"type": "rate_limit_error"}, errors.SERVER_ERROR),
    ],
)
def test_a_status_and_an_error_object_make_an_error(
    status: int, told: dict[str, str], error: CallError
) -> None:
    assert classify(status, told) is error


def test_an_error_event_that_says_nothing_is_the_servers() -> None:
    assert reported(None) is reported({}) is errors.SERVER_ERROR


@pytest.mark.parametrize("api", APIS)
def test_a_wait_that_is_asked_for_is_understood(api: Api) -> None:
    told = wire_error(api, errors.RATE_LIMITED, tokens=True, retry_after_us=3_000_000)
    assert retry_after_us(told.headers) == 3_000_000
    limit = rate_limits(httpx.Headers(told.headers).raw)["tokens"]
    assert limit.remaining == 0
    assert limit.reset_us is not None
    assert 1_000_000 <= limit.reset_us <= 3_000_000


def test_limits_are_kept_of_good_answers_and_of_bad_ones() -> None:
    limits = {"x_ratelimit_limit_requests": "60", "x_ratelimit_remaining_requests": "59"}
    outcome, _ = call("openai-chat", fails(500, **limits, x_ratelimit_reset_requests="1m30.5s"))
    assert outcome.limits == {"requests": RateLimit(60, 59, 90_500_000)}


@pytest.mark.parametrize(
    ("reset", "wait_us"),
    [
        ("20ms", 20_000),
        ("6m0s", 360_000_000),
        ("1h2m3s", 3_723_000_000),
        ("soon", None),
        ("", None),
        ("2s!", None),
    ],
)
def test_resets_are_durations_or_nothing(reset: str, wait_us: int | None) -> None:
    found = rate_limits([(b"x-ratelimit-limit-tokens", b"9"), (b"X-RateLimit-Reset-Tokens", reset.encode())])
    assert found == {"tokens": RateLimit(9, None, wait_us)}


def test_resets_may_be_times() -> None:
    later = (datetime.now(UTC) + timedelta(seconds=100)).isoformat().replace("+00:00", "Z")
    found = rate_limits(
        [
            (b"anthropic-ratelimit-input-tokens-remaining", b"7"),
            (b"anthropic-ratelimit-input-tokens-reset", later.encode()),
        ]
    )
    limit = found["input-tokens"]
    assert (limit.limit, limit.remaining) == (None, 7)
    assert limit.reset_us is not None
    assert 95e6 < limit.reset_us <= 100e6
