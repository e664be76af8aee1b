"""Where a scenario says that real calls to a target go. Never a key: those are bound to an origin, outside of scenarios."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from app.scenario.base import Settings

Api = Literal["openai-chat", "openai-responses", "anthropic-messages"]
"""How an endpoint is spoken to."""


class Address(Settings):
    """`[targets.X.endpoint]`: used by real calls alone; a simulated run never looks at it."""

    base_url: str = Field(min_length=1, max_length=2_000)
    """What providers call base URL, such as https://api.example.com/v1: the API's own path is added to it."""
    api: Api = "openai-chat"

    @model_validator(mode="after")
    def _sound(self) -> Self:
        # Here, because httpx takes long to import and only scenarios with an endpoint need it.
        from app.errors import UserError
        from app.providers.endpoint import Endpoint

        try:
            Endpoint(self.base_url, "", None, self.api)
        except UserError as error:
            raise ValueError(f"{error.what}: {error.do}") from None
        return self
