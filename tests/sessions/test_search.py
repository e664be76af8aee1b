"""Requests found by filter are those that a look at every row would find; what is typed means what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.sessions.filters import Filter, Known, clock_text, filter_text, parse_filter
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.reader import RunReader
from app.sessions.records import RequestRecord
from app.sessions.search import first_open, matching, page
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES, SERVED_BY
from app.sessions.writer import RunWriter
from tests.sessions.sample import NEW_RUN, request, write_run

Rows = dict[str, dict[int, RequestRecord]]
Row = RequestRecord


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path_factory.mktemp("search") / "log.db") as log:
        write_run(log, duration_s=2, per_s=5)
        write_run(log, duration_s=20, per_s=20, texts=True)
        yield log


@pytest.fixture(scope="module")
def rows(log: SessionLog) -> Rows:
    reader = RunReader(log, 2)
    return {
        variant.name: {row.number: row for row in reader.each_request(variant.name)}
        for variant in reader.variants
    }


def _either(rows: Rows, holds: Callable[[Row], bool]) -> list[int]:
    return sorted({n for variant in rows.values() for n, row in variant.items() if holds(row)})


CASES: dict[str, Callable[[Row], bool]] = {
    "": lambda row: True,
    "failed": lambda row: row.outcome == "failed",
    "failed late": lambda row: row.outcome in ("failed", "late"),
    "canned cache good": lambda row: row.served_by in ("canned", "cache") and row.outcome == "good",
    "retried": lambda row: row.retries > 0,
    "prototype:failed": lambda row: row.variant == "prototype" and row.outcome == "failed",
    "5s-7.5s": lambda row: 5_000_000 <= row.finished_us < 7_500_000,
    "0:05-": lambda row: row.finished_us >= 5_000_000,
    "arrived:-0:05": lambda row: row.intended_us < 5_000_000,
    ">800ms": lambda row: row.finished_us - row.intended_us > 800_000 or row.served_by == "nobody",
    "#17": lambda row: row.number == 17,
    "#17-40 wrong": lambda row: 17 <= row.number <= 40 and row.outcome == "wrong",
    "#390-": lambda row: row.number >= 390,
    "prompt:ask #3": lambda row: row.number == 3,
    "prompt:another": lambda row: False,
}


@pytest.mark.parametrize("text", CASES)
def test_a_filter_finds_what_a_look_at_every_row_finds(log: SessionLog, rows: Rows, text: str) -> None:
    found = matching(log, 2, parse_filter(text))

    assert found.dtype == np.int64
    assert found.tolist() == _either(rows, CASES[text])


def test_saved_is_what_the_second_variant_made_good_and_lost_the_reverse(log: SessionLog, rows: Rows) -> None:
    first, second = rows["prototype"], rows["safeguarded"]
    saved = [n for n in first if first[n].outcome != "good" and second[n].outcome == "good"]
    lost = [n for n in first if first[n].outcome == "good" and second[n].outcome != "good"]

    assert saved
    assert matching(log, 2, parse_filter("saved")).tolist() == saved
    assert matching(log, 2, parse_filter("lost")).tolist() == lost
    kept = [n for n in saved if second[n].served_by == "fallback"]
    assert matching(log, 2, parse_filter("saved safeguarded:fallback")).tolist() == kept


def test_words_about_two_variants_must_both_hold(log: SessionLog, rows: Rows) -> None:
    found = matching(log, 2, parse_filter("prototype:failed safeguarded:cache"))

    first, second = rows["prototype"], rows["safeguarded"]
    assert found.tolist() == [
        n for n in first if first[n].outcome == "failed" and second[n].served_by == "cache"
    ]


def test_a_fault_is_found_by_its_name_among_others_as_fault_and_as_mess(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with SessionLog.open(tmp_path_factory.mktemp("faults") / "log.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        struck = ["outage", "typos,outage", "outages", "", "out"]
        for number, names in enumerate(struck):
            given = {"faults_name": writer.name(names)}
            if names == "out":
                given = {"mess_name": writer.name("a,outage")}
            row = request(run_id, 0, number, intended_us=number, finished_us=number + 1, **given)
            writer.add(0, request_rows([row]), attempt_rows())
        writer.end("finished", 1_000_000)

        assert matching(log, run_id, parse_filter("fault:outage")).tolist() == [0, 1, 4]
        assert matching(log, run_id, parse_filter("fault:outage fault:typos")).tolist() == [1]
        assert matching(log, run_id, parse_filter("fault:never")).tolist() == []


def test_a_search_can_begin_later_and_be_given_up(log: SessionLog) -> None:
    assert matching(log, 2, Filter(), first_number=395).tolist() == [395, 396, 397, 398, 399]

    def give_up() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        matching(log, 2, Filter(), check=give_up)


def test_what_has_not_ended_everywhere_is_where_a_growing_run_may_still_change(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with SessionLog.open(tmp_path_factory.mktemp("open") / "log.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        ends = {0: set(range(9_000)) - {7_003}, 1: set(range(8_500))}
        for variant, numbers in ends.items():
            rows = [request(run_id, variant, n, intended_us=n, finished_us=n + 1) for n in sorted(numbers)]
            writer.add(variant, request_rows(rows), attempt_rows())
        writer.flush(1_000_000)

        assert first_open(log, run_id) == 7_003
        assert first_open(log, run_id, 7_004) == 8_500
        (line,) = page(log, run_id, 2, [7_003])
        assert line.cells[0] is None
        assert line.cells[1] is not None
        (nowhere,) = page(log, run_id, 2, [9_000])
        assert nowhere.cells == (None, None)
        assert nowhere.intended_us is None


@pytest.mark.parametrize("numbers", [range(100, 300), [5, 17, 399], [8], []], ids=str)
def test_a_page_has_both_variants_side_by_side(log: SessionLog, rows: Rows, numbers: list[int]) -> None:
    lines = page(log, 2, 2, np.array(numbers, np.int64))

    assert [line.number for line in lines] == list(numbers)
    for line in lines:
        first = rows["prototype"][line.number]
        assert (line.intended_us, line.prompt, line.row) == (first.intended_us, 0, first.row + 2)
        for cell, variant in zip(line.cells, ("prototype", "safeguarded"), strict=True):
            row = rows[variant][line.number]
            assert cell is not None
            assert (cell.outcome, cell.served_by) == (row.outcome, row.served_by)
            waited = None if row.served_by == "nobody" else row.finished_us - row.intended_us
            assert cell.answer_us == waited


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fialed", "Did you mean 'failed'?"),
        ("protoype:failed", "Did you mean 'prototype:'?"),
        ("prototype:faild", "Did you mean 'failed'?"),
        ("prototype:saved", "Write it without 'prototype:'"),
        ("fault:outge", "Did you mean fault:outage?"),
        ("fault:", "Write fault:outage"),
        ("prompt:xyz", "It has answer, triage."),
        ("#12x", "Write #1234"),
        ("#20-10", "Write #10-20"),
        ("#1 #2", "Give one"),
        (">fast", "Write >8s"),
        (">99999999999999999999s", "Write >8s"),
        ("0s-99999999999999999999s", "80s-90s"),
        ("12:00", "Write 12:00-12:30"),
        ("5:00-4:00", "earlier time first"),
        ("1s-2s 3s-4s", "Give one"),
        ("'unclosed", "Close it"),
        ("xyzzy", "There are failed"),
    ],
)
def test_what_cannot_be_understood_is_told_with_what_is_right(text: str, said: str) -> None:
    known = Known(prompts=("answer", "triage"), faults=("outage",))

    with pytest.raises(UserError) as caught:
        parse_filter(text, known)

    assert said in str(caught.value)


def test_the_window_s_name_of_an_outcome_is_understood_and_case_does_not_matter() -> None:
    assert parse_filter("Stand-In FAILED") == parse_filter("failed degraded")


def test_a_name_with_blanks_is_put_in_quotation_marks() -> None:
    wanted = parse_filter("prompt:'first answer' \"my variant:late\"", Known(variants=("my variant",)))

    assert wanted == Filter(
        prompts=frozenset({"first answer"}),
        also=(Filter(variant="my variant", outcomes=frozenset({"late"})),),
    )


NAMES = st.text("ab c'\"\\:é", min_size=1, max_size=6)
TIMES = st.none() | st.integers(0, 10**11)


@st.composite
def _parts(draw: st.DrawFn, variant: str | None) -> Filter:
    from_us, to_us = draw(TIMES), draw(TIMES)
    if from_us is not None and to_us is not None and to_us <= from_us:
        to_us = None
    timed = from_us is not None or to_us is not None
    return Filter(
        variant=variant,
        outcomes=frozenset(draw(st.sets(st.sampled_from(OUTCOMES), max_size=2))),
        served_by=frozenset(draw(st.sets(st.sampled_from(SERVED_BY), min_size=1, max_size=2))),
        retried=draw(st.booleans()),
        faults=frozenset(draw(st.sets(NAMES, max_size=2))),
        prompts=frozenset(draw(st.sets(NAMES, max_size=2))),
        from_us=from_us,
        to_us=to_us,
        by=draw(st.sampled_from(["finish", "arrival"])) if timed else "finish",
        slower_than_us=draw(TIMES),
    )


@given(
    _parts(None),
    _parts("prototype"),
    st.sampled_from(["", "saved", "lost"]),
    st.none() | st.integers(0, 10**9),
)
def test_a_filter_is_written_so_that_it_reads_the_same(
    whole: Filter, part: Filter, contrast: str, first: int | None
) -> None:
    numbers = {} if first is None else {"first": first, "last": first + 7}
    fields = {**whole.__dict__, **numbers, "contrast": contrast, "also": (part,)}
    wanted = Filter(**fields)

    assert parse_filter(filter_text(wanted)) == wanted


def test_an_empty_filter_is_written_as_nothing() -> None:
    assert filter_text(Filter()) == ""
    assert parse_filter("  ") == Filter()


def test_times_are_written_as_clocks_show_them() -> None:
    assert clock_text(150_000_000) == "2:30"
    assert clock_text(3_723_500_000) == "1:02:03.5"


def test_every_word_offered_for_completion_is_understood() -> None:
    known = Known(prompts=("first answer",), faults=("outage",))

    for word in known.words():
        parse_filter(f"{word}1:00-2:00" if word == "arrived:" else word, known)
