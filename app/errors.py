"""What a user can put right, told as one message: what is wrong, where, and what to do.

Everything else is ours to put right and stays an ordinary exception with its traceback.

    UserError                the user's input was wrong: exit status 2, no traceback
"""

from __future__ import annotations


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
