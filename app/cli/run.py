"""`seatrial run`, and the engine as a child process: a scenario is run."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from io import TextIOWrapper
from typing import Annotated

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
from app.engine.control import Control
from app.errors import UserError
from app.sessions.session_log import SessionLog

_NICENESS = 10
"""The engine takes what processor the window leaves: at the same priority the window's p99 pause is three times as long."""


@cli.command()
def run(
    scenario: ScenarioName = "support-assistant",
    *,
    prompts: Prompts = None,
    data: Data = None,
    columns: Columns = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Another seed: other luck, same odds.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long requests arrive.")
    ] = None,
    settings: Settings = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", metavar="EXPR", help="Exit with 1 if so: 'safeguarded.answer_s.p95 > 8'."),
    ] = None,
    speed: Annotated[
        str, typer.Option(metavar="FACTOR", help="Virtual seconds a second, or 'max' for as fast as it goes.")
    ] = "max",
    real: Annotated[
        bool, typer.Option("--real", metavar="", help="Make real calls, to the endpoints of the scenario.")
    ] = False,
    max_usd: Annotated[
        float | None,
        typer.Option(metavar="USD", help="With --real: what all calls together may cost at the most."),
    ] = None,
    side_by_side: Annotated[
        bool,
        typer.Option("--side-by-side", metavar="", help="With --real: all variants at once, not in turns."),
    ] = False,
    no_answers: Annotated[
        bool,
        typer.Option("--no-answers", metavar="", help="With --real: do not keep the texts of answers."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", metavar="", help="With --real: go ahead without being asked.")
    ] = False,
    log: Log = None,
    json: Json = False,
) -> int:
    """Run a scenario and print how each variant did."""
    from app import terminal
    from app.analysis.fault_rates import summary_with_rates
    from app.analysis.thresholds import Threshold
    from app.cli.real import leave_for
    from app.engine.run import Order, StoppedEarlyError, run_scenario
    from app.scenario.files import open_scenario
    from app.sessions.reader import RunReader

    thresholds = [Threshold.parse(text) for text in fail_if or ()]
    all_settings = list(settings or ())
    if seed is not None:
        all_settings.append(f"seed={seed}")
    if duration is not None:
        all_settings.append(f"duration_s={duration}")
    file = open_scenario(scenario, all_settings)
    for threshold in thresholds:
        threshold.check(list(file.scenario.variants))
    order = Order(file, prompts, data, pairs_of(columns or ()))
    control = Control(_speed(speed))
    if real:
        if control.speed is not None:
            raise UserError("real calls have no speed", where="--speed", do="Leave it out.")
        leave = leave_for(order, max_usd, side_by_side=side_by_side, keep_answers=not no_answers, yes=yes)
        if leave is None:
            return INTERRUPTED
        order = replace(order, real=leave)
    else:
        for name, given in (
            ("--max-usd", max_usd is not None),
            ("--side-by-side", side_by_side),
            ("--no-answers", no_answers),
            ("--yes", yes),
        ):
            if given:
                raise UserError("this is for real calls", where=name, do="Add --real, or leave it out.")
    # The first Ctrl+C stops the run and keeps it; with real calls a second one gives up those that are under way.
    with SessionLog.open(log) as session_log, interrupts(control.stop, heard=2 if real else 1) as interrupted:
        try:
            with terminal.progress_of_run() as listener:
                run_id = run_scenario(order, session_log, control, listener)
        except StoppedEarlyError as stopped:
            terminal.err.print(str(stopped), markup=False)
            return INTERRUPTED
        reader = RunReader(session_log, run_id)
        result = summary_with_rates(reader)
        missed = [threshold for threshold in thresholds if threshold.missed(result)]
        if json:
            terminal.say_json(result)
        else:
            terminal.say_summary(result, {variant.name: variant.title for variant in reader.variants})
        for threshold in missed:
            terminal.err.print(f"missed: {threshold.text}", markup=False)
    if interrupted:
        return INTERRUPTED
    return MISSED if missed else OK


@cli.command(name="_engine", hidden=True)
def engine() -> int:
    """Run one scenario as a child process: JSON lines in and out."""
    from app.engine.process import serve_commands

    if hasattr(os, "nice"):
        os.nice(_NICENESS)

    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    return serve_commands(sys.stdin, sys.stdout)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return float(text.lstrip("x×"))
    except ValueError:
        raise UserError(
            f"'{text}' is no speed", where="--speed", do="Give a factor such as 10, or 'max'."
        ) from None
