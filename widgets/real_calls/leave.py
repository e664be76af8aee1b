"""What the user has agreed to when real calls are made: how much they may cost, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Leave:
    """Leave for one run: `max_usd` is what all variants together may spend; by default they take turns, and the texts of
    answers are kept in the session log."""

    max_usd: float
    side_by_side: bool = False
    keep_answers: bool = True
