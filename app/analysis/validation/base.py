"""What every known result is: a name, parameters with units, the cases that are tried unasked, and its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field

from app.analysis.validation.statistics import Comparison, Estimate, Known
from app.scenario.base import Settings


class KnownResult(Settings, ABC):
    """A known result with its parameters; as it is made without any, a case of its own."""

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    """Who says so: for a person to look up."""

    seed: int = Field(default=1, ge=0, lt=2**63)

    @classmethod
    @abstractmethod
    def cases(cls) -> Sequence[Self]:
        """Those that are tried when no parameters are given."""

    @abstractmethod
    def rows(self) -> list[Comparison]:
        """Run it, and compare. The first row stands for the run when independent runs are taken together."""

    def parameters(self) -> dict[str, object]:
        """What a row is told by: all that was given, but for the seed and the effort."""
        given = self.model_dump(mode="json", exclude={"seed", "requests", "precision"})
        return {name: value for name, value in given.items() if value is not None}


def exactly(what: str, known: float, ours: float, *, within: float = 0.0) -> Comparison:
    """A row without chance: ours must be the known value, to `within` (in its unit) where that is an approximation."""
    return Comparison(Known(what, known, 0.0, within), Estimate(ours, 0.0))
