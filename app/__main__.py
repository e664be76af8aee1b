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
    try:
        from app.cli import run_cli

        return run_cli(arguments)
    except KeyboardInterrupt:
        # Ctrl+C while still importing: there is nothing to say, and nothing to keep.
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
