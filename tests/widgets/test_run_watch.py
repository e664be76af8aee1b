"""Watching a run of a real log from a thread of its own: what is new, the last of many wishes, nothing after the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from app.analysis.curves import SAVED_BY, Picture
from app.analysis.summary import summary
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.maintenance import delete
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES
from app.sessions.writer import RunWriter
from tests.cli.commands import STEADY
from tests.sessions.sample import NEW_RUN, batches, hand_over
from widgets.engine_link import EngineLink, EngineOrder
from widgets.run_watch import RunWatch, _Wish, _Worker
from widgets.theme import OUTCOME_MARKS, SAVED_MARKS


class Eye(QObject):
    """Keeps what a watch shows."""

    def __init__(self, watch: RunWatch) -> None:
        super().__init__(watch)
        self.pictures: list[Picture] = []
        self.lost: list[str] = []
        watch.pictured.connect(self.see)
        watch.vanished.connect(self.lose)

    @Slot(object)
    def see(self, picture: Picture) -> None:
        self.pictures.append(picture)

    @Slot(str)
    def lose(self, why: str) -> None:
        self.lost.append(why)

    def sees(self, until_s: float) -> bool:
        """Whether the newest picture shows so far."""
        return bool(self.pictures) and self.pictures[-1].until_s == until_s


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A log with two runs that have ended, of 20 and of 15 s."""
    path = tmp_path_factory.mktemp("watched") / "log.db"
    with SessionLog.open(path) as log:
        first, second = (
            run_scenario(
                Order(open_scenario("support-assistant", [f"duration_s={duration_s}"])),
                log,
                Control(),
                Listener(),
            )
            for duration_s in (20, 15)
        )
    return path, first, second


@pytest.fixture
def watch(finished: tuple[Path, int, int]) -> Iterator[RunWatch]:
    made = RunWatch(finished[0])
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.db") as opened:
        yield opened


@pytest.fixture
def fresh(log: SessionLog) -> Iterator[RunWatch]:
    """A watch on a log that is being written."""
    made = RunWatch(log.path)
    yield made
    made.close()


def test_a_run_that_has_ended_is_seen_whole(
    watch: RunWatch, finished: tuple[Path, int, int], qtbot: QtBot
) -> None:
    path, run_id, _ = finished
    with qtbot.waitSignal(watch.pictured) as seen:
        watch.watch(run_id)

    assert seen.args is not None
    assert watch.run_id == run_id
    with SessionLog.open(path) as log:
        assert seen.args[0].summary == summary(RunReader(log, run_id))


def test_a_run_in_progress_is_followed_to_its_end(fresh: RunWatch, log: SessionLog, qtbot: QtBot) -> None:
    eye = Eye(fresh)
    writer = RunWriter(log)
    run_id = writer.start(replace(NEW_RUN, duration_s=10))
    fresh.watch(run_id)
    qtbot.waitUntil(lambda: eye.sees(0))
    now_us = 0
    for turn, (now_us, batch) in enumerate(batches(run_id, duration_s=3, per_s=10)):
        hand_over(writer, batch)
        if turn % 8 == 0:
            writer.flush(now_us)
            qtbot.waitUntil(partial(eye.sees, now_us / 1e6))
            assert eye.pictures[-1].record.state == "running"
    writer.end("finished", now_us, drain_end_us=now_us)
    qtbot.waitUntil(lambda: eye.pictures[-1].record.state == "finished")

    last = eye.pictures[-1]
    assert last.summary["variants"]["prototype"]["requests"] == 30
    assert all(curves.requests.sum() == 30 for curves in last.curves.values())
    assert eye.lost == []


def test_while_nothing_changes_there_is_nothing_to_see(log: SessionLog) -> None:
    # Without a thread, look by look.
    run_id = RunWriter(log).start(NEW_RUN)
    worker = _Worker(log.path)
    seen: list[int] = []
    worker.seen.connect(lambda ticket, _: seen.append(ticket))
    worker.wish = _Wish(1, run_id)

    worker.look()
    worker.go_on()
    worker.look()
    worker.look()
    assert seen == [1]
    worker.wish = _Wish(2, run_id)
    worker.look()

    assert seen == [1, 2]
    worker._let_go()


def test_until_a_picture_was_taken_there_is_no_other(log: SessionLog) -> None:
    writer = RunWriter(log)
    run_id = writer.start(NEW_RUN)
    worker = _Worker(log.path)
    seen: list[float] = []
    worker.seen.connect(lambda _, picture: seen.append(picture.until_s))
    worker.wish = _Wish(1, run_id)

    for second in range(5):
        writer.flush(second * 1_000_000)
        worker.look()
    assert seen == [0]
    worker.go_on()
    assert seen == [0, 4]
    worker.go_on()

    assert seen == [0, 4]
    worker._let_go()


def test_of_many_wishes_in_a_row_the_last_is_shown(
    watch: RunWatch, finished: tuple[Path, int, int], qtbot: QtBot
) -> None:
    eye = Eye(watch)
    watch.watch(finished[1])
    qtbot.waitUntil(lambda: len(eye.pictures) == 1)
    whole = eye.pictures.pop()
    for tenth in range(100):
        watch.show_at(tenth / 10)
    qtbot.waitUntil(lambda: eye.sees(9.9))

    assert [picture.until_s for picture in eye.pictures] == [9.9]
    assert all(curves.complete == 9 for curves in eye.pictures[0].curves.values())
    watch.live()
    qtbot.waitUntil(lambda: eye.sees(whole.until_s))
    assert eye.pictures[-1].summary == whole.summary


def test_an_earlier_moment_stays_while_the_run_goes_on(
    fresh: RunWatch, log: SessionLog, qtbot: QtBot
) -> None:
    eye = Eye(fresh)
    writer = RunWriter(log)
    fresh.watch(writer.start(NEW_RUN))
    writer.flush(5_000_000)
    qtbot.waitUntil(lambda: eye.sees(5))
    fresh.show_at(2)
    qtbot.waitUntil(lambda: eye.sees(2))
    writer.flush(9_000_000)
    fresh.live()
    qtbot.waitUntil(lambda: eye.sees(9))

    # It was held at 2 s for as long as that was wished.
    after = [picture.until_s for picture in eye.pictures]
    assert after[after.index(2) + 1 :] == [9]


def test_from_one_run_to_another_and_to_none(
    watch: RunWatch, finished: tuple[Path, int, int], qtbot: QtBot
) -> None:
    eye = Eye(watch)
    _, first, second = finished
    watch.watch(first)
    watch.watch(second)
    qtbot.waitUntil(lambda: bool(eye.pictures))
    assert [picture.record.run_id for picture in eye.pictures] == [second]

    watch.watch(None)
    assert watch.run_id is None
    watch.watch(first)
    qtbot.waitUntil(lambda: len(eye.pictures) == 2)
    assert eye.pictures[-1].record.run_id == first


def test_a_run_that_was_deleted_since_it_was_shown_is_told(
    fresh: RunWatch, log: SessionLog, qtbot: QtBot
) -> None:
    eye = Eye(fresh)
    writer = RunWriter(log)
    run_id = writer.start(NEW_RUN)
    writer.end("finished", 5_000_000)
    fresh.watch(run_id)
    qtbot.waitUntil(lambda: eye.sees(5))
    delete(log, run_id)
    with qtbot.waitSignal(fresh.vanished):
        fresh.show_at(2)

    assert len(eye.lost) == 1
    assert f"There is no run {run_id}" in eye.lost[0]
    assert fresh.run_id is None


def test_a_log_that_is_not_there_is_told_and_another_run_can_be_watched(
    log: SessionLog, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "later.db"
    watch = RunWatch(path)
    eye = Eye(watch)
    with qtbot.waitSignal(watch.vanished):
        watch.watch(1)
    assert str(path) in eye.lost[0]

    with SessionLog.open(path) as made:
        watch.watch(RunWriter(made).start(NEW_RUN))
        qtbot.waitUntil(lambda: eye.sees(0))
    watch.close()


def test_closed_it_shows_nothing_and_can_begin_anew(
    watch: RunWatch, finished: tuple[Path, int, int], qtbot: QtBot
) -> None:
    eye = Eye(watch)
    watch.watch(finished[1])
    watch.close()
    watch.close()
    assert watch.run_id is None

    watch.watch(finished[2])
    qtbot.waitUntil(lambda: bool(eye.pictures))
    assert [picture.record.run_id for picture in eye.pictures] == [finished[2]]


def test_the_engine_s_run_is_seen_from_its_begin_to_its_end(fresh: RunWatch, qtbot: QtBot) -> None:
    eye, link = Eye(fresh), EngineLink()
    link.started.connect(fresh.watch)
    text = STEADY.read_text(encoding="utf-8").replace("duration_s = 60", "duration_s = 15")
    with qtbot.waitSignal(link.ended):
        link.start(EngineOrder("steady.toml", text=text, log=fresh._log_path, speed=10))
    qtbot.waitUntil(lambda: bool(eye.pictures) and eye.pictures[-1].record.state == "finished")

    assert len(eye.pictures) > 2
    assert [event.label for event in eye.pictures[-1].events] == ["Three seconds", "Twelve seconds"]
    shown = [picture.until_s for picture in eye.pictures]
    assert shown == sorted(shown)


def test_of_an_engine_that_was_killed_the_run_is_seen_as_interrupted(fresh: RunWatch, qtbot: QtBot) -> None:
    eye, link = Eye(fresh), EngineLink()
    link.started.connect(fresh.watch)
    text = STEADY.read_text(encoding="utf-8").replace("duration_s = 60", "duration_s = 600")
    link.start(EngineOrder("steady.toml", text=text, log=fresh._log_path, speed=4))
    qtbot.waitUntil(lambda: bool(eye.pictures) and eye.pictures[-1].until_s > 1)
    with qtbot.waitSignal(link.died):
        link._process.kill()  # type: ignore[union-attr]

    qtbot.waitUntil(lambda: eye.pictures[-1].record.state == "interrupted")
    assert eye.pictures[-1].summary["variants"]["prototype"]["requests"] > 0


def test_every_curve_has_a_colour() -> None:
    assert set(OUTCOME_MARKS) == set(OUTCOMES)
    assert tuple(SAVED_MARKS) == SAVED_BY
