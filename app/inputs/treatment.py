"""What safeguards have done to a question before it is asked, as plain data: repairs by rules, and cuts to a size.

A treatment is a series of such steps. Equal ones are one object, so that looking one up costs no comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from app.inputs.repair import FieldRule
from app.inputs.trimming import Strategy


@dataclass(frozen=True)
class Repair:
    """Fields are checked and put right: each by its own rule, or by that for every one."""

    every: FieldRule
    own: tuple[tuple[str, FieldRule], ...]


@dataclass(frozen=True)
class Trim:
    """The longest field is cut until the prompt has so many tokens at the most."""

    max_input_tokens: int
    strategy: Strategy


Step = Repair | Trim


@dataclass(frozen=True, eq=False)
class Treatment:
    """Steps, one after the other; never empty. Made by `treatment` alone."""

    steps: tuple[Step, ...]

    @property
    def before(self) -> Treatment | None:
        """The treatment without its last step; None if there was but one."""
        return treatment(self.steps[:-1]) if len(self.steps) > 1 else None


@cache
def treatment(steps: tuple[Step, ...]) -> Treatment:
    """The one treatment of these steps."""
    return Treatment(steps)
