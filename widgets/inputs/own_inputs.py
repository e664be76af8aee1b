"""What the user named in place of a scenario's prompts and data. Only names: nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OwnInputs:
    """A file or folder of prompts, a data file (None: the scenario's own), and the columns chosen by hand.

    `columns` are (variable, column) pairs.
    """

    prompts: Path | None = None
    data: Path | None = None
    columns: tuple[tuple[str, str], ...] = ()
