"""Anthropic's SDK gets from the endpoint what it gets from Anthropic: answers, streams, usage, models, limits."""

from __future__ import annotations

import asyncio
from datetime import datetime

import anthropic
import pytest

from tests.serve.clients import MODEL, REFUND, anthropic_client, async_anthropic_client, turns
from tests.serve.rig import BOUND_S, Endpoint


def test_an_answer_in_one_piece(served: Endpoint) -> None:
    with anthropic_client(served) as client:
        answer = client.messages.create(
            model=MODEL, system="You sort mails.", messages=turns(), max_tokens=20
        )

    (block,) = answer.content
    assert block.type == "text"
    assert (block.text, answer.stop_reason) == ("This mail is about order.", "end_turn")
    assert answer.usage.output_tokens == 10
    assert answer.usage.input_tokens > 5
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


def test_a_stream_comes_piece_by_piece_and_adds_up(served: Endpoint) -> None:
    with (
        served.struck("slow_tokens", factor=10),
        anthropic_client(served) as client,
        client.messages.stream(model=MODEL, messages=turns(REFUND), max_tokens=20) as stream,
    ):
        pieces = list(stream.text_stream)
        whole = stream.get_final_message()

    assert "".join(pieces) == "This mail is about refund."
    assert len(pieces) > 1
    assert (whole.stop_reason, whole.usage.output_tokens) == ("end_turn", 10)
    assert whole.usage.input_tokens > 5


def test_many_calls_at_once_from_asyncio(served: Endpoint) -> None:
    async def ask() -> list[str]:
        async with async_anthropic_client(served) as client, asyncio.timeout(BOUND_S):

            async def whole() -> str:
                answer = await client.messages.create(model=MODEL, messages=turns(), max_tokens=20)
                return "".join(block.text for block in answer.content if block.type == "text")

            async def streamed() -> str:
                async with client.messages.stream(model=MODEL, messages=turns(), max_tokens=20) as stream:
                    return await stream.get_final_text()

            return await asyncio.gather(*(each() for each in (whole, streamed) * 10))

    assert asyncio.run(ask()) == ["This mail is about order."] * 20


def test_models_are_listed(served: Endpoint) -> None:
    with anthropic_client(served) as client:
        assert [model.id for model in client.models.list()] == [MODEL, "fallback"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("hits_max_tokens", "max_tokens"),
        ("content_filter", "refusal"),
        ("hallucinated_tool_call", "tool_use"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_stop_reasons_tell_why_there_is_no_whole_answer(
    served: Endpoint, kind: str, reason: str, stream: bool
) -> None:
    with served.struck(kind), anthropic_client(served) as client:
        if stream:
            with client.messages.stream(model=MODEL, messages=turns(), max_tokens=20) as events:
                answer: anthropic.types.Message = events.get_final_message()
        else:
            answer = client.messages.create(model=MODEL, messages=turns(), max_tokens=20)

    assert answer.stop_reason == reason
    (block,) = answer.content
    if block.type == "tool_use":
        assert block.name
        assert isinstance(block.input, dict)
        assert list(block.input) == ["id"]


def test_limits_are_real_buckets_and_headers_tell_what_is_left(served: Endpoint) -> None:
    with served.with_setting("targets.primary.rpm", 6), anthropic_client(served) as client:
        raw = client.messages.with_raw_response
        first = raw.create(model=MODEL, messages=turns(), max_tokens=20)
        with pytest.raises(anthropic.RateLimitError) as refused:
            raw.create(model=MODEL, messages=turns(), max_tokens=20)

    assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert first.headers["anthropic-ratelimit-requests-limit"] == "6"
    at_rest = datetime.fromisoformat(first.headers["anthropic-ratelimit-requests-reset"])
    assert 0 <= (at_rest - datetime.now(at_rest.tzinfo)).total_seconds() < 30
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 10
    assert refused.value.type == "rate_limit_error"


@pytest.mark.parametrize("wrong", [{"max_tokens": None}, {"messages": []}, {"system": 3}])
def test_a_request_that_the_api_would_not_take_is_refused(served: Endpoint, wrong: dict[str, object]) -> None:
    body = {"model": MODEL, "messages": turns(), "max_tokens": 20} | wrong

    with anthropic_client(served) as client, pytest.raises(anthropic.BadRequestError) as refused:
        client.post("/v1/messages", body=body, cast_to=object)

    assert refused.value.type == "invalid_request_error"
