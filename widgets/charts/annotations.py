"""What happened while a run went, as the charts draw it: numbered changes, when somebody noticed trouble, and the bands
of incidents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from widgets.charts.scales import clock

if TYPE_CHECKING:
    from app.analysis.curves import Band
    from app.sessions.records import EventRecord


NOTICED = "!"
"""The mark of an alert, and of complaints that made somebody look."""


@dataclass(frozen=True)
class Note:
    """The changes of one instant: `number` counts instants from 1. Or, without a number, who noticed trouble then, in which
    `variants`; empty for all."""

    at_s: float
    number: int | None
    labels: tuple[str, ...]
    variants: frozenset[str] = frozenset()

    def concerns(self, variant: str | None) -> bool:
        """Whether it is of this variant (None: of any)."""
        return variant is None or not self.variants or variant in self.variants

    @property
    def mark(self) -> str:
        """What stands at its line."""
        return NOTICED if self.number is None else str(self.number)

    @property
    def text(self) -> str:
        """All of it in words."""
        return f"{self.mark} · {clock(self.at_s)}\n" + "\n".join(self.labels)


@dataclass(frozen=True)
class Annotations:
    """All that is drawn along the time axis. `bands` have from_s, to_s (None: on at `until_s`, where the picture
    ends) and label."""

    notes: tuple[Note, ...] = ()
    bands: tuple[Band, ...] = ()
    until_s: float = 0.0

    def end_of(self, band: Band) -> float:
        """How far a band is drawn, in seconds."""
        return self.until_s if band.to_s is None else band.to_s

    def shaded(self) -> list[tuple[float, float]]:
        """Where any band is, in seconds, in order and without overlap: two faults at once are no darker than one."""
        spans: list[tuple[float, float]] = []
        for from_s, to_s in sorted((band.from_s, self.end_of(band)) for band in self.bands):
            if spans and from_s <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], to_s))
            else:
                spans.append((from_s, to_s))
        return spans

    def near(self, from_s: float, to_s: float) -> str:
        """What happened or was on between two times, in words; empty for nothing."""
        told = [note.text for note in self.notes if from_s <= note.at_s <= to_s]
        told += [
            span_text(band) for band in self.bands if band.from_s <= to_s and self.end_of(band) >= from_s
        ]
        return "\n".join(told)


def notes_of(events: Iterable[EventRecord]) -> tuple[Note, ...]:
    """The changes among `events`, and when somebody noticed trouble: complaints, and alerts of a variant that had none on.
    Those of one instant together, in order of time."""
    changes: dict[int, list[str]] = {}
    noticed: dict[int, list[EventRecord]] = {}
    alerts: dict[str | None, set[str]] = {}
    for event in events:
        if event.kind == "change":
            changes.setdefault(event.at_us, []).append(event.label)
        elif event.kind == "complaint_noticed":
            noticed.setdefault(event.at_us, []).append(event)
        elif event.kind in ("alert", "alert_end"):
            on, rule = alerts.setdefault(event.variant, set()), str(event.details.get("rule"))
            if event.kind == "alert_end":
                on.discard(rule)
                continue
            if not on:
                noticed.setdefault(event.at_us, []).append(event)
            on.add(rule)
    notes = [
        Note(at_us / 1e6, number, tuple(dict.fromkeys(changes[at_us])))
        for number, at_us in enumerate(sorted(changes), start=1)
    ]
    notes += [
        Note(
            at_us / 1e6,
            None,
            tuple(event.label for event in there),
            frozenset(event.variant for event in there if event.variant is not None),
        )
        for at_us, there in noticed.items()
    ]
    return tuple(sorted(notes, key=lambda note: note.at_s))


def marks(notes: Sequence[Note]) -> str:
    """What stands at the lines of several notes together: "3–5!"."""
    numbers = [note.number for note in notes if note.number is not None]
    ends = dict.fromkeys(map(str, (numbers[0], numbers[-1]))) if numbers else {}
    return "–".join(ends) + (NOTICED if len(numbers) < len(notes) else "")


def span_text(band: Band) -> str:
    """A band in words."""
    until = "still on" if band.to_s is None else f"to {clock(band.to_s)}"
    return f"{band.label}: from {clock(band.from_s)} {until}"
