"""JSON by msgspec's hand, with Python's module where that takes more."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.quick_json import json_bytes, reader_of, value_of

TEXTS = st.text(st.characters())  # halves of characters, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_what_is_written_is_read_again_by_anybody(value: Any) -> None:
    written = json_bytes(value)
    assert json.loads(written) == value
    assert value_of(written) == value


@given(VALUES)
def test_what_others_write_is_read(value: Any) -> None:
    assert value_of(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a": 1} x', b"\xff", b'"\xff"', b"\xef\xbb\xbf{}", b"{'a': 1}"]
)
def test_what_is_no_json_is_none(data: bytes) -> None:
    with pytest.raises(ValueError):
        value_of(data)


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    with pytest.raises((ValueError, RecursionError)):
        value_of(b"[" * 100_000)


class _Shape(msgspec.Struct):
    a: int
    text: str = ""


@given(a=st.integers(), text=TEXTS, more=VALUES)
def test_a_shape_is_read_out_of_whatever_else_there_is(a: int, text: str, more: Any) -> None:
    found = reader_of(_Shape)(json.dumps({"a": a, "more": more, "text": text}).encode())
    assert found == _Shape(a, text)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"a": "1"}', b'{"a": 1} x', b'{"a": 1, "more": "\xff"}', b"\xff"]
)
def test_what_has_another_shape_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        reader_of(_Shape)(data)


def test_what_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError):
        json_bytes({"a": object()})
