"""What a job in the bounded worker may cost, and the words for having cost more. Both of its ends use it."""

from __future__ import annotations

MAX_ANSWER_BYTES = 1_000_000
MEMORY_BYTES = 1 << 30

TOO_LONG = "gave over 1 MB of text"
TOO_MUCH_MEMORY = "used too much memory"
TOO_DEEP = "is nested too deeply"


def took_over(seconds: float) -> str:
    """The words for a job past its time limit."""
    return f"took over {seconds:g} s"
