"""The kinds of numbers in a scenario, each with the range in which a run can count with it.

Every number of a scenario is one of these or has a range of its own. `true` and `false` are no numbers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticKnownError

MAX_S = 1e8
"""Three years: longer than any run."""
LEAST_S = 1e-6
"""Virtual time goes by microseconds."""
MAX_COUNT = 1_000_000_000
MAX_TOKENS = 100_000_000
"""Of a prompt or an answer; a larger count is taken for a mistake."""


def _no_switch(error: Literal["float_type", "int_type"]) -> BeforeValidator:
    def refuse(value: Any) -> Any:
        if isinstance(value, bool):
            raise PydanticKnownError(error)
        return value

    return BeforeValidator(refuse)


Number = Annotated[float, _no_switch("float_type")]
WholeNumber = Annotated[int, _no_switch("int_type")]

Seconds = Annotated[Number, Field(ge=0, le=MAX_S)]
"""A time of the run, or a wait that may be none at all."""
Duration = Annotated[Number, Field(ge=LEAST_S, le=MAX_S)]
"""Something that takes time."""
LEAST_BETWEEN_S = 0.1
BetweenTokens = Annotated[Number, Field(ge=LEAST_BETWEEN_S, le=MAX_S)]
"""How long one token may come after another."""
Cycle = Annotated[Number, Field(ge=0.01, le=MAX_S)]
"""What comes again and again after so many seconds: how often bounds the work of a run."""
WithinDay = Annotated[Number, Field(ge=0, le=86_400)]
"""Seconds, a day of them at the most."""

Share = Annotated[Number, Field(ge=0, le=1)]
"""None to all of it."""
SomeShare = Annotated[Number, Field(gt=0, le=1)]
"""Some to all of it."""
Sigma = Annotated[Number, Field(ge=0, le=3)]
"""Of the logarithm of what is distributed lognormally."""
TimesAsMuch = Annotated[Number, Field(ge=1, le=1000)]

Whole = Annotated[WholeNumber, Field(ge=0, le=MAX_COUNT)]
Count = Annotated[WholeNumber, Field(ge=1, le=MAX_COUNT)]
TokenCount = Annotated[WholeNumber, Field(ge=1, le=MAX_TOKENS)]
MedianTokens = Annotated[Number, Field(ge=0.001, le=MAX_TOKENS)]
PerMinute = Annotated[Number, Field(ge=0.001, le=1e12)]
"""A limit on how many, or how much, a minute."""
Usd = Annotated[Number, Field(ge=0, le=1e9)]
"""US dollars."""
