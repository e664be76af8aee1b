"""`seatrial runs`, `show`, `metrics` and `compare`: what the session log holds, and what its numbers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.application import OK, Json, Log, Run, cli, run_id_of
from app.errors import UserError
from app.sessions.session_log import SessionLog

if TYPE_CHECKING:
    from app.sessions.reader import RunReader


@cli.command()
def runs(*, log: Log = None, json: Json = False) -> int:
    """List the runs in the session log, newest first."""
    from dataclasses import asdict

    from app import terminal
    from app.sessions.reader import runs as all_runs

    with SessionLog.open(log) as session_log:
        records = all_runs(session_log)
    if json:
        hidden = {"scenario_toml"}
        terminal.say_json(
            {
                "runs": [
                    {key: value for key, value in asdict(each).items() if key not in hidden}
                    for each in records
                ]
            }
        )
    elif records:
        terminal.say_runs(records)
    else:
        terminal.out.print("No runs yet. 'seatrial run' makes one.")
    return OK


@cli.command()
def show(
    run: Run = "last",
    *,
    request: Annotated[
        int | None, typer.Option(metavar="N", help="One request, as each variant took it.")
    ] = None,
    draws: Annotated[
        bool, typer.Option("--draws", metavar="", help="With --request: every draw it depended on.")
    ] = False,
    log: Log = None,
    json: Json = False,
) -> int:
    """Show a run, or one request of it."""
    from app import terminal
    from app.analysis.fault_rates import summary_with_rates
    from app.sessions.reader import RunReader

    if draws and request is None:
        raise UserError("--draws shows the draws of one request", do="Add --request N.")
    with SessionLog.open(log) as session_log:
        reader = RunReader(session_log, run_id_of(session_log, run))
        titles = {variant.name: variant.title for variant in reader.variants}
        if request is not None:
            _show_request(reader, request, titles, with_draws=draws, as_json=json)
        elif json:
            terminal.say_json(summary_with_rates(reader))
        else:
            terminal.say_summary(summary_with_rates(reader), titles)
            terminal.say_events(reader.events())
    return OK


@cli.command()
def metrics(*, json: Json = False) -> int:
    """Say what is measured, and how: the formula of each metric."""
    from app import terminal
    from app.analysis.metrics import METRICS

    if json:
        terminal.say_json(
            {
                "metrics": [
                    {"key": m.key, "title": m.title, "formula": m.formula, "unit": m.unit} for m in METRICS
                ]
            }
        )
    else:
        for each in METRICS:
            terminal.out.print(f"{each.title} ({each.key})", markup=False, highlight=False, style="bold")
            terminal.out.print(f"    {each.formula}", markup=False, highlight=False)
    return OK


@cli.command()
def compare(
    runs_compared: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN[:VARIANT]…",
            help="Numbers of runs, or 'last'; a run alone: its variants side by side.",
        ),
    ],
    *,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variant, of runs named without one.")
    ] = None,
    log: Log = None,
    json: Json = False,
) -> int:
    """Compare runs or variants: settings that differ, metrics, requests saved and lost."""
    from app import terminal
    from app.analysis.comparison import as_json, chosen_sides
    from app.analysis.comparison import compare as compared_sides

    with SessionLog.open(log) as session_log:
        wanted = [_side(session_log, name, variant) for name in runs_compared]
        compared = compared_sides(session_log, chosen_sides(session_log, wanted))
    if json:
        terminal.say_json(as_json(compared))
    else:
        terminal.say_comparison(compared)
    return OK


def _show_request(
    reader: RunReader, number: int, titles: dict[str, str], *, with_draws: bool, as_json: bool
) -> None:
    from dataclasses import asdict

    from app import terminal, terminal_requests
    from app.engine.recall import recall_request

    found = recall_request(reader, number, with_draws=with_draws)
    if as_json:
        hidden = set() if with_draws else {"draws"}
        terminal.say_json(
            {
                "run": reader.run_id,
                "number": number,
                "variants": {
                    each.request.variant: {
                        key: value for key, value in asdict(each).items() if key not in hidden
                    }
                    for each in found
                },
            }
        )
        return
    terminal_requests.say_request(reader, found, titles)
    if with_draws:
        terminal_requests.say_draws(found, titles)


def _side(log: SessionLog, name: str, variant: str | None) -> tuple[int, str | None]:
    """A run and a variant, from 'RUN' or 'RUN:VARIANT'."""
    run, colon, own = name.partition(":")
    if colon and not own:
        raise UserError(f"'{name}' names no variant", do="Write it as RUN:VARIANT, such as 3:prototype.")
    return run_id_of(log, run), own or variant
