"""Whether the process that writes a run is still there.

A process id alone does not tell: it is reused, and means nothing after a reboot, on another host or in
another container. So a run carries a token of its process beside the id. Without /proc there is no token, and
only the run's heartbeat decides.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def _world() -> str:
    """Names this boot and this namespace of process ids; empty where the system does not say."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _start(pid: int) -> str:
    """When the process started, in clock ticks since boot; empty if it is gone or only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return "" if fields[0] in "ZX" else fields[19]


def token() -> str:
    """What tells this process from every other with its id; empty where the system does not say."""
    world, start = _world(), _start(os.getpid())
    return f"{world}:{start}" if world and start else ""


def alive(pid: int, its_token: str) -> bool | None:
    """Whether the process is running; None if that cannot be known from here."""
    world, _, start = its_token.rpartition(":")
    if not its_token or world != _world():
        return None
    return _start(pid) == start
