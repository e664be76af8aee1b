"""A line of the benchmarks' table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """What was measured, in words; `ratio` is what counts, `wanted` what is asked of it (">= 4")."""

    what: str
    measured: str
    ratio: float | None = None
    wanted: str = ""

    @property
    def verdict(self) -> str:
        """Whether the ratio is as wanted; empty when nothing is asked."""
        if self.ratio is None or not self.wanted:
            return ""
        relation, limit = self.wanted.split()
        good = self.ratio >= float(limit) if relation == ">=" else self.ratio <= float(limit)
        return "yes" if good else "NO"
