"""What all mutations share: the row, its draws, their parameters, and which of its texts can be changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Row = dict[str, object]

Draw = Callable[[str], float]
"""A keyed uniform in [0, 1) for this row and fault, by a purpose that never changes its name."""


@dataclass(frozen=True)
class Parameters:
    """What a mutation may be told; each kind reads only what concerns it."""

    severity: float = 0.15
    """Fraction of words with a typo."""
    repeat_to_chars: int = 24_000
    """How long a far too long text at least gets, in characters."""


Mutation = Callable[[Row, Sequence[str], Draw, Parameters], Row]
"""(row, text columns, draw, parameters) -> a new row; an equal one where the mutation cannot apply."""


def texts(row: Row, text_columns: Sequence[str]) -> dict[str, str]:
    """The row's texts by column, main one first; absent and blank ones and what is no text are left out."""
    found = {}
    for column in text_columns:
        value = row.get(column)
        if isinstance(value, str) and value.strip():
            found[column] = value
    return found


def pick(count: int, draw: float) -> int:
    """Which of `count` things a draw in [0, 1) picks."""
    return min(int(draw * count), count - 1)
