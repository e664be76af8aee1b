"""The window's hold on the engine: real child processes, and children that misbehave."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY
from widgets.child_link import COMPLAINT_LINES
from widgets.engine_link import EngineLink, EngineOrder, Happened, Progress

SIGNALS = ("started", "progress", "happened", "notice", "reading", "refused", "ended", "failed", "died")


class Ear(QObject):
    """Hears all that a link tells, in order, as (signal, value, ...)."""

    def __init__(self, link: EngineLink) -> None:
        super().__init__(link)
        self.heard: list[tuple[Any, ...]] = []
        for name in SIGNALS:
            getattr(link, name).connect(getattr(self, name))

    def of(self, name: str) -> list[Any]:
        return [each[1] for each in self.heard if each[0] == name]

    @Slot(object)
    def started(self, run_id: object) -> None:
        self.heard.append(("started", run_id))

    @Slot(object)
    def progress(self, progress: object) -> None:
        self.heard.append(("progress", progress))

    @Slot(object)
    def happened(self, event: object) -> None:
        self.heard.append(("happened", event))

    @Slot(str)
    def notice(self, text: str) -> None:
        self.heard.append(("notice", text))

    @Slot(float, float)
    def reading(self, done: float, total: float) -> None:
        self.heard.append(("reading", (done, total)))

    @Slot(object)
    def refused(self, error: object) -> None:
        self.heard.append(("refused", error))

    @Slot(object, str)
    def ended(self, run_id: object, state: str) -> None:
        self.heard.append(("ended", (run_id, state)))

    @Slot(object)
    def failed(self, error: object) -> None:
        self.heard.append(("failed", error))

    @Slot(str)
    def died(self, words: str) -> None:
        self.heard.append(("died", words))


@pytest.fixture
def link() -> Iterator[EngineLink]:
    made = EngineLink()
    yield made
    made.close()


@pytest.fixture
def stub() -> Iterator[Callable[[str], EngineLink]]:
    """Makes a link whose engine is this Python code; `say` writes bytes to standard output."""
    made: list[EngineLink] = []

    def make(code: str) -> EngineLink:
        say = (
            "import sys, os\ndef say(text): os.write(1, text if isinstance(text, bytes) else text.encode())\n"
        )
        made.append(EngineLink(command=[sys.executable, "-c", say + code]))
        return made[-1]

    yield make
    for link in made:
        link.close()


def order(tmp_path: Path, *, duration_s: float = 36_000, speed: float | None = 4) -> EngineOrder:
    """An order of a run that does not end by itself before a test is done, unless told to be short."""
    text = STEADY.read_text(encoding="utf-8").replace("duration_s = 60", f"duration_s = {duration_s}")
    return EngineOrder(str(tmp_path / "steady.toml"), text=text, log=tmp_path / "log.db", speed=speed)


def test_a_run_steered_from_its_begin_to_its_end(link: EngineLink, qtbot: QtBot, tmp_path: Path) -> None:
    ear = Ear(link)
    link.start(order(tmp_path))

    qtbot.waitUntil(lambda: len(ear.of("happened")) == 1)
    link.pause()
    qtbot.waitUntil(lambda: ear.of("progress")[-1].state == "paused")
    link.change("traffic.rate_per_s", 50, "A crowd — très grande")
    link.change("traffic.rate_per_s", -1)
    link.resume()
    qtbot.waitUntil(lambda: (len(ear.of("happened")), len(ear.of("refused"))) == (2, 1))
    link.set_speed(None)
    qtbot.waitUntil(lambda: len(ear.of("happened")) == 3)
    link.stop()
    with qtbot.waitSignal(link.ended):
        pass

    assert not link.running
    (run_id,) = ear.of("started")
    assert ear.of("ended") == [(run_id, "stopped")]
    assert ear.heard[-1][0] == "ended"
    crowd = ear.of("happened")[1]
    assert isinstance(crowd, Happened)
    assert (crowd.kind, crowd.label) == ("change", "A crowd — très grande")
    assert crowd.details == {"set": "traffic.rate_per_s", "value": 50}
    (refusal,) = ear.of("refused")
    assert isinstance(refusal, UserError)
    assert "must be at least 0" in refusal.what
    progress = ear.of("progress")[-1]
    assert isinstance(progress, Progress)
    assert (progress.run_id, progress.state) == (run_id, "ended")
    assert progress.offered > 100
    with SessionLog.open(tmp_path / "log.db") as log:
        assert RunReader(log, run_id).record().state == "stopped"


def test_after_the_end_the_next_can_begin_at_once(link: EngineLink, qtbot: QtBot, tmp_path: Path) -> None:
    ear = Ear(link)
    link.ended.connect(
        lambda: None if len(ear.of("ended")) > 1 else link.start(order(tmp_path, duration_s=13, speed=None))
    )

    link.start(order(tmp_path, duration_s=13, speed=None))
    qtbot.waitUntil(lambda: len(ear.of("ended")) == 2)

    assert ear.of("ended") == [(1, "finished"), (2, "finished")]
    assert all(done <= total for done, total in ear.of("reading"))


def test_stopped_before_it_began_there_is_no_run(link: EngineLink, qtbot: QtBot, tmp_path: Path) -> None:
    ear = Ear(link)
    link.start(order(tmp_path))
    link.stop()
    with qtbot.waitSignal(link.ended):
        pass

    assert ear.of("ended") in ([(None, "stopped")], [(1, "stopped")])


def test_wrong_input_is_told_as_what_where_and_what_to_do(
    link: EngineLink, qtbot: QtBot, tmp_path: Path
) -> None:
    ear = Ear(link)
    link.start(EngineOrder("suport-assistant", log=tmp_path / "log.db"))
    with qtbot.waitSignal(link.failed):
        pass

    (error,) = ear.of("failed")
    assert error.what == "there is no scenario 'suport-assistant'"
    assert "support-assistant" in error.do
    assert not link.running


def test_closing_ends_the_engine_and_keeps_the_run(link: EngineLink, qtbot: QtBot, tmp_path: Path) -> None:
    ear = Ear(link)
    link.start(order(tmp_path, speed=1))
    qtbot.waitUntil(lambda: bool(ear.of("progress")))
    heard = len(ear.heard)

    link.close()

    assert not link.running
    assert len(ear.heard) == heard
    with SessionLog.open(tmp_path / "log.db") as log:
        assert RunReader(log, ear.of("started")[0]).record().state == "stopped"


def test_commands_without_a_run_do_nothing_and_two_runs_at_once_are_a_mistake(
    link: EngineLink, qtbot: QtBot, tmp_path: Path
) -> None:
    link.pause()
    link.resume()
    link.stop()
    link.close()
    link.set_speed(2)
    link.change("patience_s", 3)
    assert not link.running
    link.start(order(tmp_path))
    with pytest.raises(RuntimeError):
        link.start(order(tmp_path))


# -- engines that misbehave --------------------------------------------------------------------------------------------


def test_a_killed_engine_is_told_of_and_another_can_be_started(
    link: EngineLink, qtbot: QtBot, tmp_path: Path
) -> None:
    ear = Ear(link)
    link.start(order(tmp_path, speed=1))
    qtbot.waitUntil(lambda: bool(ear.of("started")))
    with qtbot.waitSignal(link.died):
        link._process.kill()  # type: ignore[union-attr]

    assert ear.of("died") == ["The engine ended unexpectedly (signal 9)."]
    assert not link.running
    link.start(order(tmp_path, duration_s=13, speed=None))
    with qtbot.waitSignal(link.ended):
        pass
    assert ear.of("ended")[0][1] == "finished"


def test_its_last_words_are_told(stub: Callable[[str], EngineLink], qtbot: QtBot) -> None:
    link = stub(
        "for n in range(200): print('line', n, file=sys.stderr)\nsys.stderr.write('höchste Not')\nsys.exit(3)"
    )
    ear = Ear(link)
    link.start(EngineOrder("any"))
    with qtbot.waitSignal(link.died):
        pass

    first, *lines = ear.of("died")[0].splitlines()
    assert first == "The engine ended unexpectedly (exit status 3)."
    assert lines == [*(f"line {n}" for n in range(200 - COMPLAINT_LINES, 200)), "höchste Not"]


def test_an_engine_that_ends_without_a_word_has_died(stub: Callable[[str], EngineLink], qtbot: QtBot) -> None:
    link = stub('say(\'{"event": "started", "run": 5}\\n\')')
    ear = Ear(link)
    link.start(EngineOrder("any"))
    with qtbot.waitSignal(link.died):
        pass

    assert ear.heard == [("started", 5), ("died", "The engine ended unexpectedly (exit status 0).")]


def test_a_program_that_is_not_there_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    link = EngineLink(command=[str(tmp_path / "nowhere")])
    with qtbot.waitSignal(link.died) as died:
        link.start(EngineOrder("any"))

    assert died.args is not None
    assert died.args[0].startswith("The engine could not be started: ")
    assert not link.running


def test_lines_come_in_pieces_and_garbage_is_passed_over(
    stub: Callable[[str], EngineLink], qtbot: QtBot
) -> None:
    # The second piece of a line comes when the window has answered what came with the first.
    link = stub(
        """
line = '{"event": "notice", "text": "né 🙂"}\\n'.encode()
cut = line.index('🙂'.encode()) + 2
sys.stdin.readline()
say(b'no json\\n[1]\\n{}\\n{"event": 5}\\n\\xff\\xfe\\n\\n{"event": "notice", "text": "now"}\\n' + line[:cut])
sys.stdin.readline()
say(line[cut:] + b'{"event": "started"}\\n{"event": "progress", "run": "x"}\\n{"event": "happened", "at_s": 1}\\n')
say(b'{"event": "of another version"}\\n' + b'[' * 100000 + b'\\n{"event": "notice", "text": "go on"}\\n')
sys.stdin.readline()
say(b'{"event": "ended", "run": 7, "state": "finished"}\\nand then some')
"""
    )
    ear = Ear(link)
    link.start(EngineOrder("any"))
    qtbot.waitUntil(lambda: len(ear.of("notice")) == 1)
    link.pause()
    qtbot.waitUntil(lambda: len(ear.of("notice")) == 3)
    link.stop()
    with qtbot.waitSignal(link.ended):
        pass

    notices = [("notice", text) for text in ("now", "né 🙂", "go on")]
    assert ear.heard == [*notices, ("ended", (7, "finished"))]


def test_of_much_progress_at_once_only_the_last_is_told(
    stub: Callable[[str], EngineLink], qtbot: QtBot
) -> None:
    link = stub(
        """
line = '{"event": "progress", "run": 1, "state": "running", "virtual_s": %d, "end_s": 9, "offered": 8589934597,'
line += ' "in_flight": 0, "virtual_s_per_s": 1}\\n'
say(''.join(line % n for n in range(300)) + '{"event": "ended", "run": 1, "state": "finished"}\\n')
"""
    )
    ear = Ear(link)
    link.start(EngineOrder("any"))
    with qtbot.waitSignal(link.ended):
        pass

    told = ear.of("progress")
    assert len(told) < 20
    assert (told[-1].virtual_s, told[-1].offered) == (299, 8589934597)


def test_an_engine_that_does_not_end_is_killed_in_time(
    stub: Callable[[str], EngineLink], qtbot: QtBot
) -> None:
    link = stub('import time\nsay(\'{"event": "started", "run": 1}\\n\')\ntime.sleep(600)')
    with qtbot.waitSignal(link.started):
        link.start(EngineOrder("any"))
    began = monotonic()

    link.close()

    assert monotonic() - began < 3
    assert not link.running
