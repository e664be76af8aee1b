"""The base of every settings model of a scenario: frozen, and a key it does not know is an error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A table of a scenario. Numbers must be finite; each carries its unit in its name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
