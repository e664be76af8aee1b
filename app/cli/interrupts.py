"""Ctrl+C in a command that has something to keep: it is asked to end in good order before the program is ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts(hear: Callable[[], None], *, heard: int = 1) -> Iterator[list[int]]:
    """Ctrl+C calls `hear`, up to so many times; one more ends the program. Yields the signals that came."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == heard:
            signal.signal(number, before)
        hear()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
