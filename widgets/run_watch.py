"""Watches one run of the session log, off the GUI thread: a picture whenever there is something new to see.

It reads and never writes, holds no transaction between two looks, and knows nothing of how a picture is drawn.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from app.analysis.curves import Picture, RunPicture
from app.errors import UserError
from app.sessions.reader import RunReader
from app.sessions.records import RunRecord
from app.sessions.session_log import SessionLog

LOOK_EVERY_MS: Final = 200
"""Five times a second; the eye sees no more."""
_LOOK_AGAIN_MS: Final = 1_000
"""At an interrupted run: its process may only have slept, such as in a laptop that was shut."""
_PATIENCE_S: Final = 1.0
_END_WITHIN_MS: Final = 2_000


@dataclass(frozen=True)
class _Wish:
    """What is to be seen: a run (None: nothing), as it is or as it was at `at_s`. `ticket` tells wishes apart."""

    ticket: int = 0
    run_id: int | None = None
    at_s: float | None = None


class RunWatch(QObject):
    """Looks at a run five times a second while it goes on, and once more when it has ended.

    pictured(Picture)   there is something new; never one of an earlier wish, and never two waiting to be drawn
    vanished(text)      the run was deleted, or the log cannot be read; nothing is watched any more
    """

    pictured = Signal(object)
    moved = Signal(object)
    """The moment of the run to be shown, in seconds; None for its newest."""
    vanished = Signal(str)
    _wished = Signal()
    _taken = Signal()
    _closing = Signal()

    def __init__(self, log_path: Path | None, parent: QObject | None = None) -> None:
        """`log_path` None is the default log."""
        super().__init__(parent)
        self._log_path = log_path
        self._wish = _Wish()
        self._thread: QThread | None = None
        self._worker: _Worker | None = None

    @property
    def run_id(self) -> int | None:
        """The run that is watched."""
        return self._wish.run_id

    def watch(self, run_id: int | None) -> None:
        """Watch another run, as it is now; None: none."""
        self._ask(run_id, None)

    def show_at(self, t_s: float) -> None:
        """Show the run as it was at virtual time `t_s`, and hold still there."""
        self._ask(self._wish.run_id, t_s)
        self.moved.emit(t_s)

    def live(self) -> None:
        """Show the run as it is, and go on with it."""
        self._ask(self._wish.run_id, None)
        self.moved.emit(None)

    def close(self) -> None:
        """Stop watching and end the thread, within two seconds. Watching again begins anew."""
        self._wish = _Wish(self._wish.ticket + 1)
        if self._thread is None or self._worker is None:
            return
        self._closing.emit()
        # Should a disk have it hang for longer, it is not pulled from under its feet.
        if self._thread.wait(_END_WITHIN_MS):
            self._thread = self._worker = None

    def _ask(self, run_id: int | None, at_s: float | None) -> None:
        self._wish = _Wish(self._wish.ticket + 1, run_id, at_s)
        if self._worker is None:
            if run_id is None:
                return
            self._begin()
        assert self._worker is not None
        # Left here for the worker to find: of many wishes in a row, such as a slider's, it takes the last.
        self._worker.wish = self._wish
        self._wished.emit()

    def _begin(self) -> None:
        thread = self._thread = QThread()
        thread.setObjectName("run watch")
        worker = self._worker = _Worker(self._log_path)
        worker.moveToThread(thread)
        worker.seen.connect(self._take)
        worker.gone.connect(self._lose)
        self._wished.connect(worker.look)
        self._taken.connect(worker.go_on)
        self._closing.connect(worker.close)
        thread.start()

    @Slot(object, object)
    def _take(self, ticket: int, picture: Picture) -> None:
        if ticket == self._wish.ticket:
            self.pictured.emit(picture)
        # Only now: while it was drawn, the next could wait.
        self._taken.emit()

    @Slot(object, str)
    def _lose(self, ticket: int, why: str) -> None:
        if ticket == self._wish.ticket:
            self._wish = _Wish(ticket + 1)
            self.vanished.emit(why)


class _Worker(QObject):
    """Lives in the thread, with its own SessionLog. `wish` is set from outside, before `look`."""

    seen = Signal(object, object)
    gone = Signal(object, str)

    def __init__(self, log_path: Path | None) -> None:
        super().__init__()
        self.wish = _Wish()
        self._log_path = log_path
        self._log: SessionLog | None = None
        self._reader: RunReader | None = None
        self._run: RunPicture | None = None
        self._shown: tuple[int, RunRecord] | None = None
        """The ticket and the record of what was told last."""
        self._untaken = False
        self._missed = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)

    @Slot()
    def look(self) -> None:
        """Tell what there is to see, if it is new and the last picture was taken."""
        if self._untaken:
            self._missed = True
            return
        wish = self.wish
        try:
            self._look(wish)
        except UserError as error:
            self._let_go()
            self.gone.emit(wish.ticket, str(error))
        except BaseException:
            self._let_go()  # ours to put right: told once, and not five times a second
            raise

    @Slot()
    def go_on(self) -> None:
        """The last picture was taken."""
        self._untaken = False
        if self._missed:
            self._missed = False
            self.look()

    @Slot()
    def close(self) -> None:
        """Let go of the log, and end the thread."""
        self._let_go()
        self.thread().quit()

    def _look(self, wish: _Wish) -> None:
        if wish.run_id is None:
            self._let_go()
            return
        if self._reader is None or self._run is None or self._reader.run_id != wish.run_id:
            self._open(wish.run_id)
        assert self._reader is not None
        assert self._run is not None
        record = self._reader.record()
        if self._shown == (wish.ticket, record):
            self._look_later(wish, record)
            return
        picture = self._run.now() if wish.at_s is None else self._run.at(wish.at_s)
        self._shown = (wish.ticket, picture.record)
        self._look_later(wish, picture.record)
        self._untaken = True
        self.seen.emit(wish.ticket, picture)

    def _open(self, run_id: int) -> None:
        # Opened anew for each run: the file may be another one by now.
        self._let_go()
        self._log = SessionLog.open(self._log_path, create=False, patience_s=_PATIENCE_S)
        self._reader = RunReader(self._log, run_id)
        self._run = RunPicture(self._reader)

    def _look_later(self, wish: _Wish, record: RunRecord) -> None:
        pause_ms = {"running": LOOK_EVERY_MS, "interrupted": _LOOK_AGAIN_MS}.get(record.state)
        if pause_ms is None or wish.at_s is not None:
            self._timer.stop()
        elif not self._timer.isActive() or self._timer.interval() != pause_ms:
            self._timer.start(pause_ms)

    def _let_go(self) -> None:
        self._timer.stop()
        self._reader = self._run = self._shown = None
        if self._log is not None:
            with suppress(UserError):
                self._log.close()
            self._log = None
