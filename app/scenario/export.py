"""The scenario that reproduces a run: its own text, with the switches that were flipped while it went as `[[changes]]`."""

from __future__ import annotations

from app.scenario.files import changed_text
from app.scenario.model import Change
from app.sessions.reader import RunReader

_MICRO = 1_000_000


def scenario_text(reader: RunReader) -> str:
    """A scenario in TOML that gives the run again to the bit, on the same data. Comments of the original are kept."""
    changes = [
        Change(
            at_s=event.at_us / _MICRO,
            set=event.details["set"],
            value=event.details["value"],
            label=event.label,
        )
        for event in reader.events()
        if event.kind == "change"
    ]
    return changed_text(reader.record().scenario_toml, (), changes)
