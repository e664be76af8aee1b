"""What the safeguards of the input share: they ask a question in another version, which the driver has ready.

The versions were made ahead, once for each prompt, row and mess; here one is only chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.inputs.treatment import Step, Treatment, treatment
from app.safeguards.base import Layer, Safeguard


class Asked(Protocol):
    """What the safeguards of the input may know of a question, and of each of its versions.

    problem      why it cannot be asked, as an input check has it; empty if it can
    unaskable    whether the prompt cannot be made of it
    steps        how many steps of treatment it has had
    versions     what it becomes by those treatments that change it
    """

    prompt_name: str
    tokens: int
    problem: str
    unaskable: bool
    steps: int
    versions: Mapping[Treatment, Asked]


class InputSafeguard(Safeguard):
    """Settings of a safeguard that asks another version of the question."""

    def step(self) -> Step:
        """What it has done to the question."""
        raise NotImplementedError


class InputLayer(Layer):
    """Knows its treatment: the steps of all such layers up to itself."""

    treatment: Treatment

    def __init__(self, settings: InputSafeguard) -> None:
        super().__init__(settings)
        self.step = settings.step()

    def meet(self, others: Sequence[Layer]) -> None:
        """Find out what was done before it."""
        before = [layer.step for layer in others[: self.slot + 1] if isinstance(layer, InputLayer)]
        self.treatment = treatment(tuple(before))


def treatments(safeguards: Sequence[Safeguard]) -> list[Treatment]:
    """The treatments that a variant's layers look for, the shortest first."""
    steps = [each.step() for each in safeguards if each.on and isinstance(each, InputSafeguard)]
    return [treatment(tuple(steps[: count + 1])) for count in range(len(steps))]
