"""The command line: a thin skin over functions. Exit status: 0 fine, 1 a threshold was missed, 2 wrong input, 70 a
fault of our own, 130 interrupted. With --json one JSON object goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import sys
from errno import ENOSPC
from io import StringIO, TextIOWrapper

import typer

from app.cli import calibrate, keys, look, replay, run, scenarios, serve, stability, transfer, validate
from app.cli.application import INTERRUPTED, OK, OWN_FAULT, WRONG_INPUT, cli
from app.errors import TRACEBACK, UserError, own_fault

__all__ = [
    "calibrate",
    "keys",
    "look",
    "replay",
    "run",
    "run_cli",
    "scenarios",
    "serve",
    "stability",
    "transfer",
    "validate",
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
        status = cli(args=arguments, prog_name="seatrial", standalone_mode=False)
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError) and error.errno != ENOSPC:
            return _own_fault(error)
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
        return _own_fault(error)
    return status if isinstance(status, int) else OK


def _own_fault(error: Exception) -> int:
    """Say so; the exit status is returned. Raises `error` where its traceback is wanted."""
    from app.terminal import say_error

    if os.environ.get(TRACEBACK):
        raise error
    say_error(own_fault(error))
    return OWN_FAULT
