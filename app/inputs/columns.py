"""What the rows of a dataset hold of the columns that prompts use: which rows can be asked about, which columns are text.

Which column fills which variable is `mapping`'s to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from app.errors import UserError
from app.inputs.datasets import Dataset

SHOWN: Final = 5
"""As many rows are told one by one; of the others there is a count."""
_SAMPLED: Final = 50


def usable_rows(dataset: Dataset, columns: Sequence[str], notices: list[str]) -> tuple[int, ...] | None:
    """The places of the rows that hold all of `columns`, None for all rows; what is left out is added to `notices`.

    Only JSON objects can lack a column. Raises UserError if there is no such row.
    """
    if dataset.format not in ("json", "jsonl"):
        return None
    usable = []
    lacking = []
    for index in range(len(dataset)):
        row = dataset.row(index)
        absent = [column for column in columns if column not in row]
        if absent:
            lacking.append(f"row {dataset.number(index)}: no {listed(absent)}")
        else:
            usable.append(index)
    if not lacking:
        return None
    if not usable:
        raise UserError(
            "no row has all that the prompts need", where=dataset.path.name, do=f"For instance {lacking[0]}."
        )
    more = f"; and {len(lacking) - SHOWN:,} more" if len(lacking) > SHOWN else ""
    notices.append(f"{rows_told(len(lacking))} left out ({'; '.join(lacking[:SHOWN])}{more})")
    return tuple(usable)


def text_columns(dataset: Dataset, columns: Iterable[str]) -> tuple[str, ...]:
    """`columns`, each once, the one with the longest texts in the first rows first."""
    sample = [dataset.row(index) for index in range(min(_SAMPLED, len(dataset)))]

    def length(column: str) -> int:
        return sum(len(value) for row in sample if isinstance(value := row.get(column), str))

    return tuple(sorted(dict.fromkeys(columns), key=length, reverse=True))


def rows_told(count: int, kind: str = "") -> str:
    """How many rows there are in words, with a `kind` such as "bad " before them."""
    return f"{count:,} {kind}row{'' if count == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """The names in quotes, with commas."""
    return ", ".join(f"'{name}'" for name in names)
