"""Every test of the window runs offscreen, leaves nothing behind, and fails on a Qt warning."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QProcess, QThreadPool, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance

PATIENCE_MS = 120_000
_HERE = Path(__file__).parent
_OFFSCREEN_ONLY = "^This plugin does not support propagateSizeHints"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore(_OFFSCREEN_ONLY))


class PatientBot(QtBot):
    """Waits two minutes: what tests wait for comes at once on a machine that has time for it, and a machine may be busy."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:  # noqa: N802
        """As pytest-qt has it."""
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **rest: Any) -> Any:  # noqa: N802
        """As pytest-qt has it."""
        return super().waitSignal(signal, timeout=timeout, **rest)

    def waitSignals(self, signals: Any, *, timeout: int = PATIENCE_MS, **rest: Any) -> Any:  # noqa: N802
        """As pytest-qt has it."""
        return super().waitSignals(signals, timeout=timeout, **rest)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """pytest-qt's, and patient."""
    return PatientBot(request)


@pytest.fixture(scope="session")
def appearance(qapp: QApplication) -> Appearance:
    """The theme, light unless a test says otherwise."""
    return Appearance(qapp, "light")


@pytest.fixture(autouse=True)
def nothing_left(qapp: QApplication, qtbot: QtBot) -> Iterator[None]:
    """No timer, process or piece of work outlives its test; threads are watched for all tests alike.

    Garbage is collected on this thread only, as the window has it: see widgets/garbage.py.
    """
    gc.disable()
    yield
    for widget in QApplication.topLevelWidgets():
        widget.close()
        widget.deleteLater()
    assert QThreadPool.globalInstance().waitForDone(20_000), "work on the thread pool did not end"
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    leftover = [each for each in qapp.findChildren(QObject) if _at_work(each)]
    gc.collect()
    gc.enable()
    assert not leftover, leftover


def _at_work(each: QObject) -> bool:
    if isinstance(each, QTimer):
        return each.isActive()
    return isinstance(each, QProcess) and each.state() != QProcess.ProcessState.NotRunning
