"""Cuts texts to a number of tokens, by the stated estimate. What is cut out of a prompt, and when, is not decided here."""

from __future__ import annotations

from typing import Final, Literal

from app.inputs.tokens import estimate_tokens

Strategy = Literal["keep_start", "keep_end", "keep_both_ends"]
GAP: Final = "\n[...]\n"
"""What stands where the middle was."""


def trimmed(text: str, most_tokens: int, strategy: Strategy) -> str:
    """The longest part of `text` of `most_tokens` tokens at the most: its start, its end, or half of each."""
    if estimate_tokens(text) <= most_tokens:
        return text
    fits, too_many = 0, len(text)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if estimate_tokens(_part(text, middle, strategy)) <= most_tokens:
            fits = middle
        else:
            too_many = middle
    return _part(text, fits, strategy) if fits else ""


def _part(text: str, kept: int, strategy: Strategy) -> str:
    """So many characters of a text."""
    if strategy == "keep_start":
        return text[:kept]
    if strategy == "keep_end":
        return text[len(text) - kept :]
    return text[: kept - kept // 2] + GAP + text[len(text) - kept // 2 :]
