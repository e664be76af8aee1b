"""What stands above the request table: the filter and its shortcuts, how many match, follow and pause."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from html import escape
from typing import Final

from PySide6.QtCore import QEvent, QSize, QStringListModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCompleter,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.sessions.filters import ANYTHING, Filter, Known, filter_text, parse_filter

_TYPED_MS: Final = 400
"""Who pauses for so long while typing a filter wants to see what it finds."""
HELP: Final = """Type words. Esc clears.

failed, wrong, late, good, degraded   what the customer got
primary, fallback, cache, canned   who answered
saved   the first variant did not do well, the second did
lost   the other way round
retried   it took more than one try
>8s   waited longer, or never got an answer
2:30-3:00   ended in that time; arrived:2:30-3:00, was meant to arrive then
#1234, #100-200   its number
fault:outage, prompt:answer   what struck it, what it asked
prototype:failed   any of these, of one variant

Several words must all hold."""

_TITLE_CHARACTERS: Final = 24
_LEAST_BUTTON_PX: Final = 70
_SPARE: Final = 60
"""Pixels: the field wants more than its least."""


class FilterField(QLineEdit):
    """The field; `cleared` comes when Esc was pressed in it, `left_down` when Down was."""

    cleared = Signal()
    left_down = Signal()

    def event(self, event: QEvent) -> bool:
        """Esc is the field's own while there is something to clear, whatever else Esc does in the window."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and self.text()
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Esc clears the field and the filter; Down goes to the table."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.cleared.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.left_down.emit()  # a list of completions takes its own keys before they come here
        else:
            super().keyPressEvent(event)


class _LastWord(QCompleter):
    """Completes the word that is being typed, and leaves those before it."""

    def splitPath(self, path: str) -> list[str]:  # noqa: N802 (Qt's name)
        """What is matched with the known words."""
        return [path.rpartition(" ")[2]]

    def pathFromIndex(self, index: object) -> str:  # noqa: N802 (Qt's name)
        """What the field holds after a word was chosen."""
        before, space, _ = self.widget().text().rpartition(" ")  # type: ignore[attr-defined]
        return f"{before}{space}{super().pathFromIndex(index)}"  # type: ignore[arg-type]


class FilterBar(QWidget):
    """`applied(Filter)` comes when the user wants other requests; `follow_toggled(bool)` and `pause_toggled(bool)` when
    those buttons change. `wanted` is the filter in force."""

    applied = Signal(object)
    follow_toggled = Signal(bool)
    pause_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wanted = Filter()
        self._known = ANYTHING
        self._contrasted = False
        self.field = FilterField()
        self.field.setObjectName("request_filter")
        self.field.setAccessibleName("Filter requests")
        self.field.setAccessibleDescription(HELP)
        self.field.setToolTip(HELP)
        self.field.setPlaceholderText("Filter: failed, saved, >8s, #1234 …")
        self.field.setClearButtonEnabled(True)
        self.field.setMinimumWidth(150)
        self._words = QStringListModel(self)
        completer = _LastWord(self._words, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.field.setCompleter(completer)
        self.count = QLabel()
        self.count.setObjectName("request_count")
        self.count.setTextFormat(Qt.TextFormat.PlainText)
        self.count.setProperty("tone", "muted")
        self.count.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.message = QLabel()
        self.message.setObjectName("request_filter_message")
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self.message.hide()
        self.all = self._button("request_filter_all", "All", "Show every request")
        self.first_failed = self._button("request_filter_failed", "Failed", "Those that got no answer")
        self.first_failed.setMinimumWidth(_LEAST_BUTTON_PX)  # a variant's title may be long
        self.first_failed.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.saved = self._button("request_filter_saved", "Saved", "")
        self.lost = self._button("request_filter_lost", "Lost", "")
        self.follow = self._button(
            "request_follow", "Follow", "Keep the newest request in view; scrolling up ends it"
        )
        self.pause = self._button("request_pause", "Hold", "Let the table stand still while the run goes on")
        self.follow.setChecked(True)
        self._lay_out()
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_TYPED_MS)
        self._typed.timeout.connect(self._apply_typed)
        self.field.textEdited.connect(self._typed.start)
        self.field.returnPressed.connect(self._apply_text)
        self.field.cleared.connect(self._show_all)
        self.field.textChanged.connect(self._forget_message)
        self.all.clicked.connect(self._show_all)
        self.first_failed.clicked.connect(self._show_failed)
        self.saved.clicked.connect(self._show_saved)
        self.lost.clicked.connect(self._show_lost)
        self.follow.toggled.connect(self.follow_toggled)
        self.pause.toggled.connect(self.pause_toggled)
        self.show_known(ANYTHING, ())

    def show_known(self, known: Known, titles: Sequence[str]) -> None:
        """What the run has: the names that a filter may use, and its variants' titles."""
        self._known = known
        self._words.setStringList(known.words())
        self._contrasted = len(titles) > 1
        first = titles[0] if titles else "the first variant"
        short = first if len(first) <= _TITLE_CHARACTERS else first[: _TITLE_CHARACTERS - 1] + "…"
        self.first_failed.setText(f"Failed in {short}" if titles else "Failed")
        self.saved.setVisible(self._contrasted)
        self.lost.setVisible(self._contrasted)
        if self._contrasted:
            self.saved.setToolTip(_plain(f"Not good in {first}, good in {titles[1]}"))
            self.lost.setToolTip(_plain(f"Good in {first}, not good in {titles[1]}"))
        self._arrange()

    def show_filter(self, wanted: Filter) -> None:
        """Take over a filter that came from elsewhere."""
        self.wanted = wanted
        self.field.setText(filter_text(wanted))
        self._press()

    def change_filter(self, wanted: Filter) -> None:
        """Have another filter in force, and leave what is being typed."""
        typed = self.field.text()
        if typed == filter_text(self.wanted):
            self.show_filter(wanted)
        else:
            self.wanted = wanted
            self._press()

    def show_count(self, shown: int, offered: int, *, searching: bool) -> None:
        """How many requests match, of how many."""
        if searching:
            text = "Looking …"
        elif self.wanted == Filter():
            text = f"{offered:,} {'request' if offered == 1 else 'requests'}"
        else:
            text = f"{shown:,} of {offered:,} requests"
        self.count.setText(text)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Tell something below the field until it is next changed."""
        self.message.setText(text)
        self.message.setProperty("tone", "danger" if wrong else "muted")
        self.message.style().unpolish(self.message)
        self.message.style().polish(self.message)
        self.message.setVisible(bool(text))

    def apply(self, wanted: Filter) -> None:
        """Put a filter in force, and tell."""
        self._typed.stop()
        self.say("")
        self.show_filter(wanted)
        self.applied.emit(wanted)

    def apply_text(self, text: str) -> None:
        """Put a filter in force as it is written; what is wrong with it is said, and the old one stays."""
        self.field.setText(text)
        try:
            wanted = parse_filter(text, self._known)
        except UserError as error:
            self.say(str(error), wrong=True)
            return
        self.apply(wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Arrange anew."""
        super().resizeEvent(event)
        self._arrange()

    # -- making -----------------------------------------------------------------------------------------

    def _button(self, name: str, title: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setText(title)
        button.setToolTip(tip)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def _lay_out(self) -> None:
        self._groups = (
            _row((self.field, self.count)),
            _row((self.all, self.first_failed, self.saved, self.lost)),
            _row((self.follow, self.pause)),
        )
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._grid)
        layout.addWidget(self.message)
        self._rows = 0
        self._arrange()

    def _arrange(self) -> None:
        """One row of groups where there is room, else two, else three."""
        widths = [group.sizeHint().width() + self._grid.spacing() for group in self._groups]
        room = self.width()
        rows = 1 if sum(widths) + _SPARE <= room else 2 if widths[1] + widths[2] <= room else 3
        if rows != self._rows:
            self._rows = rows
            places = {
                1: ((0, 0, 1), (0, 1, 1), (0, 2, 1)),
                2: ((0, 0, 3), (1, 0, 2), (1, 2, 1)),
                3: ((0, 0, 3), (1, 0, 3), (2, 0, 3)),
            }[rows]
            for group, (row, column, columns) in zip(self._groups, places, strict=True):
                self._grid.addWidget(group, row, column, 1, columns)
                if group is not self._groups[0]:
                    self._grid.setAlignment(group, Qt.AlignmentFlag.AlignLeft)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """As narrow as three rows are."""
        widest = max(group.minimumSizeHint().width() for group in self._groups)
        return QSize(widest, super().minimumSizeHint().height())

    # -- doing ------------------------------------------------------------------------------------------

    def _press(self) -> None:
        """Let the shortcuts show which of them is in force."""
        for button, wanted in (
            (self.all, Filter()),
            (self.first_failed, self._failed()),
            (self.saved, Filter(contrast="saved")),
            (self.lost, Filter(contrast="lost")),
        ):
            button.setChecked(self.wanted == wanted)

    def _failed(self) -> Filter:
        return Filter(variant=self._known.variants[0], outcomes=frozenset({"failed"}))

    @Slot()
    def _apply_typed(self) -> None:
        """What has been typed, once it is a filter; the words stay as they are, for more may follow."""
        with suppress(UserError):
            wanted = parse_filter(self.field.text(), self._known)
            if wanted != self.wanted:
                self.wanted = wanted
                self._press()
                self.applied.emit(wanted)

    @Slot()
    def _apply_text(self) -> None:
        self.apply_text(self.field.text())

    @Slot()
    def _show_all(self) -> None:
        self.apply(Filter())

    @Slot()
    def _show_failed(self) -> None:
        self.apply(self._failed())

    @Slot()
    def _show_saved(self) -> None:
        self.apply(Filter(contrast="saved"))

    @Slot()
    def _show_lost(self) -> None:
        self.apply(Filter(contrast="lost"))

    @Slot()
    def _forget_message(self) -> None:
        self.say("")


def _row(widgets: Sequence[QWidget]) -> QWidget:
    group = QWidget()
    layout = QHBoxLayout(group)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return group


def _plain(text: str) -> str:
    """Foreign text as a tooltip, which is rich text wherever it looks so."""
    return f"<span>{escape(text)}</span>"
