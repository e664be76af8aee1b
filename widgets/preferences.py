"""What the window remembers from one day to the next: its shape, the theme, whether it has been shown around.

Kept in the platform's own place for settings; nothing secret, and nothing of a run.
"""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QByteArray, QSettings

from widgets.appearance import Choice

_CHOICES = ("system", "light", "dark")


class Preferences:
    """Typed access to the settings. `store` is a QSettings of the caller's choice, so that tests have their own."""

    def __init__(self, store: QSettings) -> None:
        self.store = store

    @property
    def appearance(self) -> Choice:
        """Light, dark, or as the system has it."""
        value = self.store.value("appearance", "system")
        return cast("Choice", value) if value in _CHOICES else "system"

    @appearance.setter
    def appearance(self, choice: Choice) -> None:
        self.store.setValue("appearance", choice)

    @property
    def shown_around(self) -> bool:
        """Whether the first run was seen."""
        return self.store.value("shown_around", "no") == "yes"

    @shown_around.setter
    def shown_around(self, value: bool) -> None:
        self.store.setValue("shown_around", "yes" if value else "no")

    def state(self, name: str) -> QByteArray:
        """The shape of a window or page as it was last; empty at first."""
        value = self.store.value(f"state/{name}", QByteArray())
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep_state(self, name: str, state: QByteArray) -> None:
        """Remember it."""
        self.store.setValue(f"state/{name}", state)
