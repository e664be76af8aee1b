"""`seatrial calibrate`: a few dozen real calls, and the scenario with a target that is like the one they met."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.application import (
    INTERRUPTED,
    MISSED,
    OK,
    Columns,
    Data,
    Json,
    Log,
    Prompts,
    ScenarioName,
    Settings,
    cli,
    pairs_of,
)
from app.cli.interrupts import interrupts
from app.errors import UserError

if TYPE_CHECKING:
    from app.calibration.calibration import Calibration, Prepared


@cli.command()
def calibrate(
    scenario: ScenarioName,
    *,
    max_usd: Annotated[
        float, typer.Option("--max-usd", metavar="USD", help="The cap: what the calls may cost at the most.")
    ],
    target: Annotated[
        str, typer.Option(metavar="NAME", help="The target to call (default: the scenario's first).")
    ] = "",
    calls: Annotated[int, typer.Option(metavar="N", help="So many calls.")] = 30,
    concurrency: Annotated[int, typer.Option(metavar="N", help="So many at a time.")] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the scenario to FILE.toml.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Replace the file if it is there.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Make the calls without asking.")] = False,
    prompts: Prompts = None,
    data: Data = None,
    columns: Columns = None,
    settings: Settings = None,
    _log: Log = None,
    json: Json = False,
) -> int:
    """Measure a real target with REAL CALLS, within a cap, and fit a simulated one to it.

    It asks the scenario's own prompts and rows at the target's endpoint. Ctrl+C ends it and keeps what was measured.
    """
    from app import terminal
    from app.calibration.calibration import Order, prepare
    from app.calibration.calibration import calibrate as measured
    from app.calibration.measuring import Halt
    from app.calibration.report import as_json
    from app.providers.keys import Keys
    from app.scenario.files import open_scenario

    _check_output(output, force=force)
    file = open_scenario(scenario, settings or ())
    order = Order(file, max_usd, target, calls, concurrency, prompts, data, pairs_of(columns or ()))
    prepared = prepare(order, Keys().for_origin)
    _agree(prepared, yes=yes)
    halt = Halt()  # by Ctrl+C, which ends the calls and keeps what was measured
    with interrupts(halt.ask), terminal.progress_of_calls(len(prepared.course.questions)) as tell:
        calibration = measured(prepared, tell, halt)
    if json:
        terminal.say_json(as_json(calibration) | {"file": None if output is None else str(output)})
    else:
        _say(calibration)
    if calibration.fits.enough and output is not None:
        _save(calibration, output)
    if halt.asked:
        return INTERRUPTED
    return OK if calibration.fits.enough else MISSED


def _check_output(output: Path | None, *, force: bool) -> None:
    """Before any call is paid for."""
    if output is None:
        return
    if output.suffix.lower() != ".toml":
        raise UserError("the ending says nothing", where=str(output), do="Write to FILE.toml.")
    if output.exists() and not force:
        raise UserError("the file is there already", where=str(output), do="Use --force to replace it.")
    if not output.absolute().parent.is_dir():
        raise UserError("there is no such folder", where=str(output.parent), do="Make it, or choose another.")


def _agree(prepared: Prepared, *, yes: bool) -> None:
    """Say what will be done, and have it agreed to."""
    from app import terminal
    from app.calibration.words import announcement

    for notice in prepared.notices:
        terminal.err.print(f"note: {terminal.printable(notice)}", markup=False, style="dim")
    for line in announcement(prepared):
        terminal.err.print(terminal.printable(line), markup=False)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError("real calls cost money, and nobody is here to be asked", do="Add --yes.")
    if not typer.confirm("Make these calls?", err=True):
        raise typer.Abort


def _say(calibration: Calibration) -> None:
    """Tables of percentiles, what else was measured, what it means for the scenario, and the doubts."""
    from rich.table import Table
    from rich.text import Text

    from app import terminal
    from app.calibration import words
    from app.calibration.doubts import doubts
    from app.calibration.report import quantities
    from app.calibration.saving import found

    out, printable = terminal.out, terminal.printable
    out.print(Text(printable(words.headline(calibration)), style="bold"))
    for quantity in quantities(calibration):
        out.print()
        out.print(Text(f"{quantity.title}, {quantity.unit}: {words.fit_told(quantity)}"))
        table = Table(box=None, pad_edge=False)
        for heading in ("", "measured", "95 % interval", "fitted"):
            table.add_column(heading, justify="right")
        for row in quantity.rows:
            table.add_row(*words.cells(row))
        out.print(table)
    out.print()
    table = Table(box=None, pad_edge=False, show_header=False)
    for title, value in words.figures(calibration):
        table.add_row(Text(printable(title)), Text(printable(value)))
    out.print(table)
    made = found(calibration)
    if made:
        out.print()
        out.print(Text("The scenario's settings", style="bold"))
        table = Table(box=None, pad_edge=False, show_header=False)
        for each in made:
            table.add_row(Text(each.path), Text(f"{each.value:g}", justify="right"))
        out.print(table)
    out.print()
    for doubt in doubts(calibration):
        out.print(Text(printable(doubt)))
    out.print(Text("REAL CALLS", style="bold"))


def _save(calibration: Calibration, output: Path) -> None:
    from app import terminal
    from app.calibration.saving import calibrated_text
    from app.scenario.files import SAMPLE

    file = calibration.prepared.order.file
    try:
        output.write_text(calibrated_text(calibration, file.text), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=str(output)) from None
    terminal.err.print(
        f"The scenario is in {output}; 'seatrial run {output}' rehearses it for free.", markup=False
    )
    scenario = file.scenario
    for what, path in (("prompts", scenario.prompts.path), ("data", scenario.data.path)):
        if not path.startswith(SAMPLE) and output.absolute().parent != file.folder.absolute():
            terminal.err.print(
                f"note: it reads its {what} from '{path}', relative to its own folder", markup=False
            )
