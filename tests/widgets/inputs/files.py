"""Small files of prompts and data for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

PROMPT = "Answer {{ name }}: {{ text }}"
ROWS = "text,name,email\nWhere is it?,Ada,ada@example.org\nToo late,Bo,bo@example.org\nbroken\n"


def write(path: Path, content: str | bytes) -> Path:
    """The path, with the content in it."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
