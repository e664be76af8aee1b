"""Entry point: `seatrial` and `python -m app`. What a command does not need is not imported."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run the command line with `arguments`; the exit status is returned."""
    if arguments == ["--version"]:
        from app import __version__

        print(f"seatrial {__version__}")
        return 0
    if arguments == ["_worker"]:
        from app.inputs.worker import main as work

        return work()
    if arguments == ["--self-test"]:
        from widgets.self_test import self_test

        return self_test()
    if not arguments or (arguments[0] == "--log" and len(arguments) == 2):
        return _open_window(arguments[1:])
    try:
        from app.cli import run_cli

        return run_cli(arguments)
    except KeyboardInterrupt:
        # Ctrl+C while still importing: there is nothing to say, and nothing to keep.
        return 130


def _open_window(log: list[str]) -> int:
    """Open the window, on the session log that is named, if any. Only here is Qt imported."""
    import gc
    from pathlib import Path

    gc.disable()  # what is imported stays; afterwards `widgets.garbage` collects, on the right thread
    from app.errors import UserError

    try:
        from widgets.platform_check import check_platform

        check_platform()
        from widgets.application import run_window

        return run_window(Path(log[0]) if log else None)
    except UserError as error:
        from app.terminal import say_error

        say_error(error)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
