"""Traces: whatever order, zone, names and faults the rows have, each good one counts at its own time."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.traffic.trace import load_trace, parse_time_us, parse_tokens
from tests.inputs.shared_data import shared

BEGIN = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
offsets_us = st.lists(st.integers(0, 10**11), min_size=1, max_size=30)
in_place = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def written(folder: Path, *lines: str) -> Path:
    path = folder / "trace.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@in_place
@given(offsets=offsets_us, zone_h=st.integers(-12, 14), data=st.data())
def test_unsorted_and_duplicate_times_of_any_zone(
    tmp_path: Path, offsets: list[int], zone_h: int, data: st.DataObject
) -> None:
    # given times in a zone, written with a T or a space, some of them in UTC with a Z
    zone = timezone(timedelta(hours=zone_h))
    lines = []
    for offset in offsets:
        moment = BEGIN + timedelta(microseconds=offset)
        text = moment.astimezone(zone).isoformat(data.draw(st.sampled_from("T ")))
        lines.append(data.draw(st.sampled_from([text, moment.isoformat().replace("+00:00", "Z")])))
    # when they are read, then they are in order, from the first one on, none lost
    trace = load_trace(written(tmp_path, "timestamp", *lines), {})
    assert trace.times_us.tolist() == sorted(offset - min(offsets) for offset in offsets)
    assert (trace.input_tokens, trace.output_tokens) == (None, None)
    unsorted = any(later < earlier for earlier, later in pairwise(offsets))
    assert any("put in order" in notice for notice in trace.notices) == unsorted


@in_place
@given(
    rows=st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 9_999)), min_size=1, max_size=20),
    data=st.data(),
)
def test_counts_stay_with_their_times(
    tmp_path: Path, rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    names = [
        data.draw(st.sampled_from(each))
        for each in (
            ["timestamp", "TIMESTAMP", "Arrival time", "start_time"],
            ["input_tokens", "ContextTokens", "Prompt tokens", "Request tokens"],
            ["output_tokens", "GeneratedTokens", "completion-tokens", "Response tokens"],
        )
    ]
    order = data.draw(st.permutations(range(3)))
    lines = [
        ",".join([f"{us / 1e6:.6f}", str(tokens), str(tokens + 1)][i] for i in order) for us, tokens in rows
    ]
    trace = load_trace(written(tmp_path, ",".join(names[i] for i in order), *lines), {})
    assert trace.input_tokens is not None
    assert trace.output_tokens is not None
    in_order = sorted(rows, key=lambda row: row[0])
    assert trace.times_us.tolist() == [us - in_order[0][0] for us, _ in in_order]
    assert trace.input_tokens.tolist() == [tokens for _, tokens in in_order]
    assert trace.output_tokens.tolist() == [tokens + 1 for _, tokens in in_order]


@in_place
@given(rows=st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=2), min_size=1, max_size=20))
def test_whatever_is_in_the_rows_it_is_used_or_told(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows([["timestamp", "input_tokens"], *rows, ["5.5", "10"]])
    try:
        trace = load_trace(path, {})
    except UserError as error:
        assert error.what  # noqa: PT017  # an honest refusal, such as rows a thousand years apart
        return
    assert trace.count >= 1
    assert trace.times_us[0] == 0
    assert np.all(np.diff(trace.times_us) >= 0)


def test_bad_rows_are_told_by_number_and_the_others_play(tmp_path: Path) -> None:
    trace = load_trace(
        written(
            tmp_path,
            "timestamp,input_tokens",
            "0,10",
            "soon,10",
            "1,many",
            "2,",
            "3,10,11",
            "nan,10",
            "4,20",
        ),
        {},
    )
    assert trace.times_us.tolist() == [0, 4_000_000]
    (told,) = trace.notices
    assert told.startswith(
        "trace: 5 bad rows left out (row 2: 'soon' is no time; row 3: 'many' is no count of tokens"
    )
    assert told.endswith("row 4: a count of tokens is missing; and 2 more)")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            ["when,n", "1,2"],
            r"trace.csv: no column holds times; there is when, n. Name it: traffic.trace.columns",
        ),
        (["timestamp", "x", "y"], "no row can be used; the first, row 1: 'x' is no time"),
        (["timestamp", "2023-11-16", "2033-11-16"], "rows 1 and 2 are more than 366 days apart"),
        (["timestamp", "2023-11-16", "12"], "times are dates in UTC and seconds"),
        (["timestamp"], "has no rows"),
    ],
)
def test_a_trace_that_cannot_be_played_is_refused(tmp_path: Path, lines: list[str], complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_trace(written(tmp_path, *lines), {})
    assert complaint.replace("\\", "") in str(caught.value)


def test_columns_can_be_named_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "when,size", "10,5", "12,6")
    assert load_trace(path, {"timestamp": "when"}).times_us.tolist() == [0, 2_000_000]
    with pytest.raises(UserError, match="no column 'wen'") as caught:
        load_trace(path, {"timestamp": "wen"})
    assert caught.value.do == "Did you mean 'when'?"


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2023-11-16 18:15:46.6805900", 1_700_158_546_680_590),
        ("2023-11-16T18:15:46Z", 1_700_158_546_000_000),
        ("2023/11/16 19:15:46+01:00", 1_700_158_546_000_000),
        ("2023-11-16", 1_700_092_800_000_000),
        ("1700158546.25", 1_700_158_546_250_000),
        ("1700158546250", 1_700_158_546_250_000),
        ("1700158546250000", 1_700_158_546_250_000),
        ("1.5", 1_500_000),
        (-2, -2_000_000),
    ],
)
def test_times(text: object, us: int) -> None:
    assert parse_time_us(text)[0] == us


@pytest.mark.parametrize("text", ["", "inf", "nan", "1_000", "yesterday", "2023-13-01", "12:30", True])
def test_no_times(text: object) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_time_us(text)


@pytest.mark.parametrize(("text", "count"), [("7", 7), ("7.0", 7), (0, 1), (" 12 ", 12)])
def test_counts(text: object, count: int) -> None:
    assert parse_tokens(text) == count


@pytest.mark.parametrize("text", ["", "-1", "7.5", "nan", "inf", "1e99", "1_0", True])
def test_no_counts(text: object) -> None:
    with pytest.raises(ValueError, match="count of tokens"):
        parse_tokens(text)


@pytest.mark.shared
def test_a_real_trace_reads_as_it_is() -> None:
    trace = load_trace(shared("azure-llm-trace-conv.csv"), {})
    assert trace.count == 19_366
    assert trace.times_us[:3].tolist() == [0, 4_314_579, 4_541_877]
    assert trace.input_tokens is not None
    assert trace.output_tokens is not None
    assert trace.input_tokens[:3].tolist() == [374, 396, 879]
    assert trace.output_tokens[:3].tolist() == [44, 109, 55]
