"""The command line: a thin skin over functions. Exit status: 0 fine, 1 a threshold was missed, 2 wrong input,
130 interrupted. With --json one JSON object goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import ENOSPC
from io import StringIO, TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from app.engine.control import Control
from app.errors import UserError
from app.sessions.session_log import SessionLog

if TYPE_CHECKING:
    from app.sessions.reader import RunReader

OK, MISSED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

cli = typer.Typer(
    name="seatrial",
    no_args_is_help=False,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="See your AI prototype fail before your users do, and see what would have saved it.",
)

Log = Annotated[
    Path | None,
    typer.Option("--log", metavar="PATH", help="The session log (default: in the platform's data folder)."),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object.")]
Run = Annotated[str, typer.Argument(help="A run's number, or 'last'.")]
ScenarioName = Annotated[str, typer.Argument(help="A ready-made scenario's name, or a file.")]
Prompts = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Your prompts in place of its own: a file or a folder.")
]
Data = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Your sample data in place of its own: CSV, TSV, JSON or JSONL."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="VARIABLE=COLUMN", help="Which column a prompt's variable takes."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another setting, by its dotted path.")
]


def run_cli(arguments: list[str]) -> int:
    """Run the command line; the exit status is returned."""
    if sys.stdout is None:
        sys.stdout = StringIO()  # closed by whoever started us, or there is no console
    from app.terminal import say_error

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A console that knows fewer letters than we use must not end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = cli(args=arguments or ["run"], prog_name="seatrial", standalone_mode=False)
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError) and error.errno != ENOSPC:
            raise
        # Standard output: what could not be written must not fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return OK
        say_error(UserError("standard output cannot be written: its disk is full"))
        return WRONG_INPUT
    except SystemExit:
        return OK  # so do rich and typer end when whoever read our output has seen enough
    except UserError as error:
        say_error(error)
        return WRONG_INPUT
    except typer.Exit as leave:
        return leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        # Typer's own usage errors know how to show themselves, and their status.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return int(error.exit_code)
        raise
    return status if isinstance(status, int) else OK


@cli.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version.")] = False,
) -> None:
    if version:
        from app import __version__

        sys.stdout.write(f"seatrial {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


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
    log: Log = None,
    json: Json = False,
) -> int:
    """Run a scenario and print how each variant did."""
    from app import terminal
    from app.analysis.summary import summary
    from app.analysis.thresholds import Threshold
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
    order = Order(file, prompts, data, _pairs(columns or ()))
    control = Control(_speed(speed))
    with SessionLog.open(log) as session_log, _stopped_by_interrupt(control) as interrupted:
        try:
            with terminal.progress_of_run() as listener:
                run_id = run_scenario(order, session_log, control, listener)
        except StoppedEarlyError as stopped:
            terminal.err.print(str(stopped), markup=False)
            return INTERRUPTED
        reader = RunReader(session_log, run_id)
        result = summary(reader)
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
    from app.analysis.summary import summary
    from app.sessions.reader import RunReader

    if draws and request is None:
        raise UserError("--draws shows the draws of one request", do="Add --request N.")
    with SessionLog.open(log) as session_log:
        reader = RunReader(session_log, _run_id(session_log, run))
        titles = {variant.name: variant.title for variant in reader.variants}
        if request is not None:
            _show_request(reader, request, titles, with_draws=draws, as_json=json)
        elif json:
            terminal.say_json(summary(reader))
        else:
            terminal.say_summary(summary(reader), titles)
            terminal.say_events(reader.events())
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


@cli.command()
def scenarios(*, json: Json = False, _log: Log = None) -> int:
    """List the ready-made scenarios, and what each one teaches."""
    from app import terminal
    from app.scenario.files import lesson, ready_made

    lessons = {name: lesson(path.read_text(encoding="utf-8")) for name, path in ready_made().items()}
    if json:
        terminal.say_json({"scenarios": [{"name": name, "teaches": text} for name, text in lessons.items()]})
        return OK
    for name, text in lessons.items():
        terminal.out.print(name, style="bold", markup=False)
        terminal.out.print(f"  {text}\n", markup=False)
    return OK


@cli.command()
def check(
    scenario: ScenarioName,
    *,
    prompts: Prompts = None,
    data: Data = None,
    columns: Columns = None,
    settings: Settings = None,
    _log: Log = None,
    json: Json = False,
) -> int:
    """Validate a scenario with its prompts and data, without running it, and list what it assumes."""
    from app import terminal
    from app.engine.draws import Draws
    from app.engine.questions import QuestionBook
    from app.inputs.bounded import BoundedWorker
    from app.inputs.preparation import prepare_inputs
    from app.scenario.assumptions import assumptions
    from app.scenario.files import open_scenario
    from app.scenario.rehearsal import rehearse_changes

    file = open_scenario(scenario, settings or ())
    rehearse_changes(file.scenario)
    with BoundedWorker() as worker:
        inputs = prepare_inputs(file, worker, prompts=prompts, data=data, columns=_pairs(columns or ()))
        doubts = QuestionBook(inputs, Draws(file.scenario.seed), worker).doubts()
    assumed = assumptions(file.scenario)
    if json:
        terminal.say_json(
            {
                "scenario": file.name,
                "title": file.scenario.title,
                "prompts": [prompt.name for prompt in inputs.prompts],
                "rows": inputs.row_count,
                "bad_rows": inputs.bad_rows,
                "columns": dict(inputs.columns.pairs),
                "notices": [*inputs.notices, *doubts],
                "assumptions": [
                    {"key": key, "value": value, "source": source} for key, value, source in assumed
                ],
            }
        )
        return OK
    terminal.say_check(file.name, inputs, doubts, assumed)
    return OK


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
        run_id = _run_id(session_log, run)
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


@cli.command(name="_engine", hidden=True)
def engine() -> int:
    """Run one scenario as a child process: JSON lines in and out."""
    from app.engine.process import serve_commands

    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    return serve_commands(sys.stdin, sys.stdout)


def _show_request(
    reader: RunReader, number: int, titles: dict[str, str], *, with_draws: bool, as_json: bool
) -> None:
    from dataclasses import asdict

    from app import terminal
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
    terminal.say_request(reader, found, titles)
    if with_draws:
        terminal.say_draws(found, titles)


def _run_id(log: SessionLog, name: str) -> int:
    """The run's number; 'last' is the newest."""
    from app.sessions.reader import runs as all_runs

    if name == "last":
        newest = all_runs(log, limit=1)
        if not newest:
            raise UserError("the session log holds no runs", do="'seatrial run' makes one.")
        return newest[0].run_id
    if name.isdecimal() and len(name) < 19:
        return int(name)
    raise UserError(f"'{name}' is no run", do="Give its number ('seatrial runs' lists them), or 'last'.")


def _side(log: SessionLog, name: str, variant: str | None) -> tuple[int, str | None]:
    """A run and a variant, from 'RUN' or 'RUN:VARIANT'."""
    run, colon, own = name.partition(":")
    if colon and not own:
        raise UserError(f"'{name}' names no variant", do="Write it as RUN:VARIANT, such as 3:prototype.")
    return _run_id(log, run), own or variant


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        variable, equals, column = text.partition("=")
        if not equals or not variable.strip():
            raise UserError(f"'{text}' maps nothing", where="--map", do="Write variable=column.")
        pairs[variable.strip()] = column.strip()
    return pairs


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return float(text.lstrip("x×"))
    except ValueError:
        raise UserError(
            f"'{text}' is no speed", where="--speed", do="Give a factor such as 10, or 'max'."
        ) from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=str(path)) from None


@contextmanager
def _stopped_by_interrupt(control: Control) -> Iterator[list[int]]:
    """Ctrl+C stops the run and keeps it; a second one ends the program. Yields the signals that came."""
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        control.stop()
        signal.signal(number, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
