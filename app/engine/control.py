"""How a run is steered while it goes: by whoever holds its `Control`, from any thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from app.errors import UserError

MAX_SPEED = 1_000_000.0


@dataclass(frozen=True)
class Flip:
    """Set the setting at a dotted path."""

    path: str
    value: Any
    label: str = ""


class Control:
    """Speed, pause, stop, and the switches to flip.

    `speed` is virtual seconds a second; None is as fast as it goes.
    """

    def __init__(self, speed: float | None = None) -> None:
        self._changed = threading.Condition()
        self._speed = _checked(speed)
        self._paused = False
        self._stopping = False
        self._giving_up = False
        self._flips: list[Flip] = []

    @property
    def speed(self) -> float | None:
        """How fast the run should go."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether the run should stand still."""
        return self._paused and not self._stopping

    @property
    def stopping(self) -> bool:
        """Whether no further requests should arrive."""
        return self._stopping

    @property
    def giving_up(self) -> bool:
        """Whether real calls under way should be given up, too."""
        return self._giving_up

    def set_speed(self, speed: float | None) -> None:
        """Go on at another speed. Raises UserError for what is no speed."""
        checked = _checked(speed)
        with self._changed:
            self._speed = checked
            self._changed.notify_all()

    def pause(self) -> None:
        """Stand still."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self) -> None:
        """Let no further requests arrive, and end when those under way have ended; a second time, give up real calls."""
        # No lock: a signal handler may call this while the same thread holds it. The run looks often enough.
        self._giving_up = self._stopping
        self._stopping = True

    def flip(self, path: str, value: Any, label: str = "") -> None:
        """Flip a switch as soon as the run gets to it."""
        with self._changed:
            self._flips.append(Flip(path, value, label))
            self._changed.notify_all()

    def take_flips(self) -> list[Flip]:
        """The switches to flip now."""
        with self._changed:
            flips, self._flips = self._flips, []
            return flips

    def wait(self, seconds: float) -> None:
        """Wait, or until something changes."""
        with self._changed:
            if not self._flips and not self._stopping:
                self._changed.wait(seconds)


def _checked(speed: float | None) -> float | None:
    if speed is None or 0 < speed <= MAX_SPEED:
        return speed
    raise UserError(f"{speed!r} is no speed", do=f"Give a factor above 0 and up to {MAX_SPEED:g}, or 'max'.")
