"""How Seatrial starts itself as a child process, the engine above all: command line and variables. It starts nothing.

What the engine hears and says is `process`'s.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

VARIABLES: Final = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
"""What the child's environment has beside its parent's: texts are UTF-8, and a line is sent when it is written."""


def engine_command() -> list[str]:
    """The program and its arguments that run this Seatrial's engine, in whatever folder it is started."""
    return seatrial_command("_engine")


def seatrial_command(*arguments: str) -> list[str]:
    """The program and its arguments that run this Seatrial's command line, in whatever folder it is started.

    A bundle calls itself. Else the launcher is run as a file: with -P neither the folder it is started in nor
    the launcher's own can put another package `app` before ours, and it refuses one that stands there anyway.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    package = Path(__file__).parents[1]
    launcher = package / "launcher.py"
    if not launcher.exists():  # installed from a wheel, where it has the name that nobody else uses
        launcher = package.parent / "seatrial_launcher.py"
    return [sys.executable, "-P", str(launcher), *arguments]
