"""Answers that do not say how many tokens they took: whole bodies and events of streams, of whichever API."""

from __future__ import annotations

from typing import Any

from app.quick_json import json_bytes, value_of


def untold_body(body: bytes) -> bytes:
    """The JSON body of an answer without its usage; what is no such body stays as it is."""
    told = _object(body)
    if told is None or told.pop("usage", None) is None:
        return body
    return json_bytes(told)


def untold_events(data: bytes) -> bytes:
    """Whole events without what they say of usage. An event about nothing else is left out, and whatever else there is stays
    as it is."""
    if b'"usage"' not in data:
        return data
    events = data.split(b"\n\n")
    told = [_untold_event(event) for event in events]
    return b"\n\n".join(event for event in told if event is not None)


def _untold_event(event: bytes) -> bytes | None:
    """None where nothing is left of it."""
    lines = []
    for line in event.split(b"\n"):
        told = _object(line[len(b"data:") :]) if line.startswith(b"data:") else None
        if told is None:
            lines.append(line)
            continue
        if told.get("choices") == [] and told.get("usage") is not None:
            return None  # the chunk that chat completions have for it
        places = [told, told.get("message"), told.get("response")]
        telling = [place for place in places if isinstance(place, dict) and place.get("usage") is not None]
        for place in telling:
            del place["usage"]
        lines.append(b"data: " + json_bytes(told) if telling else line)
    return b"\n".join(lines)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        told = value_of(data)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
