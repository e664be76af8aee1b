"""Work off the GUI thread: results, errors and progress come back to it; cancelled work tells nothing more."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

from app.errors import UserError
from widgets.background import Job


class Listener(QObject):
    """Notes what came, and on which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[tuple[str, object]] = []
        self.threads: set[QThread] = set()

    def hear(self, job: Job) -> None:
        job.done.connect(self.on_done)
        job.failed.connect(self.on_failed)
        job.crashed.connect(self.on_crashed)
        job.progressed.connect(self.on_progressed)

    def _note(self, kind: str, value: object) -> None:
        self.came.append((kind, value))
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def on_done(self, value: object) -> None:
        self._note("done", value)

    @Slot(object)
    def on_failed(self, value: object) -> None:
        self._note("failed", value)

    @Slot(object)
    def on_crashed(self, value: object) -> None:
        self._note("crashed", value)

    @Slot(float, float)
    def on_progressed(self, done: float, total: float) -> None:
        self._note("progressed", (done, total))


@pytest.fixture
def listener(qtbot: QtBot) -> Listener:
    return Listener()


def test_a_result_comes_to_the_gui_thread(qtbot: QtBot, listener: Listener) -> None:
    job = Job(lambda _job: threading.get_ident(), listener)
    listener.hear(job)
    with qtbot.waitSignal(job.done):
        job.start()
    (came,) = listener.came
    assert came[0] == "done"
    assert came[1] != threading.get_ident()
    assert listener.threads == {QThread.currentThread()}


def test_what_the_user_can_put_right_is_told_apart_from_our_mistakes(
    qtbot: QtBot, listener: Listener
) -> None:
    def wrong(_job: Job) -> None:
        raise UserError("no such file")

    def broken(_job: Job) -> None:
        raise ZeroDivisionError

    for work, signal in ((wrong, "failed"), (broken, "crashed")):
        job = Job(work, listener)
        listener.hear(job)
        with qtbot.waitSignal(getattr(job, signal)):
            job.start()
    assert [kind for kind, _ in listener.came] == ["failed", "crashed"]


def test_progress_comes_before_the_result(qtbot: QtBot, listener: Listener) -> None:
    def work(job: Job) -> str:
        job.check(1, 2)
        return "ready"

    job = Job(work, listener)
    listener.hear(job)
    with qtbot.waitSignal(job.done):
        job.start()
    assert listener.came == [("progressed", (1.0, 2.0)), ("done", "ready")]


def test_cancelled_work_ends_at_its_next_check_and_tells_nothing(qtbot: QtBot, listener: Listener) -> None:
    # Given work that is under way
    under_way, go_on = threading.Event(), threading.Event()
    ended: list[str] = []

    def work(job: Job) -> None:
        under_way.set()
        go_on.wait(10)
        try:
            job.check(1, 2)
        finally:
            ended.append("ended")

    job = Job(work, listener)
    listener.hear(job)
    job.start()
    assert under_way.wait(10)

    # When it is cancelled
    with qtbot.waitSignal(job.destroyed):
        job.cancel()
        go_on.set()

    # Then it has ended, and nobody was told
    assert ended == ["ended"]
    assert listener.came == []


def test_a_window_that_closes_before_the_work_ends_is_no_mistake(qtbot: QtBot) -> None:
    go_on = threading.Event()
    parent = QObject()
    job = Job(lambda _job: go_on.wait(10), parent)
    job.start()
    parent.deleteLater()
    with qtbot.waitSignal(job.destroyed):
        pass
    go_on.set()
