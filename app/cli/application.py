"""The command line's root, and what several commands share: statuses, options, and how runs are named on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.errors import UserError
from app.sessions.session_log import SessionLog

OK, MISSED, WRONG_INPUT, OWN_FAULT, INTERRUPTED = 0, 1, 2, 70, 130

cli = typer.Typer(
    name="seatrial",
    no_args_is_help=False,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="See your AI prototype fail before your users do, and see what would have saved it.\n\n"
    "Without a command the window opens; 'seatrial --log PATH' opens it on another session log.",
    epilog="'seatrial --self-test' tries out engine, log and window on a small run.",
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


@cli.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version.")] = False,
) -> None:
    if version:
        from app import __version__

        typer.echo(f"seatrial {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run_id_of(log: SessionLog, name: str) -> int:
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


def pairs_of(texts: Sequence[str]) -> dict[str, str]:
    """{variable: column} of texts such as 'variable=column'."""
    pairs = {}
    for text in texts:
        variable, equals, column = text.partition("=")
        if not equals or not variable.strip():
            raise UserError(f"'{text}' maps nothing", where="--map", do="Write variable=column.")
        pairs[variable.strip()] = column.strip()
    return pairs
