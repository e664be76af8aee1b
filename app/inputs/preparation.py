"""Reads a scenario's prompts and data, and matches the data's columns to what prompts and scenario ask for.

What does not fit is told: a prompt without its column is an error; a check, an expected answer or a fault's
rule without its column is left out, with a notice. Bad rows are listed, the good ones run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.columns import SHOWN, listed, rows_told, text_columns, usable_rows
from app.inputs.datasets import Dataset, load_dataset
from app.inputs.mapping import ColumnMap, match_columns
from app.inputs.prompts import Prompt, load_prompts
from app.inputs.unheeded import unheeded
from app.scenario.files import ScenarioFile, within
from app.scenario.model import Scenario
from app.traffic.trace import Trace, load_trace

Progress = Callable[[int, int], None]

_TRIED = 20


class Rows(Protocol):
    """Rows of data by index; `number` counts them as their file does."""

    def __len__(self) -> int: ...

    def row(self, index: int, /) -> dict[str, object]:
        """A row by column."""
        ...

    def number(self, index: int, /) -> int:
        """Its number in the file."""
        ...


@dataclass(frozen=True)
class Inputs:
    """Prompts and data, ready to run.

    `usable` are the dataset's rows that every prompt can be made of; None means all.
    """

    scenario: Scenario
    """The scenario, without what the data has no column for."""
    prompts: tuple[Prompt, ...]
    rows: Rows
    columns: ColumnMap
    text_columns: tuple[str, ...]
    """Columns of free text that the prompts use, the one with the longest texts first."""
    usable: tuple[int, ...] | None
    notices: tuple[str, ...]
    bad_rows: int = 0
    trace: Trace | None = None
    """When and how large the requests were that the traffic replays."""

    @property
    def row_count(self) -> int:
        """How many rows can be asked about."""
        return len(self.rows) if self.usable is None else len(self.usable)

    def row(self, index: int) -> dict[str, object]:
        """A usable row, by column."""
        return self.rows.row(index if self.usable is None else self.usable[index])

    def row_number(self, index: int) -> int:
        """Its number in the file, counted from 1."""
        return self.rows.number(index if self.usable is None else self.usable[index])


@dataclass(frozen=True)
class Loaded:
    """Prompts and data as they were read, whatever columns they are then matched by.

    `columns` are the scenario's own choices (variable to column), none where the user named other data; `notices` tell
    what was decided in reading.
    """

    scenario: Scenario
    prompts: tuple[Prompt, ...]
    dataset: Dataset
    columns: Mapping[str, str]
    notices: tuple[str, ...]

    def asked_columns(self, needed: Sequence[str]) -> list[str]:
        """What columns are looked for: those of the variables `needed` by prompts, then what only the scenario wants."""
        return list(dict.fromkeys([*needed, *_wanted_columns(self.scenario)]))

    def inputs(
        self,
        mapped: ColumnMap,
        columns: Sequence[str],
        usable: tuple[int, ...] | None,
        notices: Sequence[str],
    ) -> Inputs:
        """What a run takes, with prompts that use these columns."""
        return Inputs(
            fitted(self.scenario, mapped.pairs),
            self.prompts,
            self.dataset,
            mapped,
            text_columns(self.dataset, columns),
            usable,
            tuple(notices),
            self.dataset.bad_count,
        )


def load_inputs(
    file: ScenarioFile,
    *,
    prompts: Path | None = None,
    data: Path | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Read what `file` names, or what the user names in its place, and match nothing yet.

    `progress` is told bytes of data done and in all. Raises UserError for what cannot be read.
    """
    scenario = file.scenario
    notices: list[str] = []
    loaded = load_prompts(
        prompts or within(file.folder, scenario.prompts.path, what="prompts"), note=notices.append
    )
    loaded = tuple(replace(each, name=storable(each.name)) for each in loaded)
    if prompts is None and scenario.prompts.only:
        loaded = _only(loaded, scenario.prompts.only)
    dataset = load_dataset(
        data or within(file.folder, scenario.data.path, what="data"),
        encoding=scenario.data.encoding if data is None else None,
        delimiter=scenario.data.delimiter if data is None else None,
        progress=progress,
    )
    columns = scenario.data.columns if data is None else {}
    return Loaded(scenario, loaded, dataset, columns, (*notices, *dataset.notes))


def prepare_inputs(
    file: ScenarioFile,
    worker: BoundedWorker,
    *,
    prompts: Path | None = None,
    data: Path | None = None,
    columns: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> Inputs:
    """Read what `file` names, or what the user names in its place.

    Raises UserError for what cannot be used.
    """
    loaded = load_inputs(file, prompts=prompts, data=data, progress=progress)
    dataset = loaded.dataset
    needed = variables_of(loaded.prompts, worker)
    mapped = match_columns(
        loaded.asked_columns(needed), dataset.columns, {**loaded.columns, **(columns or {})}
    )
    lacking = [name for name in mapped.missing if name in needed]
    if lacking:
        raise UserError(
            f"the prompts need {listed(lacking)}, and no column fits; "
            f"the data has {listed(dataset.columns[:30])}{' and more' if len(dataset.columns) > 30 else ''}",
            where=dataset.path.name,
            do="Name the column with --map variable=column, or use other prompts with --prompts.",
        )
    notices = list(loaded.notices)
    notices += [
        f"{each.variable} is taken from column '{each.column}' ({each.why})" for each in mapped.guessed
    ]
    for column in mapped.missing:
        notices.append(f"no column '{column}': checks, expected answers and rules that need it are left out")
    notices += unheeded(file.scenario, [prompt.name for prompt in loaded.prompts], needed)
    used = [mapped.pairs[name] for name in needed]
    usable = usable_rows(dataset, used, notices)
    if dataset.bad_count:
        first = "; ".join(f"row {bad.number}: {bad.reason}" for bad in dataset.bad[:SHOWN])
        more = f"; and {dataset.bad_count - SHOWN:,} more" if dataset.bad_count > SHOWN else ""
        notices.append(f"{rows_told(dataset.bad_count, 'bad ')} left out ({first}{more})")
    trace = _replayed(file, notices)
    inputs = replace(loaded.inputs(mapped, used, usable, notices), trace=trace)
    return replace(inputs, notices=(*notices, *try_out(inputs, worker)))


def _replayed(file: ScenarioFile, notices: list[str]) -> Trace | None:
    """The trace that the scenario's traffic replays, if it does; what was decided about it is added to `notices`."""
    traffic = file.scenario.traffic
    if traffic.trace is None:
        return None
    path = file.input_path(
        traffic.trace.path, what="traffic.trace.path", option="--set traffic.trace.path=FILE"
    )
    trace = load_trace(path, traffic.trace.columns)
    notices += [storable(notice) for notice in trace.notices]
    if traffic.has_rate:
        notices.append(
            f"trace: its {trace.rate_per_s:.3g} requests a second are stretched to the scenario's rate; "
            "leave out level, rate_per_s and points to play it as it was"
        )
    if traffic.repeat_rate > 0 and (trace.input_tokens is not None or trace.output_tokens is not None):
        notices.append(
            "trace: a repeated question has the recorded size of its own request; repeat_rate = 0 asks no question twice"
        )
    return trace


def storable(text: str) -> str:
    """A file's name as text that can be kept; bytes that are none in the system's encoding become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def load_job(prompts: Sequence[Prompt]) -> dict[str, Any]:
    """What tells the worker the prompts."""
    texts = {each.name: [[part.role, part.template] for part in each.messages] for each in prompts}
    return {"do": "load", "prompts": texts}


def render_job(prompt: Prompt, row: Mapping[str, object], columns: ColumnMap) -> dict[str, Any]:
    """What has the worker fill a prompt with a row; a variable whose column the row lacks is undefined."""
    values = {name: row[column] for name, column in columns.pairs.items() if column in row}
    return {"do": "render", "prompt": prompt.name, "values": values}


def try_out(inputs: Inputs, worker: BoundedWorker) -> list[str]:
    """Fill each prompt with the first rows: what fails on some of them is told, on all of them a UserError."""
    worker.run([load_job(inputs.prompts)])
    rows = [inputs.row(index) for index in range(min(_TRIED, inputs.row_count))]
    told = []
    for prompt in inputs.prompts:
        answers = worker.run([render_job(prompt, row, inputs.columns) for row in rows])
        failed = [(index, answer["error"]) for index, answer in enumerate(answers) if "error" in answer]
        if not failed:
            continue
        index, why = failed[0]
        where = f"row {inputs.row_number(index)}"
        if len(failed) == len(rows):
            raise UserError(
                f"cannot be made of the data: {why}",
                where=f"prompt '{prompt.name}', {where}",
                do="Mend the template, or give other data.",
            )
        told.append(
            f"prompt '{prompt.name}' cannot be made of {len(failed)} of the first {len(rows)} rows "
            f"({where}: {why}); such requests fail"
        )
    return told


def _only(prompts: tuple[Prompt, ...], names: Sequence[str]) -> tuple[Prompt, ...]:
    there = {prompt.name: prompt for prompt in prompts}
    for name in names:
        if name not in there:
            raise UserError(
                f"there is no prompt '{name}'", where="prompts.only", do=f"There is {listed(list(there))}."
            )
    return tuple(there[name] for name in names)


def variables_of(prompts: Sequence[Prompt], worker: BoundedWorker) -> list[str]:
    """The variables that the prompts use, in order of their first use by prompt. Raises UserError for a wrong template."""
    jobs = [
        {"do": "variables", "templates": [each.template for each in prompt.messages]} for prompt in prompts
    ]
    names: dict[str, None] = {}
    for prompt, answer in zip(prompts, worker.run(jobs), strict=True):
        if "error" in answer:
            raise UserError(f"the template is wrong: {answer['error']}", where=f"prompt '{prompt.name}'")
        names |= dict.fromkeys(answer["variables"])
    return list(names)


def _wanted_columns(scenario: Scenario) -> list[str]:
    wanted = [check.column for check in scenario.checks if check.kind == "equals_column"]
    wanted += [answers.expected_column for answers in scenario.answers if answers.expected_column]
    wanted += [fault.match.column for fault in scenario.faults if fault.match is not None]
    return list(dict.fromkeys(wanted))


def fitted(scenario: Scenario, pairs: Mapping[str, str]) -> Scenario:
    """The scenario without the checks, expected answers and rules whose column was not matched."""
    missing = {name for name in _wanted_columns(scenario) if name not in pairs}
    if not missing:
        return scenario
    checks = tuple(check for check in scenario.checks if getattr(check, "column", None) not in missing)
    faults = tuple(
        fault for fault in scenario.faults if fault.match is None or fault.match.column not in missing
    )
    answers = tuple(
        each.model_copy(update={"expected_column": None, "field": None})
        if each.expected_column in missing
        else each
        for each in scenario.answers
    )
    return scenario.model_copy(update={"checks": checks, "faults": faults, "answers": answers})
