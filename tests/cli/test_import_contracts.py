"""The boundaries between packages hold, and whoever crosses one is caught."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's verdict on the packages in `tree`."""
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_contracts_hold() -> None:
    verdict = lint(ROOT)

    assert verdict.returncode == 0, verdict.stdout
    assert "0 broken" in verdict.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("app/engine/agenda.py", "import PySide6", "app never imports Qt BROKEN"),
        ("app/terminal.py", "import widgets", "app never imports Qt BROKEN"),
        ("app/safeguards/retry.py", "import time", "the lifecycle does no I/O BROKEN"),
    ],
)
def test_a_violation_is_caught(module: str, line: str, contract: str, tmp_path: Path) -> None:
    for package in ("app", "widgets"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    source = tmp_path / module
    source.write_text(f"{source.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")

    verdict = lint(tmp_path)

    assert verdict.returncode == 1
    assert contract in verdict.stdout
