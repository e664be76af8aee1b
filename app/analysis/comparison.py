"""Two to four sides compared, a side being one variant of one run: settings, metrics, and requests saved and lost.

It reads the session log and says what is there. It draws no conclusion about luck: there are no intervals here, and
one run is one draw of incidents. What it comes to in words is `comparison_text`'s.

JSON (`as_json`; indexes count the sides from 0, null stands for what there is not):

    {"sides": [{"run": id, "variant": name, "title": text, "run_title": text, "scenario": name, "seed": n,
                "clock": "virtual"|"wall", "state": word, "requests": n, "offered": n}],
     "differences": [{"path": text, "values": [value or null, one a side]}],            only those that differ
     "metrics": [{"key": word, "title": text, "formula": text, "unit": "count"|"rate"|"ratio"|"s"|"usd",
                  "better": "high"|"low"|null, "values": [x or null], "endless": [bool],   endless: no answer, or no good one
                  "differences": [x or null, to the first side], "best": [i], "worst": [i], "few": [bool]}],
     "pairings": [{"side": i, "paired": bool, "why": text, "common": n, "only_first": n, "only_side": n, "good_in_both": n,
                   "saved": n, "lost": n, "saved_numbers": [n], "lost_numbers": [n]}],   one for each side but the first
     "notes": [text]}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.analysis.detection import Detections
from app.analysis.differences import Configuration, Difference, configuration, differences
from app.analysis.metrics import METRICS, Metric, shown_metric
from app.analysis.pairing import Pairing, pair, read_outcomes
from app.analysis.summary import arrivals_s, of_totals
from app.errors import UserError
from app.sessions.reader import RunReader
from app.sessions.records import RunRecord
from app.sessions.session_log import SessionLog

MAX_SIDES: Final = 4
_MICRO: Final = 1e6


@dataclass(frozen=True)
class Side:
    """What is asked for: a variant of a run."""

    run_id: int
    variant: str


@dataclass(frozen=True)
class SideFacts:
    """A side as the log has it: `label` tells it from the other sides, `summary` is its part of the summary."""

    side: Side
    title: str
    label: str
    record: RunRecord
    summary: dict[str, Any]


@dataclass(frozen=True)
class MetricRow:
    """A metric of all sides. A value is None where there is nothing to measure, infinite where there was no answer
    (or no good one); `few` marks sides with too few requests for it. `best` and `worst` are indexes of sides, empty
    where no direction is better or all are equal; `differences` are to the first side."""

    metric: Metric
    values: tuple[float | None, ...]
    differences: tuple[float | None, ...]
    best: frozenset[int]
    worst: frozenset[int]
    few: tuple[bool, ...]


@dataclass(frozen=True)
class Comparison:
    """All of it. `pairings` has one entry for each side but the first, in their order."""

    sides: tuple[SideFacts, ...]
    differences: tuple[Difference, ...]
    metrics: tuple[MetricRow, ...]
    pairings: tuple[Pairing, ...]
    notes: tuple[str, ...]


def chosen_sides(log: SessionLog, wanted: Sequence[tuple[int, str | None]]) -> list[Side]:
    """The sides that are meant. A variant of None is, for one run alone, each of its variants; with more runs the
    last one that they all have (as a rule the one with safeguards), else each run's last.

    Raises UserError for an unknown run or variant, the same side twice, or fewer than two or more than four sides.
    """
    names = {run_id: [variant.name for variant in RunReader(log, run_id).variants] for run_id, _ in wanted}
    if len(wanted) == 1 and wanted[0][1] is None:
        run_id = wanted[0][0]
        sides = [Side(run_id, name) for name in names[run_id][:MAX_SIDES]]
    else:
        open_runs = [run_id for run_id, variant in wanted if variant is None]
        shared = [
            name
            for name in (names[open_runs[0]] if open_runs else [])
            if all(name in names[run_id] for run_id in open_runs)
        ]
        sides = [
            Side(run_id, variant if variant is not None else (shared or names[run_id])[-1])
            for run_id, variant in wanted
        ]
    for side in sides:
        if side.variant not in names[side.run_id]:
            raise UserError(
                f"Run {side.run_id} has no variant '{side.variant}'",
                do=f"It has {', '.join(names[side.run_id])}.",
            )
    if len(set(sides)) < len(sides):
        raise UserError("The same variant of the same run is named twice", do="Compare it with another one.")
    if not 2 <= len(sides) <= MAX_SIDES:
        raise UserError(
            f"{len(sides)} {'side is' if len(sides) == 1 else 'sides are'} given, and 2 to {MAX_SIDES} can be compared",
            do="Name two runs, or one run with several variants.",
        )
    return sides


def compare(
    log: SessionLog,
    sides: Sequence[Side],
    check: Callable[[float, float], None] = lambda _done, _total: None,
) -> Comparison:
    """Compare two to four sides. `check(done, total)` is called between parts and may raise to give up.

    Raises UserError for a run or variant that is not there.
    """
    readers = [RunReader(log, side.run_id) for side in sides]
    records = [reader.record() for reader in readers]
    total = sum(record.offered for record in records) or 1
    facts = _facts(readers, sides, records)
    settings, notes = _settings(readers, sides)
    outcomes = []
    before = 0
    for reader, side, record in zip(readers, sides, records, strict=True):
        outcomes.append(read_outcomes(reader, side.variant, _from(before, total, check)))
        before += record.offered
    pairings = tuple(
        pair(readers[0], outcomes[0], reader, mine, index)
        for index, (reader, mine) in enumerate(zip(readers[1:], outcomes[1:], strict=True), start=1)
    )
    return Comparison(facts, settings, _metric_rows(facts), pairings, (*notes, *_notes(facts)))


def as_json(compared: Comparison) -> dict[str, Any]:
    """The comparison as the module's docstring describes it."""
    return {
        "sides": [_side_json(each) for each in compared.sides],
        "differences": [
            {"path": each.path, "values": list(each.values)} for each in compared.differences if each.differs
        ],
        "metrics": [_metric_json(row) for row in compared.metrics],
        "pairings": [_pairing_json(each) for each in compared.pairings],
        "notes": list(compared.notes),
    }


def _from(before: int, total: int, check: Callable[[float, float], None]) -> Callable[[int], None]:
    """Tells `check` of a side's requests, after `before` of the sides before it."""
    return lambda count: check(before + count, total)


def _facts(
    readers: Sequence[RunReader], sides: Sequence[Side], records: Sequence[RunRecord]
) -> tuple[SideFacts, ...]:
    one_run = len({side.run_id for side in sides}) == 1
    one_each = len({side.run_id for side in sides}) == len(sides)
    one_variant = len({side.variant for side in sides}) == 1
    made = []
    for reader, side, record in zip(readers, sides, records, strict=True):
        title = next(variant.title for variant in reader.variants if variant.name == side.variant)
        if one_run:
            label = title
        elif one_each and one_variant:
            label = f"Run {side.run_id}"
        else:
            label = f"Run {side.run_id}, {title}"
        noticed = Detections(reader).of(reader.events(), record.virtual_us / _MICRO)[side.variant]
        found = of_totals(reader.totals(side.variant), arrivals_s(reader, side.variant), noticed)
        made.append(SideFacts(side, title, label, record, found))
    return tuple(made)


def _settings(
    readers: Sequence[RunReader], sides: Sequence[Side]
) -> tuple[tuple[Difference, ...], list[str]]:
    """The settings side by side; none, and a note why, if a scenario cannot be read."""
    found: list[Configuration] = []
    notes = []
    for reader, side in zip(readers, sides, strict=True):
        try:
            found.append(configuration(reader, side.variant))
        except UserError as error:
            notes.append(f"The settings of run {side.run_id} cannot be compared: {error}")
    return (differences(found), notes) if len(found) == len(sides) else ((), list(dict.fromkeys(notes)))


def _metric_rows(facts: Sequence[SideFacts]) -> tuple[MetricRow, ...]:
    rows = (_metric_row(metric, facts) for metric in METRICS)
    return tuple(row for row in rows if not row.metric.seldom or any(each is not None for each in row.values))


def _metric_row(metric: Metric, facts: Sequence[SideFacts]) -> MetricRow:
    values = tuple(metric.value(each.summary) for each in facts)
    first = values[0]
    known = {index: value for index, value in enumerate(values) if value is not None}
    best: frozenset[int] = frozenset()
    worst: frozenset[int] = frozenset()
    # What looks the same on screen is called the same.
    if metric.better is not None and len({shown_metric(metric, value) for value in known.values()}) > 1:
        low, high = min(known.values()), max(known.values())
        top, bottom = (high, low) if metric.better == "high" else (low, high)
        best, worst = (
            frozenset(
                index
                for index, value in known.items()
                if shown_metric(metric, value) == shown_metric(metric, extreme)
            )
            for extreme in (top, bottom)
        )
    return MetricRow(
        metric,
        values,
        tuple(None if value is None or first is None else _gap(value, first) for value in values),
        best,
        worst,
        tuple(each.summary["requests"] < metric.needs for each in facts),
    )


def _gap(value: float, first: float) -> float | None:
    return value - first if math.isfinite(value) and math.isfinite(first) else None


def _notes(facts: Sequence[SideFacts]) -> list[str]:
    notes = []
    for run_id, record in {each.side.run_id: each.record for each in facts}.items():
        if record.state == "running":
            notes.append(f"Run {run_id} still runs: the numbers are as of now.")
        elif record.state == "interrupted":
            notes.append(f"Run {run_id} was interrupted: what had not ended by then counts nowhere.")
    if any(each.record.clock == "wall" for each in facts):
        notes.append(
            "Real calls share an account and a network: the sides are not independent of each other."
        )
    if (
        len({each.record.numpy_version for each in facts}) > 1
        or len({each.record.platform for each in facts}) > 1
    ):
        notes.append(
            "The runs were made on different platforms: a seed promises the same run only on one platform."
        )
    return notes


def _side_json(each: SideFacts) -> dict[str, Any]:
    return {
        "run": each.side.run_id,
        "variant": each.side.variant,
        "title": each.title,
        "run_title": each.record.name or each.record.title,
        "scenario": each.record.scenario,
        "seed": each.record.seed,
        "clock": each.record.clock,
        "state": each.record.state,
        "requests": each.summary["requests"],
        "offered": each.record.offered,
    }


def _metric_json(row: MetricRow) -> dict[str, Any]:
    metric = row.metric
    return {
        "key": metric.key,
        "title": metric.title,
        "formula": metric.formula,
        "unit": metric.unit,
        "better": metric.better,
        "values": [None if value is None or math.isinf(value) else value for value in row.values],
        "endless": [value is not None and math.isinf(value) for value in row.values],
        "differences": list(row.differences),
        "best": sorted(row.best),
        "worst": sorted(row.worst),
        "few": list(row.few),
    }


def _pairing_json(each: Pairing) -> dict[str, Any]:
    return {
        "side": each.side,
        "paired": each.paired,
        "why": each.why,
        "common": each.common,
        "only_first": each.only_first,
        "only_side": each.only_side,
        "good_in_both": each.good_in_both,
        "saved": each.saved.size,
        "lost": each.lost.size,
        "saved_numbers": each.saved.tolist(),
        "lost_numbers": each.lost.tolist(),
    }
