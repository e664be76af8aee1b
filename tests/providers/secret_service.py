"""Debian's gnome-keyring on a message bus of its own, with a home of its own, for tests of the system's key store."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_gnome_keyring = pytest.mark.skipif(
    shutil.which("dbus-run-session") is None or shutil.which("gnome-keyring-daemon") is None,
    reason="needs dbus-run-session and gnome-keyring-daemon",
)

_UNLOCKED = "printf pass | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null"
_LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null"


@contextmanager
def secret_service(home: Path, *, unlocked: bool = True) -> Iterator[dict[str, str]]:
    """The variables with which a child process finds it. A second session on the same home finds what the first has
    stored; with `unlocked` false nobody is there to unlock it."""
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    mine = {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(home / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
    }
    (home / "data").mkdir(exist_ok=True)
    start = f"{_UNLOCKED if unlocked else _LOCKED}; echo $DBUS_SESSION_BUS_ADDRESS; cat >/dev/null"
    with subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", start],
        env={"PATH": "/usr/bin:/bin", **mine},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        address = session.stdout.readline().strip()
        try:
            yield {**mine, "DBUS_SESSION_BUS_ADDRESS": address}
        finally:
            session.stdin.close()
