"""What the command line shows of keys: everything but the key."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app.providers.key_rules import VARIABLE
from app.providers.keys import KeyEntry
from app.terminal import out, printable


def say(sentence: str) -> None:
    """One sentence."""
    out.print(Text(printable(sentence)))


def say_keys(entries: Sequence[KeyEntry], store_problem: str) -> None:
    """The keys in the order in which they are looked at; and, where it is so, why none can be stored."""
    if not entries:
        say("There are no keys." + ("" if store_problem else " 'seatrial keys add NAME ORIGIN' stores one."))
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("name", "address", "where", ""):
            table.add_column(heading)
        for entry in entries:
            unused = "" if entry.used else "not used: another key for the same origin goes first"
            table.add_row(Text(printable(entry.name)), Text(printable(entry.address)), entry.where, unused)
        out.print(table)
    if store_problem:
        say(f"None can be stored: {store_problem}. Give keys in variables {VARIABLE}<NAME>='ORIGIN KEY'.")
