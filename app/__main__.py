"""Entry point: `seatrial` and `python -m app`."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run the command line with `arguments`; the exit status is returned."""
    print(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
