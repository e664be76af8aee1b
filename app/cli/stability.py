"""`seatrial stability`: will it recover? A scenario's arithmetic, and of a run also what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.application import OK, Json, Log, Settings, cli, run_id_of
from app.errors import UserError

if TYPE_CHECKING:
    from app.analysis.stability.report import StabilityReport


@cli.command()
def stability(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|RUN", help="A ready-made scenario's name, or a file; a run's number, or 'last'."
        ),
    ],
    *,
    outage: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0,
            max=86_400,
            help="Reckon with a standstill of so many seconds (default: the scenario's own outages).",
        ),
    ] = None,
    settings: Settings = None,
    log: Log = None,
    json: Json = False,
) -> int:
    """Load, capacity, and whether each variant comes back after an outage: predicted, and of a run measured."""
    from app import terminal
    from app.analysis.stability.report import of_run, of_scenario
    from app.scenario.files import open_scenario
    from app.sessions.reader import RunReader
    from app.sessions.session_log import SessionLog

    if subject == "last" or subject.isdecimal():
        if settings:
            raise UserError(
                "a run is as it was", where="--set", do="Give a scenario to ask about other settings."
            )
        with SessionLog.open(log) as session_log:
            report = of_run(RunReader(session_log, run_id_of(session_log, subject)), outage_s=outage)
    else:
        file = open_scenario(subject, settings or ())
        report = of_scenario(file.scenario, file.name, outage_s=outage)
    if json:
        terminal.say_json(report.as_json())
    else:
        _say(report)
    return OK


def _say(report: StabilityReport) -> None:
    """A table, variants side by side, and a sentence for each."""
    from rich.table import Table
    from rich.text import Text

    from app import terminal
    from app.analysis.stability.figures import figures, verdict_of

    of = report.scenario if report.run_id is None else f"run {report.run_id}"
    terminal.out.print(Text(terminal.printable(f"Will it recover? {report.title} ({of})"), style="bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for each in report.variants:
        table.add_column(Text(terminal.printable(each.assessment.title)), justify="right")
    part = None
    for row in figures(report):
        if part != (part := row.part):
            table.add_row(Text(part, style="bold"))
        table.add_row(
            Text(f"  {terminal.printable(row.title)}"), *(terminal.printable(text) for text in row.texts)
        )
    terminal.out.print(table)
    terminal.out.print()
    for each in report.variants:
        terminal.out.print(Text(terminal.printable(verdict_of(each))))
    terminal.out.print(
        Text(
            "A fluid model: chance is left out, and so are faults that strike single calls. SIMULATED, "
            f"seed {report.seed}.",
            style="dim",
        )
    )
