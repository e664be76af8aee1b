"""What a user can put right, told as one message: what is wrong, where, and what to do.

Everything else is ours to put right, and is an ordinary exception. At the edge, where nobody is left to mend it,
`own_fault` makes one message of it.

    UserError                the user's input was wrong: exit status 2, no traceback
    own_fault(exception)     Seatrial itself went wrong: exit status 70, and no traceback unless it is asked for
"""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Wrong input, with `what` is wrong, `where` (file, field, row; may be empty) and what to `do` about it.

    `do` fits the window and the command line; `option` is how the command line does it, and only said there.
    """

    def __init__(self, what: str, *, where: str = "", do: str = "", option: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.do = do
        self.option = option

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.do}" if self.do else ""
        end = "" if self.what.endswith((".", "!", "?")) else "."
        return f"{place}{self.what}{end}{advice}"


TRACEBACK = "SEATRIAL_TRACEBACK"
"""With this in the environment, what goes wrong in Seatrial itself is shown with its whole traceback."""


def own_fault(error: Exception) -> UserError:
    """What Seatrial itself got wrong, as a message: which error, on which line of ours, and what can be done."""
    from traceback import extract_tb

    ours = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_OURS)]
    line = f"{Path(ours[-1].filename).relative_to(_OURS).as_posix()}, line {ours[-1].lineno}" if ours else ""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return UserError(
        f"something in Seatrial itself went wrong ({said})",
        where=line,
        do="What is in the session log is kept. Please report this message, and how you came to it; "
        f"with {TRACEBACK}=1 in the environment there is more of it.",
    )


_OURS = Path(__file__).resolve().parents[1]
