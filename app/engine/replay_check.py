"""Whether a saved run of real calls is decided alike when its observations are replayed (`seatrial replay`).

The safeguards are built from the run's stored scenario; what was switched while it ran is among the observations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.engine.replay import Difference, replay
from app.errors import UserError
from app.inputs.preparation import fitted
from app.scenario.files import parse_scenario
from app.sessions.reader import RunReader
from app.sessions.records import ObservationRecord

_PAGE = 5_000


@dataclass(frozen=True)
class ReplayCheck:
    """`observations` resumes of so many `requests` were replayed, and `decisions` commands compared."""

    run_id: int
    observations: int
    requests: int
    decisions: int
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        """For the command line's JSON."""
        return {
            "run": self.run_id,
            "observations": self.observations,
            "requests": self.requests,
            "decisions": self.decisions,
            "alike": not self.differences,
            "differences": [
                {
                    "observation": each.sequence,
                    "request": each.number,
                    "recorded": each.recorded,
                    "replayed": each.replayed,
                }
                for each in self.differences
            ],
        }


def check_replay(reader: RunReader) -> ReplayCheck:
    """Replay a run's observations and compare every decision.

    Raises UserError for a run without observations (a simulated one, or one exported without texts), one that still goes,
    and a record that is damaged.
    """
    record = reader.record()
    where = f"run {reader.run_id}"
    if record.state == "running":
        raise UserError("the run still goes", where=where, do="Check it when it has ended.")
    if not reader.observations(limit=1):
        why = "it was simulated" if record.clock == "virtual" else "it was exported without texts"
        raise UserError(
            f"the run has no observations of real calls: {why}", where=where, do="Choose a run of real calls."
        )
    written = parse_scenario(record.scenario_toml, Path("logged.toml")).scenario
    # What the data had no column for was left out before the run began, as `fitted` does here.
    scenario = fitted(written, reader.facts()["inputs"]["columns"])
    counted = _Counted(reader)
    differences = tuple(replay(iter(counted), scenario))
    return ReplayCheck(
        reader.run_id, counted.observations, len(counted.requests), counted.decisions, differences
    )


class _Counted:
    """The observations of a run, page by page, and how many there were."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self.observations = 0
        self.decisions = 0
        self.requests: set[tuple[object, int]] = set()

    def __iter__(self) -> Iterator[ObservationRecord]:
        after = -1
        while page := self._reader.observations(after, _PAGE):
            for each in page:
                self.observations += 1
                self.decisions += len(each.command.get("asked", ()))
                if each.outcome.get("came") == "request":
                    self.requests.add((each.outcome.get("variant"), each.number))
                yield each
            after = page[-1].sequence
