"""A scenario, own files and settings for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from app.scenario.files import ScenarioFile, open_scenario
from tests.widgets.inputs.files import PROMPT, ROWS, write
from widgets.inputs.recent import RecentFiles


@pytest.fixture(scope="session")
def support() -> ScenarioFile:
    """The default scenario, on the samples."""
    return open_scenario("support-assistant")


@pytest.fixture
def recent(tmp_path: Path) -> RecentFiles:
    """Recent files in settings of the test's own."""
    return RecentFiles(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """An own prompt that asks for `name` and `text`."""
    return write(tmp_path / "mine.txt", PROMPT)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Own rows that fit it: two good ones, one bad."""
    return write(tmp_path / "rows.csv", ROWS)
