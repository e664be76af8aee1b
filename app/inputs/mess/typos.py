"""Slips of the finger: two letters swapped, one dropped, one doubled, or a neighbouring key.

Words are runs of letters, so that numbers and order codes stay what they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.inputs.mess.row import Draw, Parameters, Row, pick, texts

_LETTERS = re.compile(r"[^\W\d_]{2,}")
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    key: row[max(at - 1, 0) : at] + row[at + 1 : at + 2] for row in _KEYBOARD for at, key in enumerate(row)
}
_SLIPS = ("swap", "drop", "double", "neighbour")


def typos(row: Row, text_columns: Sequence[str], draw: Draw, parameters: Parameters) -> Row:
    """A fraction `severity` of each text column's words has a typo; at least one has, unless it is 0."""
    if parameters.severity <= 0:
        return dict(row)
    return {
        **row,
        **{
            column: _mistype(text, f"typos.{column}", draw, parameters.severity)
            for column, text in texts(row, text_columns).items()
        },
    }


def _mistype(text: str, purpose: str, draw: Draw, severity: float) -> str:
    words = list(_LETTERS.finditer(text))
    draws = [draw(f"{purpose}.{number}.hit") for number in range(len(words))]
    # The unluckiest word is hit at any severity: a higher one only adds.
    threshold = max(severity, min(draws, default=0.0) + 1e-9)
    parts, end = [], 0
    for number, (word, hit) in enumerate(zip(words, draws, strict=True)):
        if hit < threshold:
            parts += [text[end : word.start()], _slip(word.group(), f"{purpose}.{number}", draw)]
            end = word.end()
    return "".join([*parts, text[end:]])


def _slip(word: str, purpose: str, draw: Draw) -> str:
    slip = _SLIPS[pick(len(_SLIPS), draw(f"{purpose}.slip"))]
    at = pick(len(word) - 1, draw(f"{purpose}.position"))
    letter, after = word[at], word[at + 1]
    if slip == "swap" and letter != after:
        return word[:at] + after + letter + word[at + 2 :]
    if slip == "drop":
        return word[:at] + word[at + 1 :]
    near = _NEIGHBOURS.get(letter.lower(), "")
    if slip == "neighbour" and near:
        key = near[pick(len(near), draw(f"{purpose}.key"))]
        return word[:at] + (key.upper() if letter.isupper() else key) + word[at + 1 :]
    return word[:at] + letter + word[at:]
