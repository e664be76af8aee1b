"""OpenAI's SDK gets from the endpoint what it gets from OpenAI: answers, streams, usage, models, limits."""

from __future__ import annotations

import asyncio

import openai
import pytest

from tests.serve.clients import MODEL, ORDER, REFUND, async_openai_client, messages, openai_client
from tests.serve.rig import BOUND_S, Endpoint


def test_an_answer_in_one_piece(served: Endpoint) -> None:
    with openai_client(served) as client:
        answer = client.chat.completions.create(model=MODEL, messages=messages())

    (choice,) = answer.choices
    # The row is recognised by its text, so the answer is the right one to it.
    assert (choice.message.content, choice.finish_reason) == ("This mail is about order.", "stop")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 10
    assert answer.usage.prompt_tokens > 5
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 10
    assert answer.model == MODEL
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


def test_a_stream_comes_piece_by_piece_and_ends_with_its_usage(served: Endpoint) -> None:
    with served.struck("slow_tokens", factor=10), openai_client(served) as client:
        chunks = list(
            client.chat.completions.create(
                model=MODEL,
                messages=messages(REFUND),
                stream=True,
                stream_options={"include_usage": True},
            )
        )

    *spoken, last = chunks
    pieces = [chunk.choices[0].delta.content or "" for chunk in spoken]
    assert "".join(pieces) == "This mail is about refund."
    assert len([piece for piece in pieces if piece]) > 1
    assert spoken[-1].choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 10


def test_usage_comes_in_a_stream_only_when_asked_for(served: Endpoint) -> None:
    with openai_client(served) as client:
        chunks = list(client.chat.completions.create(model=MODEL, messages=messages(), stream=True))

    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)


def test_many_calls_at_once_from_asyncio(served: Endpoint) -> None:
    async def ask() -> list[str]:
        async with async_openai_client(served) as client, asyncio.timeout(BOUND_S):

            async def whole() -> str:
                answer = await client.chat.completions.create(model=MODEL, messages=messages())
                return answer.choices[0].message.content or ""

            async def streamed() -> str:
                stream = await client.chat.completions.create(model=MODEL, messages=messages(), stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(each() for each in (whole, streamed) * 10))

    assert asyncio.run(ask()) == ["This mail is about order."] * 20


def test_the_model_chooses_the_target(served: Endpoint) -> None:
    with openai_client(served) as client:
        listed = [model.id for model in client.models.list()]
        said = [
            client.chat.completions.create(model=model, messages=messages()).choices[0].message.content
            for model in ("primary", "fallback", "some-other-model")
        ]

    assert listed == [MODEL, "fallback"]
    # The fallback's quality is 0: it is always wrong. Whoever is unknown is the first target.
    right = "This mail is about order."
    assert (said[0], said[1] == right, said[2]) == (right, False, right)


def test_the_same_question_that_is_no_row_of_the_data_gets_the_same_answer(served: Endpoint) -> None:
    with openai_client(served) as client:
        said = {
            client.chat.completions.create(model=MODEL, messages=messages("What is the weather like?"))
            .choices[0]
            .message.content
            for _ in range(3)
        }

    assert len(said) == 1


def test_the_bound_on_the_answer_is_kept(served: Endpoint) -> None:
    with openai_client(served) as client:
        answer = client.chat.completions.create(model=MODEL, messages=messages(), max_completion_tokens=4)

    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4


@pytest.mark.parametrize(
    ("kind", "reason"), [("hits_max_tokens", "length"), ("content_filter", "content_filter")]
)
def test_finish_reasons_tell_why_an_answer_is_short(served: Endpoint, kind: str, reason: str) -> None:
    with served.struck(kind), openai_client(served) as client:
        answer = client.chat.completions.create(model=MODEL, messages=messages())

    assert answer.choices[0].finish_reason == reason


@pytest.mark.parametrize("stream", [False, True])
def test_a_made_up_tool_call_is_a_tool_call(served: Endpoint, stream: bool) -> None:
    with served.struck("hallucinated_tool_call"), openai_client(served) as client:
        if stream:
            chunks = list(client.chat.completions.create(model=MODEL, messages=messages(), stream=True))
            calls = [
                call.function.name
                for chunk in chunks
                for call in chunk.choices[0].delta.tool_calls or ()
                if call.function is not None
            ]
            reason = chunks[-1].choices[0].finish_reason
        else:
            (choice,) = client.chat.completions.create(model=MODEL, messages=messages()).choices
            calls = [
                call.function.name for call in choice.message.tool_calls or () if call.type == "function"
            ]
            reason = choice.finish_reason

    assert reason == "tool_calls"
    assert len(calls) == 1
    assert calls[0]


def test_limits_are_real_buckets_and_headers_tell_what_is_left(served: Endpoint) -> None:
    # 6 a minute, 10 seconds' worth at once: one call.
    with served.with_setting("targets.primary.rpm", 6), openai_client(served) as client:
        raw = client.chat.completions.with_raw_response
        first = raw.create(model=MODEL, messages=messages())
        with pytest.raises(openai.RateLimitError) as refused:
            raw.create(model=MODEL, messages=messages())

    assert first.headers["x-ratelimit-limit-requests"] == "6"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    assert first.headers["x-ratelimit-reset-requests"].endswith("s")
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.type == "requests"
    headers = refused.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 10
    assert 0 < int(headers["retry-after-ms"]) <= 10_000
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert "x-ratelimit-limit-tokens" not in headers


def test_a_limit_on_tokens_says_so(served: Endpoint) -> None:
    with served.with_setting("targets.primary.tpm", 300), openai_client(served) as client:
        raw = client.chat.completions.with_raw_response
        with pytest.raises(openai.RateLimitError) as refused:  # noqa: PT012
            for _ in range(5):
                raw.create(model=MODEL, messages=messages())
        with pytest.raises(openai.RateLimitError, match="Request too large"):
            raw.create(model=MODEL, messages=messages(), max_completion_tokens=100)

    assert refused.value.type == "tokens"
    assert int(refused.value.response.headers["x-ratelimit-remaining-tokens"]) < 35


def test_a_fault_may_be_choosy_about_rows(served: Endpoint) -> None:
    match = {"column": "intent", "equals": "refund"}

    with served.struck("server_error", match=match, rate=None), openai_client(served) as client:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model=MODEL, messages=messages(REFUND))
        for text in (ORDER, "What is the weather like?"):
            client.chat.completions.create(model=MODEL, messages=messages(text))


def test_a_client_that_leaves_gives_up_its_slot(served: Endpoint) -> None:
    with served.with_setting("targets.primary.slots", 1), openai_client(served) as client:
        with served.struck("silence"):
            stream = client.chat.completions.create(model=MODEL, messages=messages(), stream=True)
            next(iter(stream))
            stream.close()

        answer = client.chat.completions.create(model=MODEL, messages=messages())

    assert answer.choices[0].message.content == "This mail is about order."


def test_what_an_outage_holds_back_is_answered_when_it_ends(served: Endpoint) -> None:
    async def ask() -> tuple[bool, str | None]:
        async with async_openai_client(served) as client, asyncio.timeout(BOUND_S):
            with served.struck("outage", outage_mode="freeze"):
                asking = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=messages()))
                early, _ = await asyncio.wait([asking], timeout=0.3)
            answer = await asking
            return bool(early), answer.choices[0].message.content

    assert asyncio.run(ask()) == (False, "This mail is about order.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"model": ""},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"stream": "yes"},
        {"n": 2},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": ["hello"]},
    ],
)
def test_a_request_that_the_api_would_not_take_is_refused(served: Endpoint, wrong: dict[str, object]) -> None:
    body = {"model": MODEL, "messages": messages()} | wrong

    with openai_client(served) as client, pytest.raises(openai.BadRequestError) as refused:
        client.post("/chat/completions", body=body, cast_to=object)

    assert refused.value.type == "invalid_request_error"
    assert refused.value.param == next(iter(wrong))
