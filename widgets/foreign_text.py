"""Other people's text made fit to be shown: file names, values, errors. What is shown is always plain text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from app.inputs.preparation import storable

MAX_SHOWN: Final = 20_000
"""Characters of a text on screen; more takes seconds to lay out."""
MAX_CELL: Final = 300

_UNBROKEN = re.compile(r"([^\s]{24})(?=\S)")


def named(path: Path) -> str:
    """A file's or folder's name, which may be anything."""
    return storable(path.name or str(path))


def breakable(text: str) -> str:
    """The text with places where a label may break long words, such as paths."""
    return _UNBROKEN.sub("\\1\u200b", storable(text))


def shown(value: object) -> str:
    """A value of a row as text, of a length that can be laid out."""
    if value is None:
        return "(null)"
    if value == "":
        return "(empty)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shortened(text)


def shortened(text: str) -> str:
    """The text up to `MAX_SHOWN` characters, and how many follow."""
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}\n\n… and {len(text) - MAX_SHOWN:,} more characters"


def in_a_cell(value: object) -> str:
    """A value in one short line."""
    text = shown(value)[: 4 * MAX_CELL]
    line = " ".join(text.split()) or "(blank)"
    return line if len(line) <= MAX_CELL else line[: MAX_CELL - 1] + "…"
