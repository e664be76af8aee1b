"""`seatrial validate`: known results of queueing, retrying and caching, ours beside theirs."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.application import MISSED, OK, Json, Log, cli
from app.errors import UserError


@cli.command()
def validate(
    name: Annotated[
        str | None, typer.Argument(help="One known result, such as 'erlang-c'; all, when left out.")
    ] = None,
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of NAME, such as 'rho=0.85'."),
    ] = None,
    _log: Log = None,
    json: Json = False,
) -> int:
    """Run known results through the engine, and print ours beside the published or computed values."""
    from app import terminal
    from app.analysis.validation.report import Report, findings
    from app.analysis.validation.results import RESULTS, cases_of

    rows = []
    if name is None:
        from app.analysis.validation.parallel import findings_of_all

        if settings:
            raise UserError("--set needs to know which known result is meant", do="Give its name first.")
        with terminal.progress_of_validation(len(RESULTS)) as (begun, done):
            rows = findings_of_all(tuple(RESULTS), begun, done)
    else:
        cases = cases_of(name, settings or ())
        with terminal.progress_of_validation(len(cases)) as (begun, done):
            for case in cases:
                begun(case.name)
                rows += findings(case)
                done(case.name)
    report = Report.of(rows)
    if json:
        terminal.say_json(report.as_json())
    else:
        terminal.say_validation(report)
    return OK if report.passed else MISSED
