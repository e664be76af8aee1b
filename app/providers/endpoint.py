"""Where real calls go: address, API, model and key."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import httpx
from pydantic import SecretStr

from app.errors import UserError
from app.providers.address import Api
from app.providers.wire_errors import APIS
from app.providers.wires import WIRES, Wire


@dataclass(frozen=True)
class Endpoint:
    """Where to call, as which model, with which key. The key is in memory only, and in no representation.

    Raises UserError for anything but a plain http(s) address (no user, query or fragment), for an API that is not known,
    and for a key that no header can hold; the key is never part of the message.
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
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL:
            raise UserError("this is no address", where="endpoint", do="Give https://host/path.") from None
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
            raise UserError(
                "this is more or less than an address", where="endpoint", do="Give https://host/path."
            )
        secret = self.key.get_secret_value() if self.key else ""
        if not all("!" <= character <= "~" for character in secret):
            raise UserError("the key holds signs that no key has", where="endpoint", do="Copy it once more.")

    @cached_property
    def address(self) -> httpx.URL:
        """The one address that calls go to."""
        url = httpx.URL(self.base_url)
        return url.copy_with(path=self.wire.path_after(url.path))

    @property
    def wire(self) -> Wire:
        """The format of its API."""
        return WIRES[self.api]

    @property
    def origin(self) -> str:
        """Scheme, host and port: what the key is bound to, and what people are shown."""
        url = httpx.URL(self.base_url)
        return f"{url.scheme}://{url.netloc.decode('ascii')}"
