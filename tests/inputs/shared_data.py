"""Real data outside the repository, for the tests marked `shared`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name: str) -> Path:
    """The file's path; skips the test where there is none."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


def naughty_strings() -> list[str]:
    """Strings that break software."""
    strings: list[str] = json.loads(shared("naughty-strings.json").read_text(encoding="utf-8"))
    return strings
