"""Reads one request as each variant took it, for the detail: at once what the log has, then the texts that have to be
made again. Called on a worker thread; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.engine.recall import Recall, Texts, recall_request
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord, RequestRecord, VariantRecord
from app.sessions.session_log import SessionLog
from widgets.trial.request_trail import Step, trail
from widgets.trial.request_turns import Place, place_of

Wanted = tuple[int, int]
"""A run's id and the number of a request."""


@dataclass(frozen=True)
class Taken:
    """The request in one variant; `request` is None while it has not ended there, and `place` says where it is then.
    `deadline_s` is the variant's own, None without one."""

    variant: VariantRecord
    request: RequestRecord | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    steps: tuple[Step, ...] = ()
    deadline_s: float | None = None
    place: Place = Place.ASKED


@dataclass(frozen=True)
class Loaded:
    """What the log has of a request. `prompt` and `place` (row number in the user's file) are None where not known;
    `labels` names faults by id; `over` says that the run will bring no more."""

    wanted: Wanted
    over: bool
    offered: int
    taken: tuple[Taken, ...]
    prompt: str | None
    place: int | None
    patience_s: float
    labels: dict[str, str]

    @property
    def ended(self) -> RequestRecord | None:
        """The request in the first variant where it has ended."""
        return next((each.request for each in self.taken if each.request is not None), None)

    @property
    def open(self) -> bool:
        """Whether it has not ended in some variant."""
        return any(each.request is None for each in self.taken)


@dataclass(frozen=True)
class Recollected:
    """The texts of a request by variant; `texts` are the same for all but the answer."""

    wanted: Wanted
    texts: Texts
    answers: dict[str, str | None]


def load(log_path: Path | None, wanted: Wanted) -> Loaded:
    """What the log has. Raises UserError if there is no such run, or no such request in it."""
    run_id, number = wanted
    with SessionLog.open(log_path, create=False) as log:
        reader = RunReader(log, run_id)
        record = reader.record()
        if not 0 <= number < record.offered:
            raise UserError(f"There is no request {number:,} in this run", do="Choose one of the table.")
        recall = Recall(reader, BoundedWorker())  # its worker is not started for what is asked here
        passed_us = [reader.passed_us(variant.name) for variant in reader.variants]
        found = {variant.name: reader.request(variant.name, number) for variant in reader.variants}
        ended = next((each[0] for each in found.values() if each is not None), None)
        scenario = recall.scenario_at(record.virtual_us if ended is None else ended.intended_us)
        labels = {fault.id: fault.label or fault.id for fault in scenario.faults}
        taken = []
        for variant in reader.variants:
            safeguards = scenario.variants[variant.name].safeguards
            deadline_s = next(
                (each.total_s for each in safeguards if each.kind == "deadline" and each.on), None
            )
            both = found[variant.name]
            if both is None:
                place = place_of(None if ended is None else ended.intended_us, passed_us, variant.index)
                taken.append(Taken(variant, deadline_s=deadline_s, place=place))
            else:
                taken.append(Taken(variant, both[0], tuple(both[1]), trail(*both, labels), deadline_s))
        row = None if ended is None else reader.row(ended.row)
        return Loaded(
            wanted,
            record.state != "running",
            record.offered,
            tuple(taken),
            None if ended is None else reader.prompts()[ended.prompt].name,
            None if row is None else row.number,
            scenario.patience_s,
            labels,
        )


def recollect(log_path: Path | None, wanted: Wanted) -> Recollected:
    """The texts of a request that has ended somewhere; takes half a second, as a process renders them.

    Raises UserError if it has ended nowhere.
    """
    run_id, number = wanted
    with SessionLog.open(log_path, create=False) as log:
        recalled = recall_request(RunReader(log, run_id), number)
        answers = {each.request.variant: each.texts.answer for each in recalled}
        return Recollected(wanted, recalled[0].texts, answers)
