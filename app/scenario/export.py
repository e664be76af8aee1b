"""The scenario that reproduces a run: its own text, and what was switched while it went as `[[changes]]`."""

from __future__ import annotations

from pathlib import Path

from app.scenario.files import SAMPLE, changed_text, parse_scenario
from app.scenario.model import Change
from app.sessions.reader import RunReader
from app.sessions.vocabulary import PRIVATE_FACT

_MICRO = 1_000_000


def scenario_text(reader: RunReader) -> str:
    """A scenario in TOML that gives the run again to the bit, on the same prompts and data.

    Comments of the original are kept.
    """
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


def needed_inputs(reader: RunReader) -> list[str]:
    """What the exported scenario needs beside it to give the same run, in sentences; none for the samples."""
    text = reader.record().scenario_toml
    scenario = parse_scenario(text, Path("logged.toml")).scenario
    facts = reader.facts()
    used = facts["inputs"] | facts.get(
        PRIVATE_FACT, {"prompts": "another machine's", "data": "another machine's"}
    )
    told = []
    for what, path in (("prompts", scenario.prompts.path), ("data", scenario.data.path)):
        if used[what] != path:
            told.append(f"the run took its {what} from {used[what]}: give it again with --{what}")
        elif not path.startswith(SAMPLE):
            told.append(f"the scenario reads its {what} from '{path}', relative to its own folder")
    trace = scenario.traffic.trace
    if trace is not None and not trace.path.startswith(SAMPLE):
        told.append(f"the traffic replays '{trace.path}': give it with --set traffic.trace.path=FILE")
    if used["data"] != scenario.data.path:
        pairs = [f"--map {name}={column}" for name, column in used["columns"].items() if name != column]
        told += [f"the columns were matched so: {' '.join(pairs)}"] if pairs else []
    return told
