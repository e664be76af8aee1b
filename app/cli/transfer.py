"""`seatrial export` and `import`: runs move from one session log to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.application import OK, Json, Log, Run, cli, run_id_of
from app.errors import UserError
from app.sessions.session_log import SessionLog


@cli.command()
def export(
    run: Run,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="FILE.zip for the run, FILE.toml for its scenario."
        ),
    ],
    texts: Annotated[
        bool, typer.Option("--texts", metavar="", help="With prompts and data in it (.zip).")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Replace the file if it is there.")
    ] = False,
    log: Log = None,
    json: Json = False,
) -> int:
    """Write a run to a file: all of it (.zip), or the scenario that reproduces it (.toml)."""
    from app import terminal
    from app.scenario.export import needed_inputs, scenario_text
    from app.sessions.exporting import export_run
    from app.sessions.reader import RunReader

    kind = output.suffix.lower()
    if kind not in (".zip", ".toml"):
        raise UserError(
            "the ending says nothing", where=str(output), do="Export to FILE.zip (the run) or FILE.toml."
        )
    if output.exists() and not force:
        raise UserError("the file is there already", where=str(output), do="Use --force to replace it.")
    with SessionLog.open(log) as session_log:
        run_id = run_id_of(session_log, run)
        if kind == ".toml":
            reader = RunReader(session_log, run_id)
            _write(output, scenario_text(reader))
            for hint in needed_inputs(reader):
                terminal.err.print(f"note: {hint}", markup=False)
        else:
            export_run(session_log, run_id, output, texts=texts)
    if json:
        terminal.say_json({"run": run_id, "file": str(output)})
    else:
        terminal.err.print(f"run {run_id} is in {output}", markup=False)
    return OK


@cli.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A run that was exported (.zip).")],
    *,
    log: Log = None,
    json: Json = False,
) -> int:
    """Read an exported run into the session log, under a new number."""
    from app import terminal
    from app.sessions.importing import import_run

    with SessionLog.open(log) as session_log:
        run_id = import_run(session_log, file)
    if json:
        terminal.say_json({"run": run_id})
    else:
        terminal.out.print(f"imported as run {run_id}", markup=False)
    return OK


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=str(path)) from None
