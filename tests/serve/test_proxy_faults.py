"""Through the proxy every fault raises in the official SDKs what it raises against the simulated provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from tests.serve.clients import MODEL, anthropic_client, messages, openai_client, said, turns
from tests.serve.rig import BOUND_S, Endpoint, endpoint
from tests.serve.test_wire_faults import (
    ANTHROPIC,
    BEFORE_AN_ANSWER,
    OPENAI,
    Ask,
    assert_anthropic_raises,
    assert_openai_raises,
    responses_stream,
)
from tests.serve.test_wire_faults import test_a_socket_that_is_cut_in_mid_answer_is_a_lost_connection as _cut
from tests.serve.test_wire_faults import test_a_stall_only_takes_time as _stall
from tests.serve.test_wire_faults import (
    test_a_stream_that_ends_early_in_good_order_is_silently_taken_for_whole as _unfinished,
)
from tests.serve.test_wire_faults import test_silence_ends_by_the_timeout_of_reading as _silence
from tests.serve.test_wire_faults import test_what_cannot_be_read_raises_a_bare_json_error as _unreadable


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A proxy in front of the simulated provider, which is well."""
    folders: list[Path] = [tmp_path_factory.mktemp(name) for name in ("sound", "struck")]
    with endpoint(folders[0]) as sound, endpoint(folders[1], upstream=sound.url) as there:
        yield there


@pytest.mark.parametrize("ask", OPENAI[:4])
@pytest.mark.parametrize("kind", BEFORE_AN_ANSWER)
def test_openai_raises_for_a_fault_before_the_answer(served: Endpoint, kind: str, ask: Ask) -> None:
    assert_openai_raises(served, kind, ask)


@pytest.mark.parametrize("ask", ANTHROPIC)
@pytest.mark.parametrize("kind", BEFORE_AN_ANSWER)
def test_anthropic_raises_for_a_fault_before_the_answer(served: Endpoint, kind: str, ask: Ask) -> None:
    assert_anthropic_raises(served, kind, ask)


@pytest.mark.parametrize("test", [_cut, _unfinished, _silence])
def test_a_stream_that_begins_well_breaks_as_at_the_simulated_provider(served: Endpoint, test) -> None:  # type: ignore[no-untyped-def]
    test(served)


@pytest.mark.parametrize("ask", [*OPENAI[:4], *ANTHROPIC])
@pytest.mark.parametrize("test", [_unreadable, _stall])
def test_an_answer_that_is_spoiled_on_its_way(served: Endpoint, test, ask: Ask) -> None:  # type: ignore[no-untyped-def]
    test(served, ask)


def test_an_error_inside_a_stream(served: Endpoint) -> None:
    openai_whole, openai_stream = OPENAI[:2]
    with served.struck("error_in_stream"):
        with pytest.raises(openai.APIError):
            openai_stream(served, BOUND_S)
        with pytest.raises(openai.InternalServerError):
            openai_whole(served, BOUND_S)
        events = responses_stream(served, BOUND_S)
        with pytest.raises(anthropic.APIStatusError):
            ANTHROPIC[1](served, BOUND_S)

    assert isinstance(events, list)
    assert events[-1].type == "error"


@pytest.mark.parametrize("kind", ["refusal", "empty", "prompt_echo", "hits_max_tokens", "content_filter"])
def test_content_is_spoiled_alike_in_one_piece_and_in_a_stream(served: Endpoint, kind: str) -> None:
    with (
        openai_client(served) as by_openai,
        anthropic_client(served) as by_anthropic,
        served.struck(kind),
    ):
        whole = by_openai.chat.completions.create(model=MODEL, messages=messages())
        chunks = list(by_openai.chat.completions.create(model=MODEL, messages=messages(), stream=True))
        response = by_openai.responses.create(model=MODEL, input=said())
        message = by_anthropic.messages.create(model=MODEL, messages=turns(), max_tokens=20)

    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    text = "".join(block.text for block in message.content if block.type == "text")
    assert whole.choices[0].message.content == streamed == response.output_text == text
    assert text != "This mail is about order." or kind in ("hits_max_tokens", "content_filter")
    finish = {"hits_max_tokens": "length", "content_filter": "content_filter"}.get(kind, "stop")
    assert whole.choices[0].finish_reason == finish
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 10


def test_a_tool_is_called_that_is_not_there(served: Endpoint) -> None:
    with openai_client(served) as client, served.struck("hallucinated_tool_call"):
        whole = client.chat.completions.create(model=MODEL, messages=messages())
        response = client.responses.create(model=MODEL, input=said())

    (choice,) = whole.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    assert response.output[0].type == "function_call"


def test_a_fault_may_choose_rows_by_what_is_asked(served: Endpoint) -> None:
    match = {"column": "intent", "equals": "refund"}
    with openai_client(served) as client, served.struck("server_error", match=match, rate=None):
        client.chat.completions.create(model=MODEL, messages=messages())
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(
                model=MODEL, messages=messages("The zip broke, and I want my money back.")
            )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("targets.primary.rpm", 5),
        ("faults.struck", {"kind": "outage", "outage_mode": "freeze"}),
        ("faults.struck", {"kind": "capacity_loss", "left_share": 0.5}),
    ],
)
def test_what_happens_inside_a_provider_cannot_be_done_to_a_real_one(
    served: Endpoint, path: str, value: object
) -> None:
    refused = served.flip(path, value)

    assert refused.status_code == 400
    assert refused.json()["error"]["message"]
