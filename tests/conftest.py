"""What holds for every test: how hypothesis searches, that no key store is used, and that no thread or process is left
behind.

On a machine without the system libraries that Qt needs, tests of the window are left out, and the header says so.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness import SHARED_WORKER

try:
    import PySide6.QtWidgets  # noqa: F401
except ImportError as error:
    no_window = str(error)
    collect_ignore = ["widgets"]
else:
    no_window = ""
    pytest_plugins = ["pytestqt.plugin"]


def pytest_report_header() -> list[str]:
    return [f"tests of the window are left out: {no_window}"] if no_window else []


# The keys of whoever runs the tests are theirs: tests that need a key store bring one.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

settings.register_profile("seatrial", deadline=None, derandomize=True, database=None)
settings.load_profile("seatrial")

_GRACE_S = 3.0


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fails a test after which a thread that it began still runs; a wider fixture's are not its own."""
    before = set(threading.enumerate())
    yield
    _assert_gone(lambda: [f"thread {each.name}" for each in threading.enumerate() if _new(each, before)])


@pytest.fixture(scope="module", autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fails a module after which a child process still runs; within it, fixtures may keep a worker."""
    before = _children()
    yield
    SHARED_WORKER.close()
    _assert_gone(lambda: [f"process {each}" for each in sorted(_children() - before)])


def _new(thread: threading.Thread, before: set[threading.Thread]) -> bool:
    # A thread of Qt's that Python has seen once is a dummy, listed for good whether or not it still runs.
    return thread not in before and not isinstance(thread, threading._DummyThread)


def _assert_gone(left: Callable[[], list[str]]) -> None:
    """Fail if something is left; what was told to end has a moment to do so."""
    until = time.monotonic() + _GRACE_S
    while left() and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert not left(), f"left behind: {', '.join(left())}"


def _children() -> set[int]:
    """The ids of the process's own children; none where the system does not list them."""
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            found |= {int(each) for each in task.read_text().split()}
        except OSError:
            continue  # the thread has ended
    return found
