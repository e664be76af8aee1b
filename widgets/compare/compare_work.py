"""What the Compare page does off the GUI thread: which runs there are, the comparison, the curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.analysis.comparison import Comparison, Side, chosen_sides, compare
from app.analysis.curves import Curves, RunPicture
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog, default_path
from widgets.background import Job


@dataclass(frozen=True)
class RunChoice:
    """A run to choose, in words, and its variants as (name, title)."""

    run_id: int
    text: str
    variants: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Compared:
    """A comparison, and what else could be chosen."""

    choices: tuple[RunChoice, ...]
    comparison: Comparison


def load_choices(path: Path | None) -> tuple[RunChoice, ...]:
    """The runs, newest first; none where there is no log yet."""
    if not (default_path() if path is None else path).exists():
        return ()
    with SessionLog.open(path, create=False) as log:
        return _choices(log)


def load_comparison(job: Job, path: Path | None, wanted: Sequence[tuple[int, str | None]]) -> Compared:
    """The comparison of what is wanted (see `chosen_sides`). Raises UserError where it cannot be made."""
    with SessionLog.open(path, create=False) as log:
        return Compared(_choices(log), compare(log, chosen_sides(log, wanted), job.check))


def load_curves(job: Job, path: Path | None, sides: Sequence[Side]) -> list[Curves]:
    """The curves of each side, in their order. Raises UserError for a run that is not there any more."""
    found: dict[int, dict[str, Curves]] = {}
    with SessionLog.open(path, create=False) as log:
        for side in sides:
            job.check()
            if side.run_id not in found:
                found[side.run_id] = RunPicture(RunReader(log, side.run_id)).now().curves
    return [found[side.run_id][side.variant] for side in sides]


def _choices(log: SessionLog) -> tuple[RunChoice, ...]:
    variants: dict[int, list[tuple[str, str]]] = {}
    for run_id, name, title in log.db.execute(
        "select run_id, name, title from variants order by run_id, idx"
    ):
        variants.setdefault(run_id, []).append((name, title))
    return tuple(
        RunChoice(
            record.run_id,
            f"{record.run_id}: {record.name or record.title} (seed {record.seed}"
            f"{', real calls' if record.clock == 'wall' else ''})",
            tuple(variants.get(record.run_id, ())),
        )
        for record in runs(log)
    )
