"""Where real calls go: address, API, model and key."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import httpx
from pydantic import SecretStr

import app
from app.errors import UserError
from app.providers.address import Api
from app.providers.key_rules import check_key_may_go, origin_of, sound_key
from app.providers.wire_errors import APIS
from app.providers.wires import WIRES, Wire


@dataclass(frozen=True)
class Endpoint:
    """Where to call, as which model, with which key. The key is in memory only, and in no representation.

    Raises UserError for anything but a plain http(s) address (no user, query or fragment), for an API that is not known,
    for a key that no header can hold, and for one that would travel unencrypted; the key is never part of the message.
    """

    base_url: str
    """What providers call base URL: the API's own path is added to its path."""
    model: str
    key: SecretStr | None = field(default=None, repr=False)
    api: Api = "openai-chat"

    def __post_init__(self) -> None:
        if self.api not in APIS:
            raise UserError(
                f"'{self.api}' is no API that is known",
                where="endpoint",
                do=f"Choose from {', '.join(APIS)}.",
            )
        origin = origin_of(self.base_url)
        if self.key is not None and self.key.get_secret_value():
            object.__setattr__(self, "key", sound_key(self.key))
            check_key_may_go(origin)

    @cached_property
    def address(self) -> httpx.URL:
        """The one address that calls go to."""
        url = httpx.URL(self.base_url)
        return url.copy_with(path=self.wire.path_after(url.path))

    @cached_property
    def headers(self) -> httpx.Headers:
        """What every call says of itself, its key among it."""
        credentials = self.wire.credentials(self.key.get_secret_value() if self.key else "")
        return httpx.Headers(
            {
                "accept": "text/event-stream",
                "accept-encoding": "identity",
                "content-type": "application/json",
                "user-agent": f"seatrial/{app.__version__}",
                **credentials,
            }
        )

    @property
    def wire(self) -> Wire:
        """The format of its API."""
        return WIRES[self.api]

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port: what the key is bound to, and what people are shown."""
        return origin_of(self.base_url)
