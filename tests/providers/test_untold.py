"""Answers without their usage: nothing else of them changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.untold import untold_body, untold_events

CHUNK = b'data: {"choices":[{"delta":{"content":"Yes"}}],"usage":null}\n\n'
ABOUT_USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7}}\n\n'
DONE = b"data: [DONE]\n\n"


def test_a_body_loses_its_usage_alone() -> None:
    told = {"id": "a", "usage": {"prompt_tokens": 3}, "choices": [{"message": {"content": 'the "usage"'}}]}
    left = json.loads(untold_body(json.dumps(told).encode()))
    assert left == {name: value for name, value in told.items() if name != "usage"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'{"a": 1}', b'{"usage": null}', b"\xff", b"[" * 100_000]
)
def test_what_tells_none_stays_as_it_is(body: bytes) -> None:
    assert untold_body(body) == body
    assert untold_events(b"data: " + body + b"\n\n") == b"data: " + body + b"\n\n"


def test_a_chunk_about_the_usage_alone_is_left_out() -> None:
    assert untold_events(CHUNK + ABOUT_USAGE + DONE) == CHUNK + DONE


@pytest.mark.parametrize("place", ["message", "response"])
def test_an_event_keeps_its_name_and_the_rest(place: str) -> None:
    event = {"type": "some", place: {"id": "a", "usage": {"output_tokens": 3}}, "usage": {"output_tokens": 3}}
    name, data, *rest = untold_events(b"event: some\ndata: " + json.dumps(event).encode() + b"\n\n").split(
        b"\n"
    )
    assert (name, rest) == (b"event: some", [b"", b""])
    assert json.loads(data.removeprefix(b"data: ")) == {"type": "some", place: {"id": "a"}}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["usage", "message", "response", "type", "text"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["usage", "message", "response", "type", "choices"]), PLAIN))
def test_nothing_but_usage_is_ever_lost(event: dict[str, Any]) -> None:
    left = untold_events(b"data: " + json.dumps(event).encode() + b"\n\n")
    if event.get("choices") == [] and event.get("usage") is not None:
        assert left == b""
        return
    for place in (event, event.get("message"), event.get("response")):
        if isinstance(place, dict) and place.get("usage") is not None:
            del place["usage"]
    assert json.loads(left.removeprefix(b"data: ")) == event
