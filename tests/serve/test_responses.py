"""OpenAI's SDK gets responses from the endpoint as it gets them from OpenAI: plain and streaming, sync and async."""

from __future__ import annotations

import asyncio

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseStreamEvent

from tests.serve.clients import MODEL, REFUND, async_openai_client, openai_client, said
from tests.serve.rig import BOUND_S, Endpoint


def streamed(served: Endpoint, text: str = REFUND) -> list[ResponseStreamEvent]:
    with openai_client(served) as client:
        return list(client.responses.create(model=MODEL, input=said(text), stream=True))


def ended(events: list[ResponseStreamEvent]) -> Response:
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    return last.response


def test_an_answer_in_one_piece(served: Endpoint) -> None:
    with openai_client(served) as client:
        answer = client.responses.create(model=MODEL, instructions="You sort mails.", input=REFUND)

    assert (answer.output_text, answer.status) == ("This mail is about refund.", "completed")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 10
    assert answer.usage.total_tokens == answer.usage.input_tokens + 10
    assert answer.model == MODEL
    assert answer._request_id is not None


def test_a_stream_is_typed_events_numbered_without_a_gap(served: Endpoint) -> None:
    with served.struck("slow_tokens", factor=10):
        events = streamed(served)

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == "This mail is about refund."
    assert [event.type for event in events if event.type != "response.output_text.delta"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    whole = ended(events)
    assert whole.output_text == "This mail is about refund."
    assert whole.usage is not None
    assert whole.usage.output_tokens == 10


def test_many_calls_at_once_from_asyncio(served: Endpoint) -> None:
    async def ask() -> list[str]:
        async with async_openai_client(served) as client, asyncio.timeout(BOUND_S):

            async def whole() -> str:
                return (await client.responses.create(model=MODEL, input=said(REFUND))).output_text

            async def stream() -> str:
                async with client.responses.stream(model=MODEL, input=said(REFUND)) as events:
                    return (await events.get_final_response()).output_text

            return await asyncio.gather(*(each() for each in (whole, stream) * 10))

    assert asyncio.run(ask()) == ["This mail is about refund."] * 20


@pytest.mark.parametrize(
    ("kind", "reason"), [("hits_max_tokens", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_stops_early_says_why(served: Endpoint, kind: str, reason: str) -> None:
    with served.struck(kind), openai_client(served) as client:
        plain = client.responses.create(model=MODEL, input=said())
        last = streamed(served)[-1]

    assert last.type == "response.incomplete"
    for answer in (plain, last.response):
        assert answer.status == "incomplete"
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == reason


def test_a_call_of_a_tool_takes_the_place_of_a_message(served: Endpoint) -> None:
    with served.struck("hallucinated_tool_call"), openai_client(served) as client:
        plain = client.responses.create(model=MODEL, input=said())
        events = streamed(served)

    assert [event.sequence_number for event in events] == list(range(len(events)))
    for answer in (plain, ended(events)):
        (item,) = answer.output
        assert isinstance(item, ResponseFunctionToolCall)
        assert item.name
        assert item.arguments.startswith("{")


def test_a_request_that_is_none_is_refused_as_openai_words_it(served: Endpoint) -> None:
    with openai_client(served) as client, pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=MODEL, input=[])

    assert refused.value.param == "input"
