"""How values of answers are read and compared: strict JSON, dotted paths, equality after normalising.

No check lives here; the simulated provider uses the same rules to write answers that are right or wrong.
"""

from __future__ import annotations

import json
import math
import unicodedata
from decimal import Decimal, InvalidOperation


def read_json(text: str) -> object:
    """The value of a text that is JSON and nothing else (no NaN, no infinities, no code fence).

    Raises ValueError with a short reason.
    """
    try:
        value: object = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {shorten(str(error))}") from None
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number out of range")
    return number


def at_path(value: object, path: str) -> object:
    """What a dotted path (`reply.items.0.name`) leads to in a JSON value. Raises LookupError if nowhere."""
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and step.isascii() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise LookupError(step)
    return value


def normalised(value: object) -> str:
    """A value as compared: JSON's words for truth values, composed (NFC), trimmed, case folded."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return unicodedata.normalize("NFC", str(value)).strip().casefold()


def same(answer: object, expected: object) -> bool:
    """Whether an answer's value equals the expected one; the answer's numbers by value (12.5 is "12.50")."""
    if normalised(answer) == normalised(expected):
        return True
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return False
    try:
        return Decimal(str(answer)) == Decimal(str(expected).strip())
    except (InvalidOperation, ValueError):
        return False


def strings_of(value: object) -> list[str]:
    """All strings among a JSON value's values, in order; keys are left out."""
    found: list[str] = []
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict):
            todo.extend(reversed(part.values()))
        elif isinstance(part, list):
            todo.extend(reversed(part))
    return found


def shorten(text: str, limit_chars: int = 120) -> str:
    """The text in one line of at most `limit_chars` characters."""
    line = " ".join(text[: 4 * limit_chars].split())
    return line if len(line) <= limit_chars else line[: limit_chars - 1] + "…"
