"""Ctrl+K: type a few letters of what to do, Enter does it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from widgets.actions import Actions


class CommandPalette(QDialog):
    """Lists the actions that are possible now, best match first."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("command_palette")
        self.setWindowTitle("Find an action")
        self._actions = actions
        self._field = QLineEdit()
        self._field.setPlaceholderText("What do you want to do?")
        self._field.setAccessibleName("What do you want to do")
        self._field.textChanged.connect(self._list_matches)
        self._field.installEventFilter(self)
        self._list = QListWidget()
        self._list.setAccessibleName("Actions")
        self._list.itemActivated.connect(self._do)
        self._list.itemClicked.connect(self._do)
        self._nothing = QLabel("Nothing that can be done now is called that.")
        self._nothing.setWordWrap(True)
        self._nothing.setProperty("tone", "muted")
        layout = QVBoxLayout(self)
        layout.addWidget(self._field)
        layout.addWidget(self._nothing)
        layout.addWidget(self._list)
        self.resize(520, 380)
        self._list_matches("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Up, down and Enter act on the list while the field has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                row = self._list.currentRow() + step
                self._list.setCurrentRow(max(0, min(row, self._list.count() - 1)))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                item = self._list.currentItem()
                if item is not None:
                    self._do(item)
                return True
        return super().eventFilter(watched, event)

    @Slot(str)
    def _list_matches(self, text: str) -> None:
        self._list.clear()
        ranked = []
        for place, spec in enumerate(self._actions):
            action = self._actions[spec.id]
            if spec.id == "palette" or not action.isEnabled():
                continue
            rank = _rank(text.casefold(), f"{_plain(spec.title)} {spec.tip}".casefold())
            if rank is not None:
                ranked.append((rank, place, spec))
        for _, _, spec in sorted(ranked, key=lambda each: each[:2]):
            keys = self._actions[spec.id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            item = QListWidgetItem(f"{_plain(spec.title)}{f'    {keys}' if keys else ''}")
            item.setToolTip(spec.tip)
            item.setData(Qt.ItemDataRole.UserRole, spec.id)
            self._list.addItem(item)
        self._list.setCurrentRow(0)
        self._nothing.setVisible(not ranked)

    @Slot(QListWidgetItem)
    def _do(self, item: QListWidgetItem) -> None:
        name = item.data(Qt.ItemDataRole.UserRole)
        self.accept()
        self._actions[name].trigger()


def _rank(sought: str, text: str) -> int | None:
    """How well a text matches: where all words begin, or None. An empty search matches all alike."""
    total = 0
    for word in sought.split():
        place = text.find(word)
        if place < 0:
            return None
        total += place
    return total


def _plain(title: str) -> str:
    return title.replace("&", "")
