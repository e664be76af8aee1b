"""What comes of a right answer when a model misbehaves: not JSON, not the schema, not the language, not an answer at all.

Each is a pure function of the answer and a 64-bit key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from app.inputs.checks.values import read_json

FOREIGN_TEXTS = (
    "Vielen Dank für Ihre Nachricht. Wir haben Ihr Anliegen geprüft und melden uns morgen wieder bei Ihnen.",
    "Merci pour votre message. Nous avons examiné votre demande et nous vous répondrons dès demain matin.",
    "Gracias por su mensaje. Hemos revisado su solicitud y le responderemos mañana por la mañana.",
)
_OPENINGS = ("Sure! Here is what you asked for:", "Of course. Here is my answer:", "Here you go:")
_CLOSING = "Let me know if you need anything else."
_LOOPED_CHARS = 40
_LOOPS = 50
_TOOLS = ("lookup_customer_record", "search_knowledge_base", "issue_refund_now")


def malformed(right: str, key: int) -> str:
    """What models send for JSON: single quotes, a trailing comma, or prose around something unfinished."""
    value = _as_json(right)
    body = json.dumps(value, ensure_ascii=False)
    trailing_comma = f"{body[:-1]},{body[-1]}"
    prose = (
        f"Sure! Here is the JSON that you asked for:\n\n{body[:-1]}\n\nLet me know if you need anything else."
    )
    variants = (str(value), trailing_comma, prose)  # str: Python's own notation, which has single quotes
    chosen = variants[(key >> 16) % len(variants)]
    try:
        read_json(chosen)
    except ValueError:
        return chosen
    return trailing_comma  # a value without texts looks the same in both notations


def misshapen(right: str, key: int, fits: Callable[[object], bool]) -> str:
    """JSON of another shape: a field missing, one too many or of another type, whichever `fits` refuses; else a list."""
    value = _as_json(right)
    variants = list(_misshapes(value))
    turned = variants[key % len(variants) :] + variants[: key % len(variants)]
    chosen = next((each for each in turned if not fits(each)), [value])
    return json.dumps(chosen, ensure_ascii=False)


def with_prose(right: str, key: int) -> str:
    """The answer between a greeting and an offer; JSON in a code fence, as models set it."""
    try:
        read_json(right)
        body = f"```json\n{right}\n```"
    except ValueError:
        body = right
    return f"{_OPENINGS[key % len(_OPENINGS)]}\n\n{body}\n\n{_CLOSING}"


def looping(right: str) -> str:
    """The answer's opening, over and over."""
    return " ".join([right[:_LOOPED_CHARS]] * _LOOPS)


def tool_call(key: int) -> str:
    """A call of a tool that nobody offered."""
    call = {"name": _TOOLS[key % len(_TOOLS)], "arguments": {"id": key % 100_000}}
    return json.dumps({"tool_calls": [call]})


def _as_json(right: str) -> Any:
    """The answer as a JSON object or array; a text, as models put it, in one."""
    try:
        value = read_json(right)
    except ValueError:
        value = None
    return value if isinstance(value, dict | list) else {"answer": right}


def _misshapes(value: Any) -> Iterator[object]:
    if not isinstance(value, dict):
        yield {"answer": value}
        return
    for name in value:
        yield {other: value[other] for other in value if other != name}
        yield {**value, name: [value[name]]}
    yield {**value, "note": "as requested"}
