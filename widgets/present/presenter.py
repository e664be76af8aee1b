"""Presenting: the acts of the scenario, one after the other, in large type under the charts.

Played live, going on flips the act's switches and lets virtual time go; when the act has played as long as it says, time
is held until the presenter goes on. Going back takes the act's switches back; time itself never goes back.
With a saved run as a stand-in, the acts show that run as far as each of them would have played.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.scenario.model import Act
from widgets.actions import Actions
from widgets.engine_link import Progress
from widgets.session import Session


class Presenter(QWidget):
    """The bar of acts. `begin` starts a staged run, `leave` ends the presentation and leaves the run as it is."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("presenter")
        self._session = session
        self._actions = actions
        self._acts: tuple[Act, ...] = ()
        self._index = 0
        self._presenting = self._brief = False
        self._steers = False
        self._hold_at_s: float | None = None
        self._virtual_s = 0.0
        self._flips: list[int] = []
        """Index of the undo stack before each act after the first."""
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.text = QLabel()
        self.notes = QLabel()
        self.notes.setProperty("role", "caption")
        self.place = QLabel()
        self.place.setProperty("role", "caption")
        for label in (self.title, self.text, self.notes, self.place):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(label is not self.place)
        words = QVBoxLayout()
        words.addWidget(self.title)
        words.addWidget(self.text)
        words.addWidget(self.notes)
        self.show_notes = QToolButton()
        self.show_notes.setText("Notes")
        self.show_notes.setToolTip("Show the presenter's notes: the audience sees them too.")
        self.show_notes.setCheckable(True)
        self.show_notes.toggled.connect(self._show)
        self.live = QPushButton("Play live")
        self.live.setToolTip("Start a new run that waits for each act. The run that is shown is kept.")
        self.live.clicked.connect(self.play_live)
        self.back = QPushButton("Back")
        self.next = QPushButton("Next")
        self.next.setProperty("role", "primary")
        self.back.clicked.connect(actions["previous_act"].trigger)
        self.next.clicked.connect(actions["next_act"].trigger)
        row = QHBoxLayout(self)
        row.addLayout(words, 1)
        row.addWidget(self.place)
        row.addWidget(self.show_notes)
        row.addWidget(self.live)
        row.addWidget(self.back)
        row.addWidget(self.next)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        actions["next_act"].triggered.connect(self.go_on)
        actions["previous_act"].triggered.connect(self.go_back)
        session.progressed.connect(self._on_progress)
        session.state_changed.connect(self._show)
        self.leave()

    @property
    def presenting(self) -> bool:
        """Whether a presentation is on."""
        return self._presenting

    def begin(self) -> None:
        """Begin with the first act: live if no run is shown, otherwise with that run as a stand-in.

        A run of another scenario is shown without acts, which would say of it what is not so.
        """
        session = self._session
        self._presenting = True
        if session.run_id is None and not session.busy:
            self.play_live()
            return
        picture, file = session.picture, session.file
        others = picture is not None and file is not None and picture.record.scenario != file.name
        self._acts = () if others else session.switchboard.original.acts
        self._rewind(steers=False)

    @Slot()
    def play_live(self) -> None:
        """Start a run that waits for its acts, and begin with the first."""
        if not self._session.busy:
            self._acts = self._session.switchboard.original.acts
            self._session.start_staged()
            self._rewind(steers=True)

    def _rewind(self, *, steers: bool) -> None:
        self._index = 0
        self._flips = []
        self._virtual_s = 0.0
        self._steers = steers
        self._hold_at_s = self._acts[0].for_s if self._acts and steers else None
        self._show_moment()
        self._show()

    def set_brief(self, brief: bool) -> None:
        """Show the act's title alone, on one line, where there is little room."""
        self._brief = brief
        self.title.setWordWrap(not brief)
        across = QSizePolicy.Policy.Ignored if brief else QSizePolicy.Policy.Preferred
        self.title.setSizePolicy(across, QSizePolicy.Policy.Preferred)
        self._show()

    def leave(self) -> None:
        """End the presentation. A stand-in is shown to its end again."""
        if self._presenting and not self._session.busy:
            self._session.watch.live()
        self._presenting = False
        self._steers = False
        self._hold_at_s = None
        self._acts = ()
        self._show()

    @Slot()
    def go_on(self) -> None:
        """The next act: its switches are flipped, and time goes on."""
        if not self._presenting or self._index + 1 >= len(self._acts):
            return
        session = self._session
        self._index += 1
        act = self._acts[self._index]
        if self._steers and session.busy:
            board = session.switchboard
            self._flips.append(board.undo_stack.index())
            if act.changes:
                board.flip([(each.set, each.value) for each in act.changes], act.title)
            last = self._index + 1 == len(self._acts)
            self._hold_at_s = None if act.for_s is None or last else self._virtual_s + act.for_s
            session.pause(False)
        self._show_moment()
        self._show()

    @Slot()
    def go_back(self) -> None:
        """The act before: this one's switches are taken back."""
        if not self._presenting or self._index == 0:
            return
        self._index -= 1
        if self._flips:
            stack = self._session.switchboard.undo_stack
            before = self._flips.pop()
            while self._session.busy and stack.index() > before:
                self._session.switchboard.undo()
        self._hold_at_s = None
        self._show_moment()
        self._show()

    def _show_moment(self) -> None:
        """Of a stand-in: the moment at which this act would end. The last act shows all of it."""
        lengths_s = [act.for_s for act in self._acts[: self._index + 1]]
        if self._steers or self._session.busy or not lengths_s or None in lengths_s:
            return
        if self._index + 1 == len(self._acts):
            self._session.watch.live()
        else:
            self._session.watch.show_at(sum(each for each in lengths_s if each is not None))

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        self._virtual_s = progress.virtual_s
        if self._hold_at_s is not None and progress.virtual_s >= self._hold_at_s:
            if self._session.state == "running":
                self._session.pause(True)
            self._show()

    @Slot()
    def _show(self) -> None:
        self.setVisible(self._presenting)
        there = bool(self._acts)
        for name, possible in (
            ("next_act", there and self._index + 1 < len(self._acts)),
            ("previous_act", there and self._index > 0),
        ):
            self._actions[name].setEnabled(self._presenting and possible)
        self.next.setEnabled(self._actions["next_act"].isEnabled())
        self.back.setEnabled(self._actions["previous_act"].isEnabled())
        playable = there or (self._presenting and bool(self._session.switchboard.original.acts))
        self.live.setVisible(playable and not self._steers)
        self.live.setEnabled(not self._session.busy)
        if not there:
            self.show_notes.hide()
            self.text.show()
            self.place.show()
            self.title.setText("")
            why = "The run is of another scenario, without acts" if playable else "This scenario has no acts"
            self.text.setText(f"{why}: the charts speak for themselves." if self._presenting else "")
            self.notes.setText("")
            self.place.setText("")
            return
        act = self._acts[self._index]
        self.title.setText(act.title)
        self.text.setText(act.text)
        self.notes.setText(act.notes)
        self.notes.setVisible(bool(act.notes) and self.show_notes.isChecked() and not self._brief)
        self.show_notes.setVisible(bool(act.notes) and not self._brief)
        self.text.setHidden(self._brief)
        self.place.setHidden(self._brief)
        waits = self._session.state == "paused" and self.next.isEnabled()
        self.place.setText(f"Act {self._index + 1} of {len(self._acts)}{', waits for Next' if waits else ''}")
