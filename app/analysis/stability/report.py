"""Will it recover? The answer for a scenario, or for a run with what it did beside it: for command line and window alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import Any

from app.analysis.fault_bands import Band
from app.analysis.in_force import scenario_at
from app.analysis.stability.assess import Assessment, assess
from app.analysis.stability.measured import Measured, Return, incidents_of, measure, read_course
from app.analysis.stability.recovery import Recovery, Trigger
from app.errors import UserError
from app.faults.incidents import Outage
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.reader import RunReader

_MICRO = 1e6


@dataclass(frozen=True)
class Incident:
    """What the run did after an incident, and what was to be expected (None where it was no outage of the primary)."""

    measured: Return
    expected: Recovery | None


@dataclass(frozen=True)
class VariantReport:
    """A variant: what its settings say; of a run also what it did, and its incidents."""

    assessment: Assessment
    measured: Measured | None = None
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True)
class StabilityReport:
    """All variants of a scenario, or of the run `run_id`."""

    title: str
    scenario: str
    seed: int
    run_id: int | None
    variants: tuple[VariantReport, ...]

    def as_json(self) -> dict[str, Any]:
        """For scripts. Null stands for never, for none, and for what cannot be told."""
        return {
            "run": self.run_id,
            "scenario": self.scenario,
            "title": self.title,
            "seed": self.seed,
            "variants": {each.assessment.variant: _variant_json(each) for each in self.variants},
        }


def of_scenario(
    scenario: Scenario, name: str, *, outage_s: float | None = None, at_s: float | None = None
) -> StabilityReport:
    """What the scenario's settings say, after its own outages or a standstill of `outage_s`; at the rate of `at_s`.

    Raises UserError as `assess` does.
    """
    triggers = None if outage_s is None else (standstill(outage_s),)
    reports = tuple(
        VariantReport(assess(scenario, variant, triggers=triggers, at_s=at_s))
        for variant in scenario.variants
    )
    return StabilityReport(scenario.title, name, scenario.seed, None, reports)


def of_run(
    reader: RunReader, *, outage_s: float | None = None, settings: Scenario | None = None
) -> StabilityReport:
    """What the run's settings, as they were at its end, or other `settings` with the same variants, say; and what it did.

    Each incident is held against what the settings at its begin let one expect. Raises UserError for a log of another
    version's scenario, and for a run in which nothing arrived.
    """
    record = reader.record()
    if not record.offered:
        raise UserError(
            f"nothing arrived in run {record.run_id}", do="Ask again when it has gone on for a while."
        )
    changes = [event for event in reader.events() if event.kind == "change"]
    began = parse_scenario(record.scenario_toml, Path("logged.toml")).scenario
    ended = scenario_at(began, changes, record.virtual_us)
    trace_per_s = record.offered / max(1.0, min(record.duration_s, record.virtual_us / _MICRO))
    bands = incidents_of(reader)
    outages = [_outage(scenario_at(began, changes, round(band.from_s * _MICRO)), band) for band in bands]
    triggers = None if outage_s is None else (standstill(outage_s),)
    asked = settings if settings is not None and set(settings.variants) == set(ended.variants) else ended
    reports = []
    for variant in ended.variants:
        measured = measure(read_course(reader, variant), bands)
        incidents = []
        for band, outage, returned in zip(bands, outages, measured.returns, strict=True):
            expected = None
            if outage is not None:
                then = scenario_at(began, changes, round(band.from_s * _MICRO))
                at = assess(then, variant, triggers=(outage,), at_s=band.from_s, trace_per_s=trace_per_s)
                expected = at.recoveries[0]
            incidents.append(Incident(returned, expected))
        assessment = assess(asked, variant, triggers=triggers, trace_per_s=trace_per_s)
        reports.append(VariantReport(assessment, measured, tuple(incidents)))
    return StabilityReport(record.title, record.scenario, record.seed, record.run_id, tuple(reports))


def standstill(outage_s: float) -> Trigger:
    """A provider that stands still for so long, and keeps its work."""
    return Trigger(f"A standstill of {outage_s:g} s", outage_s)


def _outage(scenario: Scenario, band: Band) -> Trigger | None:
    """The outage of the primary that the band shows; None if it is something else."""
    primary = next(iter(scenario.targets))
    for fault in scenario.faults:
        if not isinstance(fault, Outage) or band.label not in (fault.label, fault.id) or band.to_s is None:
            continue
        if not fault.targets or primary in fault.targets:
            return Trigger(band.label, band.to_s - band.from_s, fault.outage_mode, fault.hang_share)
    return None


def _variant_json(report: VariantReport) -> dict[str, Any]:
    of = report.assessment
    told: dict[str, Any] = {
        "title": of.title,
        "verdict": of.verdict,
        "verdict_at_peak": of.verdict_at_peak,
        "offered_per_s": of.rate_per_s,
        "offered_peak_per_s": of.peak_per_s,
        "offered_erlangs": _finite(of.erlangs),
        "slots": of.slots,
        "rho": _finite(of.rho),
        "mean_service_s": of.mean_service_s,
        "capacity_per_s": of.capacity_per_s,
        "capacity_by": {"slots": of.slots_per_s, "rpm": of.rpm_per_s, "tpm": of.tpm_per_s},
        "bound_by": of.bound_by,
        "attempts_per_request": {
            "healthy": of.attempts_healthy,
            "failing": of.attempts_failing,
            "failing_all_targets": of.calls_in_all,
        },
        "recovers_below_per_s": _finite(of.recoverable_per_s),
        "tipping_outage_s": of.tipping_s,
        "expected": [_recovery_json(each) for each in of.recoveries],
        "left_out": list(of.left_out),
        "measured": None,
    }
    if report.measured is not None:
        told["measured"] = {
            "arrived_per_s": report.measured.arrived_per_s,
            "attempts_per_request": report.measured.attempts_per_request,
            "attempts_per_request_most": report.measured.most_attempts_per_request,
            "attempts_per_request_last": report.measured.last_attempts_per_request,
            "course": [
                {
                    "from_s": each.from_s,
                    "arrived_per_s": each.arrived_per_s,
                    "attempts_per_request": each.attempts_per_request,
                }
                for each in report.measured.steps
            ],
            "incidents": list(_incidents_json(report.incidents)),
        }
    return told


def _incidents_json(incidents: Sequence[Incident]) -> Iterator[dict[str, Any]]:
    for each in incidents:
        yield {
            "label": each.measured.label,
            "from_s": each.measured.from_s,
            "to_s": each.measured.to_s,
            "good_rate_before": each.measured.well_before,
            "back_after_s": each.measured.after_s,
            "watched_s": each.measured.watched_s,
            "expected": None if each.expected is None else _recovery_json(each.expected),
        }


def _recovery_json(recovery: Recovery) -> dict[str, Any]:
    return {
        "label": recovery.trigger.label,
        "outage_s": recovery.trigger.outage_s,
        "outage_mode": recovery.trigger.mode,
        "held_back": recovery.held_back,
        "recovers": recovery.after_s is not None,
        "back_after_s": recovery.after_s,
    }


def _finite(value: float) -> float | None:
    return None if isinf(value) else value
