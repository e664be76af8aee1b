"""What the Runs page does off the GUI thread: reading the list, rates, naming, deleting. No Qt objects but the job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.errors import UserError
from app.sessions.maintenance import annotate, delete, purge
from app.sessions.reader import RunReader, runs
from app.sessions.records import RunRecord
from app.sessions.session_log import SessionLog, default_path
from app.sessions.vocabulary import REAL_CALLS_FACT
from widgets.background import Job

_PATIENCE_S: Final = 0.3
"""Rates are handed over in parts that took about so long, so that the table fills while one looks."""


@dataclass(frozen=True)
class Rate:
    """A variant's share of good answers, None while no request has ended."""

    title: str
    good_rate: float | None


@dataclass(frozen=True)
class Deleted:
    """The runs that are gone, and in words what could not be deleted."""

    run_ids: tuple[int, ...]
    refused: tuple[str, ...]


def load_runs(path: Path | None) -> list[RunRecord]:
    """The runs, newest first; none where there is no log yet."""
    if not (default_path() if path is None else path).exists():
        return []
    with SessionLog.open(path, create=False) as log:
        return runs(log)


def load_rates(job: Job, path: Path | None, run_ids: Sequence[int]) -> dict[int, tuple[Rate, ...]]:
    """The rates of the first of these runs, as many as can be read in a moment and at least one."""
    found: dict[int, tuple[Rate, ...]] = {}
    began = time.monotonic()
    with SessionLog.open(path, create=False) as log:
        for run_id in run_ids:
            job.check()
            found[run_id] = _rates(log, run_id)
            if time.monotonic() - began > _PATIENCE_S:
                break
    return found


def _rates(log: SessionLog, run_id: int) -> tuple[Rate, ...]:
    try:
        reader = RunReader(log, run_id)
    except UserError:
        return ()  # deleted meanwhile, by another window
    rates = []
    for variant in reader.variants:
        totals = reader.totals(variant.name)
        share = totals.outcomes["good"] / totals.requests if totals.requests else None
        rates.append(Rate(variant.title, share))
    return tuple(rates)


def load_real(path: Path | None, run_id: int) -> tuple[int, dict[str, Any]]:
    """The run, and what its real calls say of themselves; nothing where it made none, or is gone."""
    with SessionLog.open(path, create=False) as log:
        try:
            return run_id, RunReader(log, run_id).facts().get(REAL_CALLS_FACT, {})
        except UserError:
            return run_id, {}  # deleted meanwhile, by another window


def name_run(path: Path | None, run_id: int, texts: dict[str, str]) -> None:
    """Sets `name`, `tags` or `note`, those that are in `texts`. Raises UserError for an unknown run."""
    with SessionLog.open(path, create=False) as log:
        annotate(log, run_id, **texts)


def delete_runs(path: Path | None, run_ids: Sequence[int], patience_s: float = 20.0) -> Deleted:
    """Deletes runs for good; their rows are left to `purge_some`."""
    gone: list[int] = []
    refused: list[str] = []
    with SessionLog.open(path, create=False, patience_s=patience_s) as log:
        for run_id in run_ids:
            try:
                delete(log, run_id)
                gone.append(run_id)
            except UserError as error:
                refused.append(f"{error.what}. {error.do}")
    return Deleted(tuple(gone), tuple(refused))


def purge_some(path: Path | None) -> int:
    """Removes some rows of deleted runs; how many, 0 when none is left."""
    if not (default_path() if path is None else path).exists():
        return 0
    with SessionLog.open(path, create=False) as log:
        return purge(log)
