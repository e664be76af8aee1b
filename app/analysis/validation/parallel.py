"""Tries all known results, as many at once as there are cores: each by `seatrial validate NAME --json`, a child process.

Commands, and no pool of workers, because the same program is there in a checkout, an installation and a bundle.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import Callable, Sequence

from app.analysis.validation.report import Finding, Report
from app.engine.child import VARIABLES, seatrial_command

_ANSWERED = (0, 1)
"""Exit statuses of a command that has an answer: all passed, or not."""


def findings_of_all(
    names: Sequence[str], begun: Callable[[str], None], done: Callable[[str], None]
) -> list[Finding]:
    """The rows of the named results, in that order. Is told of each name when its command begins, and when it ends.

    Raises RuntimeError when a command fails; whatever ends this early ends the commands.
    """
    try:
        return asyncio.run(_all(names, begun, done))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _all(
    names: Sequence[str], begun: Callable[[str], None], done: Callable[[str], None]
) -> list[Finding]:
    cores = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(name: str) -> Sequence[Finding]:
        async with cores:
            begun(name)
            rows = await _rows_of(name)
            done(name)
            return rows

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name)) for name in names]
    return [row for task in tasks for row in task.result()]


async def _rows_of(name: str) -> Sequence[Finding]:
    command = seatrial_command("validate", name, "--json")
    child = await create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=os.environ | VARIABLES)
    try:
        out, err = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode not in _ANSWERED or not out:
        raise RuntimeError(f"'validate {name}' ended with {child.returncode}: {err.decode(errors='replace')}")
    return Report.read(json.loads(out)).rows
