"""Garbage is collected on the GUI thread, and nowhere else."""

from __future__ import annotations

import gc
import threading
import weakref

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from widgets.garbage import GuiCollector


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


def test_cycles_are_freed_by_the_gui_thread(qtbot: QtBot) -> None:
    # Given a collector, and something that only collection frees
    parent = QObject()
    collector = GuiCollector(parent)
    assert not gc.isenabled()
    freed_on: list[int] = []
    knot = Knot()
    weakref.finalize(knot, lambda: freed_on.append(threading.get_ident()))
    del knot

    # When another thread makes enough garbage for Python to collect
    def litter() -> None:
        for _ in range(5_000):
            Knot()

    thread = threading.Thread(target=litter)
    thread.start()
    thread.join()

    # Then it is not that thread that frees, but this one, soon
    assert freed_on == []
    qtbot.waitUntil(lambda: freed_on == [threading.get_ident()])
    collector.release()
    assert gc.isenabled()
