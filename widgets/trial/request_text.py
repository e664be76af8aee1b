"""One request as plain text: for the clipboard, and for the window that shows what is too long for the detail. No Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.analysis.summary import usd
from app.safeguards.base import USD_PICO
from app.sessions.records import RequestRecord
from widgets.theme import OUTCOME_MARKS
from widgets.trial.request_loading import Loaded, Recollected, Taken
from widgets.trial.request_trail import told
from widgets.trial.request_words import SERVERS, clock, fault_names, length, reason_words

_MICRO = 1e6


def headline(loaded: Loaded) -> str:
    """When it was meant to arrive and what it asked, in a line."""
    request = loaded.ended
    if request is None:
        return ""
    parts = [f"Meant to arrive at {clock(request.intended_us)}"]
    if loaded.prompt is not None:
        parts.append(f"prompt '{loaded.prompt}'")
    parts.append("row not kept" if loaded.place is None else f"row {loaded.place:,} of the data")
    return " · ".join(parts)


def served(request: RequestRecord) -> str:
    """Who answered, when, with how many calls, for how much."""
    waited = length((request.finished_us - request.intended_us) / _MICRO)
    who = "No answer" if request.served_by == "nobody" else f"Served by {SERVERS[request.served_by]}"
    calls = f"{request.attempts:,} {'call' if request.attempts == 1 else 'calls'}"
    return f"{who} after {waited} · {calls} · {usd(request.cost_pico / USD_PICO)}"


def struck(request: RequestRecord, labels: Mapping[str, str]) -> str:
    """The faults and the mess that struck it, by their labels; empty where there were none."""
    return fault_names(f"{request.faults},{request.mess}", labels)


def row_text(original: Mapping[str, object], came: Mapping[str, object]) -> str:
    """The row, and below each field that came otherwise how it came."""
    lines = []
    for column in (*original, *(each for each in came if each not in original)):
        value = value_text(original[column]) if column in original else "(not there)"
        lines.append(f"{column}: {value}")
        change = change_of(column, original, came)
        if change:
            lines.append(f"  {change}" + (f": {value_text(came[column])}" if column in came else ""))
    return "\n".join(lines)


def change_of(column: str, original: Mapping[str, object], came: Mapping[str, object]) -> str:
    """How a field came: "missing", "added", "changed", or empty where it is as it was."""
    if column not in came:
        return "missing"
    if column not in original:
        return "added"
    return "changed" if came[column] != original[column] else ""


def value_text(value: object) -> str:
    """A value of a row as text."""
    if value is None:
        return "(null)"
    if value == "":
        return "(empty)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def as_text(loaded: Loaded, texts: Recollected | None) -> str:
    """All that is shown, in full."""
    lines = [f"Request {loaded.wanted[1]:,} of run {loaded.wanted[0]}", headline(loaded)]
    for taken in loaded.taken:
        lines += ["", *_taken(taken, loaded, texts)]
    if texts is not None:
        if texts.texts.original:
            lines += ["", "Data row", row_text(texts.texts.original, texts.texts.mutated)]
        if isinstance(texts.texts.messages, str):
            lines += ["", f"No prompt: {texts.texts.messages}"]
        else:
            for role, text in texts.texts.messages:
                lines += ["", f"Prompt, {role} message", text]
    return "\n".join(lines) + "\n"


def _taken(taken: Taken, loaded: Loaded, texts: Recollected | None) -> list[str]:
    request = taken.request
    if request is None:
        return [taken.variant.title, taken.place.sentence(over=loaded.over)]
    lines = [f"{taken.variant.title}: {OUTCOME_MARKS[request.outcome].title}", served(request)]
    if why := reason_words(request.reason):
        lines.append(why)
    if hit := struck(request, loaded.labels):
        lines.append(f"Struck by: {hit}")
    lines.append(told(taken.steps))
    answer = None if texts is None else texts.answers.get(taken.variant.name)
    return [*lines, f"Answer: {answer}"] if answer is not None else lines
