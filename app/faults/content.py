"""Answers that arrive and are no use: cut short, malformed, empty, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from app.faults.base import AttemptFault, Injection, register


class Spoiled(AttemptFault):
    """The call succeeds and the answer is of another kind; `keep_fraction` of its tokens are generated and billed."""

    answer: ClassVar[Literal["truncated", "malformed_json", "empty", "refusal"]]
    keep_fraction: float = Field(default=1, gt=0, le=1)

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Change what the answer will say."""
        if injection.answer is None:
            injection.answer = self.answer
            injection.keep_fraction = self.keep_fraction


@register
class Truncated(Spoiled):
    """The answer stops in mid-sentence."""

    kind: Literal["truncated"] = "truncated"
    answer = "truncated"
    keep_fraction: float = Field(default=0.6, gt=0, le=1)


@register
class MalformedJson(Spoiled):
    """The answer should be JSON and does not parse."""

    kind: Literal["malformed_json"] = "malformed_json"
    answer = "malformed_json"


@register
class Empty(Spoiled):
    """The answer has no text."""

    kind: Literal["empty"] = "empty"
    answer = "empty"
    keep_fraction: float = Field(default=0.01, gt=0, le=1)


@register
class Refusal(Spoiled):
    """The model declines to answer."""

    kind: Literal["refusal"] = "refusal"
    answer = "refusal"
    keep_fraction: float = Field(default=0.2, gt=0, le=1)
