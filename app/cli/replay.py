"""`seatrial replay`: a run of real calls, decided once more from what was recorded of it."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.application import MISSED, OK, Json, Log, Run, cli, run_id_of
from app.errors import UserError
from app.sessions.session_log import SessionLog

_SHOWN = 20


@cli.command()
def replay(
    run: Run = "last",
    *,
    check: Annotated[
        bool, typer.Option("--check", metavar="", help="Exit with 1 if a decision differs from the record.")
    ] = False,
    log: Log = None,
    json: Json = False,
) -> int:
    """Feed what was recorded of real calls to the virtual driver, and compare every decision. Nothing is sent."""
    from app import terminal
    from app.engine.replay_check import check_replay
    from app.sessions.reader import RunReader

    if not check:
        raise UserError("a replay is for checking", where="seatrial replay", do="Add --check.")
    with SessionLog.open(log) as session_log:
        found = check_replay(RunReader(session_log, run_id_of(session_log, run)))
    if json:
        terminal.say_json(found.as_json())
    else:
        for each in found.differences[:_SHOWN]:
            terminal.out.print(terminal.printable(str(each)), markup=False)
        if len(found.differences) > _SHOWN:
            terminal.out.print(f"and {len(found.differences) - _SHOWN:,} more", markup=False)
        verdict = f"{len(found.differences):,} differ" if found.differences else "all alike"
        terminal.out.print(
            f"Run {found.run_id}: {found.decisions:,} decisions about {found.requests:,} requests replayed "
            f"from {found.observations:,} observations, {verdict}.",
            markup=False,
        )
    return MISSED if found.differences else OK
