"""Which column of a dataset fills which variable of a prompt: what was given, then guesses that can be shown.

Works on names alone; it never looks into the rows, so the same names always give the same map.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from app.errors import UserError

# Names that mean much the same, best first. A guess goes by group, and within a group by this order.
_SYNONYMS: tuple[tuple[str, ...], ...] = (
    (
        *("question", "query", "utterance", "userquestion", "userquery", "usermessage", "message", "text"),
        *(
            "input",
            "request",
            "prompt",
            "content",
            "body",
            "sentence",
            "comment",
            "review",
            "ticket",
            "email",
        ),
    ),
    (
        *("answer", "expected", "expectedanswer", "expectedoutput", "label", "expectedlabel", "intent"),
        *("expectedintent", "category", "class", "target", "gold", "groundtruth", "reference", "response"),
    ),
    ("customer", "customername", "name", "username", "user", "client", "fullname", "firstname", "person"),
    ("order", "orderid", "ordernumber", "orderno"),
    ("date", "timestamp", "time", "datetime", "day", "created", "createdat"),
    ("language", "lang", "locale"),
    ("plan", "tier", "subscription", "package"),
)
_GROUP = {name: (group, rank) for group, names in enumerate(_SYNONYMS) for rank, name in enumerate(names)}
_TEXT_GROUP = 0
_NUMBERLIKE = re.compile(
    r"(^|[\s_.-])(ids?|no|nr|num|number|index|count|score|price|amount|total|rate|lat|lon|url|uuid|key)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Guess:
    """A pairing nobody gave: `why` says in words what it rests on."""

    variable: str
    column: str
    why: str


@dataclass(frozen=True)
class ColumnMap:
    """The column of each variable, in the variables' order; which are guesses; the variables without one."""

    pairs: Mapping[str, str]
    guessed: tuple[Guess, ...]
    missing: tuple[str, ...]

    def said(self) -> list[str]:
        """One line a variable: "question <- column 'text' (similar meaning)"."""
        why = {guess.variable: f" ({guess.why})" for guess in self.guessed}
        lines = [f"{name} <- column '{column}'{why.get(name, '')}" for name, column in self.pairs.items()]
        return lines + [f"{name} <- no column" for name in self.missing]


def match_columns(variables: Sequence[str], columns: Sequence[str], given: Mapping[str, str]) -> ColumnMap:
    """Pair each of `variables` with one of `columns`; `given` (variable to column) goes first.

    Then, each over all the variables still open: the same name; the same but for case, spaces and signs; a
    similar meaning; and if one variable and one column that may hold text are left over, those. A guess never
    takes a column that is already used. Raises UserError, naming the nearest, for a variable or column in
    `given` that is not there.
    """
    for variable, column in given.items():
        _known(variable, variables, "the prompts have no variable", f"mapping of '{variable}'")
        _known(column, columns, "the data has no column", f"mapping of '{variable}'")
    pairs = dict(given)
    exact = set(columns)
    pairs |= {name: name for name in variables if name not in pairs and name in exact}
    guessed: list[Guess] = []

    def take(why: str, find: Callable[[str, list[str]], str | None]) -> None:
        for name in variables:
            column = None if name in pairs else find(name, [c for c in columns if c not in pairs.values()])
            if column is not None:
                pairs[name] = column
                guessed.append(Guess(name, column, why))

    take("the same but for case and spacing", _same_plain)
    take("similar meaning", _same_meaning)
    if len({name for name in variables if name not in pairs}) == 1:
        take("the only text column left", _only_text)
    names = tuple(dict.fromkeys(variables))
    return ColumnMap(
        pairs={name: pairs[name] for name in names if name in pairs},
        guessed=tuple(guessed),
        missing=tuple(name for name in names if name not in pairs),
    )


_SHOWN = 20
"""So many names are listed where one is not known."""


def _known(name: str, names: Sequence[str], what: str, where: str) -> None:
    if name in names:
        return
    near = get_close_matches(name, names, n=1) or [n for n in names if _plain(n) == _plain(name)][:1]
    there = ", ".join(names[:_SHOWN]) or "none"
    more = f", … and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    do = f"Did you mean '{near[0]}'?" if near else f"There are: {there}{more}."
    raise UserError(f"{what} '{name}'", where=where, do=do)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _same_plain(name: str, free: list[str]) -> str | None:
    return next((column for column in free if _plain(column) == _plain(name)), None)


def _same_meaning(name: str, free: list[str]) -> str | None:
    wanted = _GROUP.get(_plain(name))
    if wanted is None:
        return None
    ranked = [(_GROUP[_plain(c)][1], c) for c in free if _GROUP.get(_plain(c), (None,))[0] == wanted[0]]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _only_text(name: str, free: list[str]) -> str | None:
    """The one column that may hold text, for a variable that may: names of a known other thing are out."""
    columns = [column for column in free if _may_be_text(column)]
    return columns[0] if len(columns) == 1 and _may_be_text(name) else None


def _may_be_text(name: str) -> bool:
    return _GROUP.get(_plain(name), (_TEXT_GROUP,))[0] == _TEXT_GROUP and not _NUMBERLIKE.search(name)
