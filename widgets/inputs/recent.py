"""The files used lately, kept in the window's settings, and a menu of them. Files that are gone are not shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QObject, QSettings, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.inputs.preparation import storable

RecentKind = Literal["prompts", "data", "scenario"]

MAX_RECENT: Final = 8
_MAX_CHARS: Final = 60


class RecentFiles(QObject):
    """Up to eight paths of each kind, newest first, in `store`. `changed()` comes after every change."""

    changed = Signal()

    def __init__(self, store: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store

    def paths(self, kind: RecentKind) -> list[Path]:
        """Those that are still there."""
        return [path for path in self._kept(kind) if _is_there(path)]

    def add(self, kind: RecentKind, path: Path) -> None:
        """Put a path first."""
        path = Path(path).absolute()
        kept = [path, *(each for each in self._kept(kind) if each != path)][:MAX_RECENT]
        self._store.setValue(_key(kind), json.dumps([str(each) for each in kept]))
        self.changed.emit()

    def clear(self, kind: RecentKind) -> None:
        """Forget all of a kind."""
        self._store.remove(_key(kind))
        self.changed.emit()

    def _kept(self, kind: RecentKind) -> list[Path]:
        # The file of settings can be edited by hand: what is no list of texts counts as none.
        try:
            held = json.loads(str(self._store.value(_key(kind), "[]")))
        except ValueError:
            return []
        listed = held if isinstance(held, list) else []
        return [Path(each) for each in listed if isinstance(each, str)][:MAX_RECENT]


class RecentMenu(QMenu):
    """A menu of recent files of one kind, made anew each time it opens, behind other `first` actions.

    `chosen(Path)` comes when one is picked.
    """

    chosen = Signal(object)

    def __init__(
        self, recent: RecentFiles, kind: RecentKind, parent: QWidget, first: Sequence[QAction] = ()
    ) -> None:
        super().__init__("Recent", parent)
        self.setObjectName(f"recent_{kind}")
        self._recent = recent
        self._kind = kind
        self._first = tuple(first)
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self.fill)
        self.fill()

    @Slot()
    def fill(self) -> None:
        """List what there is now."""
        for action in self.actions():
            self.removeAction(action)
            if action not in self._first:
                action.deleteLater()
        self.addActions(self._first)
        paths = self._recent.paths(self._kind)
        if self._first:
            self.addSeparator()
        self.addAction("Recent").setEnabled(False)  # the words of a section are lost under a style sheet
        for path in paths:
            action = self.addAction(_label(path), partial(self.chosen.emit, path))
            action.setToolTip(f"<span>{escape(storable(str(path)))}</span>")
        if not paths:
            self.addAction("Nothing yet").setEnabled(False)
        self.addSeparator()
        clear = self.addAction("Clear this list", partial(self._recent.clear, self._kind))
        clear.setObjectName(f"clear_recent_{self._kind}")
        clear.setEnabled(bool(paths))


def _key(kind: RecentKind) -> str:
    return f"recent/{kind}"


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _label(path: Path) -> str:
    """Name and folder; a menu takes '&' for a key and a tab for a shortcut."""
    text = storable(f"{path.name}  –  {path.parent}")
    if len(text) > _MAX_CHARS:
        text = text[: _MAX_CHARS // 2] + "…" + text[-_MAX_CHARS // 2 :]
    return " ".join(text.replace("&", "&&").split("\t"))
