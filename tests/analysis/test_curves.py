"""What charts draw of a run: bins without holes, percentiles that rank no answer last, the same however it was read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.analysis.curves import MOST_BINS, SAVED_BY, Curves, Picture, RunPicture, bin_length
from app.analysis.summary import summary
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.scenario.files import open_scenario
from app.sessions.histogram import ALPHA
from app.sessions.maintenance import delete
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES, STEPS_S
from app.sessions.writer import RunWriter
from tests.sessions.sample import NEW_RUN, batches, hand_over

SECOND = 1_000_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path_factory.mktemp("curves") / "log.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def reader(log: SessionLog) -> RunReader:
    """Thirty seconds of the support assistant, whose primary is out from 10 to 20 s."""
    file = open_scenario(
        "support-assistant", ["duration_s=30", "faults.outage.from_s=10", "faults.outage.to_s=20"]
    )
    return RunReader(log, run_scenario(Order(file), log, Control(), Listener()))


@pytest.fixture(scope="module")
def picture(reader: RunReader) -> Picture:
    return RunPicture(reader).now()


@pytest.mark.parametrize(
    ("duration_s", "bin_s"),
    [
        (0.5, 1),
        (120, 1),
        (121, 2),
        (300, 5),
        (600, 5),
        (601, 10),
        (3600, 30),
        (86_400, 1200),
        (31_536_000, 345_600),
    ],
)
def test_a_bin_is_as_short_as_a_chart_can_show(duration_s: float, bin_s: int) -> None:
    assert bin_length(duration_s) == bin_s
    assert duration_s / bin_s <= MOST_BINS
    assert any(bin_s % step == 0 for step in STEPS_S)


@pytest.mark.parametrize("variant", ["prototype", "safeguarded"])
def test_every_number_is_that_of_the_requests_behind_it(
    variant: str, reader: RunReader, picture: Picture
) -> None:
    curves = picture.curves[variant]
    by_bin: dict[int, list[Any]] = {}
    offered: Counter[int] = Counter()
    for request in reader.each_request(variant):
        by_bin.setdefault(request.finished_us // SECOND, []).append(request)
        offered[request.intended_us // SECOND] += 1

    assert curves.bin_s == 1
    assert curves.starts_s.tolist() == list(range(len(curves.starts_s)))
    assert len(curves.starts_s) > max(by_bin)
    spent = 0.0
    for place in range(len(curves.starts_s)):
        requests = by_bin.get(place, [])
        good = sum(each.outcome == "good" for each in requests)
        cost_usd = sum(each.cost_pico for each in requests) / 1e12
        spent += cost_usd
        assert curves.offered[place] == offered[place]
        assert curves.requests[place] == len(requests)
        assert curves.attempts[place] == sum(each.attempts for each in requests)
        for outcome in OUTCOMES:
            assert curves.outcomes[outcome][place] == sum(each.outcome == outcome for each in requests)
        assert curves.saved["retried"][place] == sum(
            each.served_by in ("primary", "hedge") and each.retries > 0 for each in requests
        )
        for served_by in set(SAVED_BY) - {"retried"}:
            assert curves.saved[served_by][place] == sum(each.served_by == served_by for each in requests)
        assert curves.cost_usd[place] == pytest.approx(cost_usd)
        assert curves.total_cost_usd[place] == pytest.approx(spent)
        if good:
            assert curves.cost_per_1000_good_usd[place] == pytest.approx(cost_usd / good * 1000)
        else:
            assert math.isnan(curves.cost_per_1000_good_usd[place])
        for percent, drawn in ((50, curves.p50_s[place]), (95, curves.p95_s[place])):
            if requests:
                exact = nearest_rank(percent, requests)
                assert drawn == exact if math.isinf(exact) else drawn == pytest.approx(exact, rel=2 * ALPHA)
            else:
                assert math.isnan(drawn)


def nearest_rank(percent: int, requests: list[Any]) -> float:
    waited = sorted(
        math.inf if each.outcome == "failed" else (each.finished_us - each.intended_us) / 1e6
        for each in requests
    )
    return float(waited[math.ceil(percent * len(waited) / 100) - 1])


def test_in_an_outage_percentiles_are_without_an_answer_and_nothing_good_is_a_gap(picture: Picture) -> None:
    # Nobody's request ended well in the middle of the outage but those that safeguards saved.
    prototype, safeguarded = picture.curves["prototype"], picture.curves["safeguarded"]

    assert math.isinf(prototype.p95_s[14])
    assert prototype.outcomes["failed"][14] > 0
    assert safeguarded.saved["fallback"][14] > 0
    assert all(curves.saved["retried"].sum() > 0 for curves in picture.curves.values())


def test_the_picture_has_the_contracted_summary_and_what_happened(
    reader: RunReader, picture: Picture
) -> None:
    assert picture.summary == summary(reader)
    assert [variant.name for variant in picture.variants] == ["prototype", "safeguarded"]
    assert list(picture.curves) == ["prototype", "safeguarded"]
    assert list(picture.events) == reader.events()
    assert [asdict(band) for band in picture.bands] == [
        {"from_s": 10, "to_s": 20, "label": "The primary is out"}
    ]
    assert picture.until_s == picture.record.virtual_us / 1e6


def test_who_waited_to_the_end_of_the_drain_is_drawn_too(reader: RunReader, picture: Picture) -> None:
    # The prototype's hanging calls get no answer; the run gives them up 60 s after the last arrival.
    failed_last = sum(each.finished_us == 90 * SECOND for each in reader.each_request("prototype"))

    curves = picture.curves["prototype"]

    assert failed_last > 0
    assert (len(curves.starts_s), curves.complete) == (91, 91)
    assert curves.outcomes["failed"][90] == failed_last
    assert curves.requests[: curves.complete].sum() == picture.record.offered


def test_a_last_bin_that_requests_still_arrived_in_is_not_drawn_as_if_whole(log: SessionLog) -> None:
    file = open_scenario("support-assistant", ["duration_s=9.5", "drain_s=0"])
    reader = RunReader(log, run_scenario(Order(file), log, Control(), Listener()))

    for curves in RunPicture(reader).now().curves.values():
        assert (len(curves.starts_s), curves.complete) == (10, 9)
        assert curves.offered[9] > 0


def test_an_earlier_moment_is_shown_as_it_was(reader: RunReader, picture: Picture) -> None:
    run = RunPicture(reader)

    then = run.at(15.5)

    assert then.until_s == 15.5
    assert [(band.from_s, band.to_s) for band in then.bands] == [(10, None)]
    assert [event.kind for event in then.events] == ["incident_begin"]
    assert (then.summary["state"], then.summary["virtual_s"]) == ("running", 15.5)
    for name, curves in then.curves.items():
        assert curves.complete == 15
        requests = [each for each in reader.each_request(name) if each.finished_us < 15 * SECOND]
        told = then.summary["variants"][name]
        assert told["requests"] == len(requests)
        assert told["outcomes"] == {word: sum(r.outcome == word for r in requests) for word in OUTCOMES}
        assert told["cost_usd"] == pytest.approx(curves.total_cost_usd[14])
        assert told.keys() == picture.summary["variants"][name].keys()
    assert then.summary.keys() == picture.summary.keys()
    assert then.summary["offered"] == sum(then.curves["prototype"].offered[:15])
    assert run.at(0).summary["variants"]["prototype"]["requests"] == 0
    assert run.at(-1).until_s == 0


def test_a_moment_after_the_end_is_the_end(reader: RunReader, picture: Picture) -> None:
    same(RunPicture(reader).at(1e9), picture)


@pytest.mark.parametrize("duration_s", [60.0, 300.0, 20_000.0])
def test_read_on_bit_by_bit_it_is_the_same_as_read_at_once(duration_s: float, log: SessionLog) -> None:
    writer = RunWriter(log)
    run_id = writer.start(replace(NEW_RUN, duration_s=duration_s))
    reader = RunReader(log, run_id)
    watched = RunPicture(reader)
    now_us = 0
    for turn, (now_us, batch) in enumerate(batches(run_id, duration_s=25, per_s=4)):
        hand_over(writer, batch)
        if turn % 7 == 0:
            writer.event(now_us, "note", f"turn {turn}")
        writer.flush(now_us)
        if turn % 9 == 0:
            seen = watched.now()
            same(seen, RunPicture(reader).now())
            # The grid of a run that goes on reaches to its end; what is not complete is not to be drawn.
            for curves in seen.curves.values():
                assert len(curves.starts_s) >= math.ceil(duration_s / curves.bin_s)
                assert curves.complete == now_us // (curves.bin_s * SECOND)
    writer.end("finished", now_us, drain_end_us=now_us)

    ended = watched.now()

    same(ended, RunPicture(reader).now())
    assert all(curves.requests.sum() == 100 for curves in ended.curves.values())


def same(one: Picture, other: Picture) -> None:
    for name, curves in one.curves.items():
        ours, theirs = flat(curves), flat(other.curves[name])
        assert ours.keys() == theirs.keys()
        for key, values in ours.items():
            np.testing.assert_array_equal(values, theirs[key], err_msg=f"{name}: {key}")
    assert (one.summary, one.events, one.bands) == (other.summary, other.events, other.bands)
    assert (one.record, one.variants, one.until_s) == (other.record, other.variants, other.until_s)


def flat(curves: Curves) -> dict[str, Any]:
    return {**vars(curves), **curves.outcomes, **curves.saved, "outcomes": 0, "saved": 0}


def test_a_run_that_has_not_got_anywhere_is_a_picture_too(log: SessionLog) -> None:
    run_id = RunWriter(log).start(NEW_RUN)

    nothing = RunPicture(RunReader(log, run_id)).now()

    for curves in nothing.curves.values():
        assert (len(curves.starts_s), curves.complete) == (60, 0)
        assert not curves.requests.any()
        assert np.isnan(curves.p95_s).all()
        assert np.isnan(curves.cost_per_1000_good_usd).all()
    assert nothing.bands == ()


def test_a_run_that_was_deleted_is_told(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "log.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        writer.end("stopped", 0)
        run = RunPicture(RunReader(log, run_id))
        run.now()
        delete(log, run_id)

        with pytest.raises(UserError, match="no run"):
            run.now()
