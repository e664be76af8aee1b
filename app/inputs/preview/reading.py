"""Reads prompts and data as a run would, and tells what it found; what a run would refuse is told, not raised.

A missing column is a problem that the user can put right by choosing one, so everything else is still shown. Files that
cannot be used at all raise UserError, as for a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from app.engine.draws import Draws
from app.engine.questions import QuestionBook
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.columns import usable_rows
from app.inputs.datasets import Dataset
from app.inputs.mapping import ColumnMap, match_columns
from app.inputs.preparation import Inputs, Loaded, Progress, load_inputs, try_out, variables_of
from app.inputs.preview.personal_data import Personal, find_personal
from app.inputs.prompts import Message
from app.scenario.files import ScenarioFile

BAD_SHOWN: Final = 200
_LISTED: Final = 5

How = Literal["same name", "guessed", "chosen", "missing"]


@dataclass(frozen=True)
class PromptShape:
    """A prompt: its name, its messages as templates, the variables it uses."""

    name: str
    messages: tuple[Message, ...]
    variables: tuple[str, ...]


@dataclass(frozen=True)
class DataShape:
    """A data file: how it was read, how many good rows it has, and the first 200 of the bad ones."""

    path: Path
    format: str
    encoding: str
    delimiter: str | None
    columns: tuple[str, ...]
    rows: int
    bad: tuple[tuple[int, str], ...]
    """(number among the data rows from 1, reason)."""
    bad_count: int


@dataclass(frozen=True)
class Pairing:
    """Which column fills a variable, how that came about, and `why` in words (may be empty).

    `needed`: a prompt uses it; else only a check, an expected answer or a fault's rule asks for it.
    """

    variable: str
    column: str | None
    how: How
    why: str
    needed: bool


@dataclass(frozen=True)
class _Read:
    """What was read and found in it, whatever columns are chosen; `variables` are each prompt's."""

    loaded: Loaded
    variables: tuple[tuple[str, ...], ...]
    personal: tuple[Personal, ...]


@dataclass(frozen=True)
class Preview:
    """What prompts and data come to.

    `problems` would stop a run, `notices` tell what is left out or was decided, `doubts` what the simulated models
    cannot do. `inputs` are what a run would take; with problems they are as far as they go.
    """

    prompts: tuple[PromptShape, ...]
    data: DataShape
    mapping: tuple[Pairing, ...]
    notices: tuple[str, ...]
    doubts: tuple[str, ...]
    personal: tuple[Personal, ...]
    problems: tuple[UserError, ...]
    inputs: Inputs = field(repr=False, compare=False)
    read: _Read = field(repr=False, compare=False)

    @property
    def row_count(self) -> int:
        """How many rows can be asked about."""
        return self.inputs.row_count

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """The (variable, column) pairs that the user chose, as far as they fit."""
        own = self.read.loaded.columns
        return tuple(
            (each.variable, each.column)
            for each in self.mapping
            if each.how == "chosen" and each.column is not None and own.get(each.variable) != each.column
        )


def preview_inputs(
    file: ScenarioFile,
    *,
    prompts: Path | None = None,
    data: Path | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Preview:
    """Read what `file` names, or what the user names in its place, and match it.

    `columns` are the user's choices (variable to column); those that fit nothing any more are left out with a notice.
    `progress` is told bytes done and in all, again and again; what it raises ends the reading. Raises UserError for a
    file that cannot be used at all, and for a wrong template.
    """
    told = _Told(progress or _silent)
    loaded = load_inputs(file, prompts=prompts, data=data, progress=told)
    personal = find_personal(loaded.dataset, told.again)
    with BoundedWorker() as worker:
        variables = []
        for each in loaded.prompts:
            told.again()
            variables.append(tuple(variables_of([each], worker)))
        return _matched(_Read(loaded, tuple(variables), personal), columns or {}, worker, told)


def remapped(preview: Preview, columns: Mapping[str, str], progress: Progress | None = None) -> Preview:
    """The preview with other columns chosen; nothing is read again. `progress` may raise to end it."""
    with BoundedWorker() as worker:
        return _matched(preview.read, columns, worker, _Told(progress or _silent))


def _silent(_done: int, _total: int) -> None:
    pass


class _Told:
    """Passes progress on, and can say again what was said last, so that whoever listens can end the work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = (0, 0)

    def __call__(self, done: int, total: int) -> None:
        self._last = (done, total)
        self._progress(done, total)

    def again(self) -> None:
        self._progress(*self._last)


def _matched(read: _Read, columns: Mapping[str, str], worker: BoundedWorker, told: _Told) -> Preview:
    loaded = read.loaded
    dataset, own = loaded.dataset, loaded.columns
    notices = list(loaded.notices)
    problems: list[UserError] = []
    needed = list(dict.fromkeys(name for names in read.variables for name in names))
    asked = loaded.asked_columns(needed)
    given: dict[str, str] = {}
    for variable, column in {**own, **columns}.items():
        if variable in asked and column in dataset.columns:
            given[variable] = column
        elif variable in columns:
            notices.append(f"the choice of column '{column}' for '{variable}' no longer fits and is left out")
        else:
            problems.append(_refusal(asked, dataset, variable, column))
    mapped = match_columns(asked, dataset.columns, given)
    mapping = tuple(_pairing(name, mapped, given, own, name in needed) for name in asked)
    lacking = [each.variable for each in mapping if each.needed and each.column is None]
    if lacking:
        listed = ", ".join(f"'{name}'" for name in lacking[:_LISTED])
        more = f" and {len(lacking) - _LISTED:,} more" if len(lacking) > _LISTED else ""
        problems.append(
            UserError(
                f"no column fits {listed}{more}, which the prompts need",
                where=dataset.path.name,
                do="Choose the columns by hand, or use other prompts or data.",
            )
        )
    told.again()
    used = [mapped.pairs[name] for name in needed if name in mapped.pairs]
    usable = None
    try:
        usable = usable_rows(dataset, used, notices)
    except UserError as error:
        problems.append(error)
    inputs = loaded.inputs(mapped, used, usable, ())
    doubts: list[str] = []
    if not problems:
        told.again()
        try:
            notices += try_out(inputs, worker)
            told.again()
            doubts = QuestionBook(inputs, Draws(loaded.scenario.seed), worker).doubts()
        except UserError as error:
            problems.append(error)
    return Preview(
        tuple(
            PromptShape(prompt.name, prompt.messages, variables)
            for prompt, variables in zip(loaded.prompts, read.variables, strict=True)
        ),
        _shape(dataset),
        mapping,
        tuple(notices),
        tuple(doubts),
        read.personal,
        tuple(problems),
        inputs,
        read,
    )


def _refusal(asked: list[str], dataset: Dataset, variable: str, column: str) -> UserError:
    """What a run says to a mapping in the scenario that fits nothing."""
    try:
        match_columns(asked, dataset.columns, {variable: column})
    except UserError as error:
        return error
    raise AssertionError("the mapping fits")


def _pairing(
    name: str, mapped: ColumnMap, given: Mapping[str, str], own: Mapping[str, str], needed: bool
) -> Pairing:
    column = mapped.pairs.get(name)
    guess = next((each for each in mapped.guessed if each.variable == name), None)
    how: How
    if column is None:
        how, why = (
            "missing",
            "" if needed else "checks, expected answers and rules that need it are left out",
        )
    elif name in given:
        how, why = "chosen", "by the scenario" if own.get(name) == column else "by you"
    elif guess is not None:
        how, why = "guessed", guess.why
    else:
        how, why = "same name", ""
    return Pairing(name, column, how, why, needed)


def _shape(dataset: Dataset) -> DataShape:
    return DataShape(
        dataset.path,
        dataset.format,
        dataset.encoding,
        dataset.delimiter,
        dataset.columns,
        len(dataset),
        tuple((bad.number, bad.reason) for bad in dataset.bad[:BAD_SHOWN]),
        dataset.bad_count,
    )
