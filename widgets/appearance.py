"""Which theme is on: follows the system's light or dark scheme unless the user chose one, and tells who paints."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication

from widgets.theme import PRESENTING_SCALE, THEMES, Scheme, Theme, palette, style_sheet

Choice = Literal["system", "light", "dark"]


class Appearance(QObject):
    """The theme in force. `changed(Theme)` comes after the application has taken it over."""

    changed = Signal(object)

    def __init__(self, application: QApplication, choice: Choice = "system") -> None:
        super().__init__(application)
        self._application = application
        self._choice: Choice = choice
        self._presenting = False
        self.theme = THEMES["light"]
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self._take_over()

    @property
    def choice(self) -> Choice:
        """What the user chose."""
        return self._choice

    def choose(self, choice: Choice) -> None:
        """Follow the system, or be light or dark whatever it says."""
        self._choice = choice
        self._take_over()

    def present(self, presenting: bool) -> None:
        """Large type and thick lines, or back to the desk's."""
        self._presenting = presenting
        self._take_over()

    def _scheme(self) -> Scheme:
        if self._choice != "system":
            return self._choice
        dark = self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    @Slot()
    def _follow(self) -> None:
        if self._choice == "system":
            self._take_over()

    def _take_over(self) -> None:
        theme: Theme = THEMES[self._scheme()]
        self.theme = replace(theme, scale=PRESENTING_SCALE) if self._presenting else theme
        self._application.setPalette(palette(self.theme))
        self._application.setStyleSheet(style_sheet(self.theme))
        self.changed.emit(self.theme)
