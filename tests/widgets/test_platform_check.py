"""Where no window can be opened: one clear message and status 2, never an abort."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="displays are found so on Linux only"
)


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    bare = {
        key: value
        for key, value in os.environ.items()
        if key not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    return subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env={**bare, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_display_it_says_so() -> None:
    said = start()
    assert said.returncode == 2
    assert "there is no display" in said.stderr
    assert "seatrial run" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_display_that_does_not_answer_is_named() -> None:
    said = start(DISPLAY=":987")
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    # Either comes first: a machine without X11 libraries is told which one is missing.
    assert ":987" in said.stderr or "library" in said.stderr


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    # Given a broken libxcb-cursor that is found before any other
    (tmp_path / "libxcb-cursor.so.0").write_bytes(b"not a library")
    said = start(DISPLAY=":987", LD_LIBRARY_PATH=str(tmp_path))
    assert said.returncode == 2
    assert "library" in said.stderr
    assert "libxcb-cursor0" in said.stderr
    assert "Traceback" not in said.stderr
