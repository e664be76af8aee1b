"""What can be done with the selected runs: by button, by menu, and by key while the table has the focus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from widgets.runs.run_table import COLUMNS
from widgets.runs.run_view import RunView

MAX_COMPARED: Final = 4


@dataclass(frozen=True)
class _Spec:
    """A command: its keys, how many runs it takes, and whether it has a button."""

    name: str
    title: str
    tip: str
    keys: str = ""
    least: int = 1
    most: int = 1
    button: bool = True


_SPECS: Final = (
    _Spec("open", "&Open", "Watch the run again (Enter).", "Return"),
    _Spec("compare", "&Compare", "Put two to four runs side by side.", "", 2, MAX_COMPARED),
    _Spec("again", "Run &again", "Run the same scenario once more, with all that was switched."),
    _Spec("export", "&Export…", "Write the run to a file."),
    _Spec("rename", "Re&name", "Give the run a name (F2).", "F2", button=False),
    _Spec(
        "delete",
        "&Delete",
        "Delete what is selected; it can be undone for a moment (Del).",
        "Del",
        1,
        1 << 30,
    ),
)


class RunCommands(QWidget):
    """The bar of buttons. `commands[name].triggered` says what was chosen; `buttons` by the same names, and `importing`."""

    def __init__(self, table: RunView, import_action: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self._table = table
        self.commands: dict[str, QAction] = {}
        self.buttons: dict[str, QPushButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for spec in _SPECS:
            action = self._command(spec)
            if spec.button:
                self.buttons[spec.name] = self._button(action, f"runs_{spec.name}")
                self.buttons[spec.name].clicked.connect(action.trigger)
                layout.addWidget(self.buttons[spec.name])
        self.buttons["open"].setProperty("role", "primary")
        layout.addStretch(1)
        self.importing = self._button(import_action, "runs_import")
        layout.addWidget(self.importing)
        table.customContextMenuRequested.connect(self._open_menu)
        self.suit(0)

    def suit(self, chosen: int) -> None:
        """Offer what can be done with so many runs."""
        for spec in _SPECS:
            fits = spec.least <= chosen <= spec.most
            self.commands[spec.name].setEnabled(fits)
            if spec.button:
                self.buttons[spec.name].setEnabled(fits)

    def _command(self, spec: _Spec) -> QAction:
        action = QAction(spec.title, self._table)
        action.setObjectName(f"runs_{spec.name}_action")
        action.setToolTip(spec.tip)
        if spec.keys:
            keys = [spec.keys, "Enter"] if spec.keys == "Return" else [spec.keys]
            action.setShortcuts([QKeySequence(each) for each in keys])
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self._table.addAction(action)
        self.commands[spec.name] = action
        return action

    def _button(self, action: QAction, name: str) -> QPushButton:
        button = QPushButton(action.text(), self)
        button.setObjectName(name)
        button.setToolTip(action.toolTip())
        return button

    @Slot(QPoint)
    def _open_menu(self, at: QPoint) -> None:
        self.menu().popup(self._table.viewport().mapToGlobal(at))

    def menu(self) -> QMenu:
        """All that can be done, sorting too; it deletes itself when it is closed."""
        menu = QMenu(self)
        menu.setObjectName("runs_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(list(self.commands.values()))
        menu.addSeparator()
        menu.addMenu(self._sort_menu(menu))
        return menu

    def _sort_menu(self, parent: QMenu) -> QMenu:
        """What a click on a column's name does, for whoever has no mouse: by that column, then the other way round."""
        menu = QMenu("&Sort by", parent)
        header = self._table.horizontalHeader()
        for column, name in enumerate(COLUMNS):
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(column == header.sortIndicatorSection())
            action.triggered.connect(partial(self._sort, column))
        return menu

    def _sort(self, column: int, *_checked: object) -> None:
        header = self._table.horizontalHeader()
        order = Qt.SortOrder.AscendingOrder
        if column == header.sortIndicatorSection() and header.sortIndicatorOrder() == order:
            order = Qt.SortOrder.DescendingOrder
        self._table.sortByColumn(column, order)
