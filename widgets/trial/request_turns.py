"""Where a request is in a variant in which it has not ended: variants of real calls take turns, so it may not have been
asked there yet. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class Place(Enum):
    """Each with what is said of it in a cell: while the run goes on, and when it is over."""

    ASKED = ("Under way", "No end")
    NOT_YET = ("Not yet", "Not asked")
    TURN_TO_COME = ("Turn to come", "Not asked")

    def words(self, *, over: bool) -> str:
        """It in two or three words."""
        return self.value[over]

    def sentence(self, *, over: bool) -> str:
        """It in a sentence or two."""
        if self is Place.ASKED and over:
            return (
                "The run ended before this was asked, or before it was answered: the log holds no more of it."
            )
        if over:
            return "The run ended before this variant was asked."
        if self is Place.ASKED:
            return "Under way: it has not ended here yet. What became of it will appear here."
        if self is Place.NOT_YET:
            return "Not asked yet: this variant's turn goes on, and will come to this request."
        return "Its turn is still to come: the variants are asked one after the other."


def place_of(intended_us: int | None, passed_us: Sequence[int], variant: int) -> Place:
    """Where a request meant to arrive at `intended_us` (None: not known) is in a variant where it has not ended.

    `passed_us` is how far each variant is on its own clock; empty where nobody knows.
    """
    mine, farthest = (passed_us[variant], max(passed_us)) if passed_us else (0, 0)
    if mine == farthest:
        return Place.ASKED
    if not mine:
        return Place.TURN_TO_COME
    return Place.NOT_YET if intended_us is not None and intended_us >= mine else Place.ASKED
