"""The menu bar, made of the table of actions; and which actions exclude one another."""

from __future__ import annotations

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMainWindow

from widgets.actions import MENUS, Actions

_ONE_OF = (
    ("go_trial", "go_runs", "go_compare"),
    ("appearance_system", "appearance_light", "appearance_dark"),
)


def fill_menus(window: QMainWindow, actions: Actions) -> None:
    """Put every action into its menu and give the window its key, which works while the menu bar is hidden, too."""
    for title in MENUS:
        menu = window.menuBar().addMenu(title)
        section = 0
        for spec in actions:
            if spec.menu != title:
                continue
            if spec.section != section:
                menu.addSeparator()
                section = spec.section
            menu.addAction(actions[spec.id])
            window.addAction(actions[spec.id])
    for names in _ONE_OF:
        group = QActionGroup(window)
        for name in names:
            group.addAction(actions[name])
