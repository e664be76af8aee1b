"""The wire formats by themselves: whatever is asked is taken or refused, and times are written as each API writes them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serve.anthropic_bytes import Anthropic
from app.serve.dialect import Asked, BadRequestError, Dialect
from app.serve.openai_bytes import OpenAi, duration
from app.serve.responses_bytes import Responses

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner)
    ),
    max_leaves=8,
)
_FIELDS = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "system",
    "n",
    "input",
    "instructions",
    "max_output_tokens",
]


@pytest.mark.parametrize("dialect", [OpenAi(), Responses(), Anthropic()])
@given(body=st.dictionaries(st.sampled_from(_FIELDS), _VALUES))
def test_any_object_is_taken_or_refused(dialect: Dialect, body: dict[str, Any]) -> None:
    asked: Asked | None = None
    with suppress(BadRequestError):
        asked = dialect.asked(body)

    if asked is not None:
        assert all(isinstance(text, str) for text in asked.texts)
        assert asked.max_tokens is None or asked.max_tokens > 0


@pytest.mark.parametrize(
    ("us", "told"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (820_000, "820ms"),
        (1_000_000, "1s"),
        (6_500_000, "6.5s"),
        (360_000_000, "6m0s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(us: int, told: str) -> None:
    assert duration(us) == told


@given(us=st.integers(0, 10**10))
def test_a_duration_is_never_rounded_by_more_than_a_millisecond(us: int) -> None:
    told = duration(us)

    minutes, _, rest = told.rpartition("m") if not told.endswith("ms") else ("", "", told)
    seconds = float(rest.removesuffix("ms")) / 1_000 if rest.endswith("ms") else float(rest.removesuffix("s"))
    assert abs(int(minutes or 0) * 60 + seconds - us / 1_000_000) <= 0.001
