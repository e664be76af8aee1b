"""The `seatrial` command: checks that the package `app` it is about to run is Seatrial's, then runs it.

Installed as the top-level module `seatrial_launcher`, because only a name that nobody else uses is sure to be
ours: `app` is a common folder name, and a second package with one, installed into the same environment, would
be run by mistake.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_MARK = "SEATRIAL_PACKAGE = True"


def foreign_app() -> str | None:
    """The place of the package `app` that would be imported, if it is not ours; None when all is well."""
    if getattr(sys, "frozen", False):
        return None  # a bundle holds nobody else's packages
    spec = find_spec("app")
    if spec is None:
        return "nowhere"
    if spec.origin is None:
        return ", ".join(spec.submodule_search_locations or ["an unknown place"])
    try:
        return None if _MARK in Path(spec.origin).read_text(encoding="utf-8") else spec.origin
    except (OSError, UnicodeDecodeError):
        return spec.origin


def main() -> int:
    """Run the command line; status 2 when another package stands where ours should."""
    place = foreign_app()
    if place is not None:
        print(
            f"seatrial: the package 'app' in this environment is not Seatrial's (found: {place}).\n"
            "Another package has a folder 'app/' too. Install Seatrial on its own, for instance with "
            "'uv tool install seatrial' or 'pipx install seatrial'.",
            file=sys.stderr,
        )
        return 2
    from app.__main__ import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
