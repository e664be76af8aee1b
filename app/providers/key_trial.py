"""Whether a key is accepted where it belongs: by asking for the list of models, which costs nothing.

Some addresses list their models to anybody. So a key that is accepted is left out once: where that makes no difference,
the list does not tell. Nothing that an address answers is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import httpx
from pydantic import SecretStr

import app
from app.errors import UserError
from app.providers.key_rules import check_key_may_go, origin_of, sound_key
from app.providers.wires import WIRES

Answered = Literal["accepted", "refused", "unreachable", "unclear"]

PATIENCE_S = 10.0
_REFUSALS = (401, 403)


@dataclass(frozen=True)
class Verdict:
    """What came of it, and the same in a sentence."""

    answered: Answered
    told: str


def try_key(address: str, key: SecretStr, *, patience_s: float = PATIENCE_S) -> Verdict:
    """Ask the address for its models, with the key: first as its API is likely to want it, then in the other way.

    Waits `patience_s` for each step at the most, and follows no redirect. Raises UserError for an address that is none, or
    where the key would travel unencrypted.
    """
    origin = origin_of(address)
    check_key_may_go(origin)
    secret = sound_key(key).get_secret_value()
    ways = [WIRES["openai-chat"].credentials(secret), WIRES["anthropic-messages"].credentials(secret)]
    if "anthropic" in httpx.URL(origin).host:
        ways.reverse()
    url = models_url(address)
    try:
        with httpx.Client(trust_env=False, follow_redirects=False, timeout=patience_s) as client:
            status = _asked(client, url, ways[0])
            if status in _REFUSALS:
                status = _asked(client, url, ways[1])
            if 200 <= status < 300 and 200 <= _asked(client, url, {}) < 300:
                return Verdict(
                    "unclear", f"{origin} lists its models without a key, too: only a call will tell."
                )
    except (httpx.TransportError, OSError) as error:
        return Verdict("unreachable", f"{origin} could not be reached: {_reason(error)}.")
    return _verdict(origin, status)


def models_url(address: str) -> str:
    """Where an address lists its models: base URLs are given with and without the version."""
    url = httpx.URL(address.strip())
    if url.scheme not in ("http", "https"):
        raise UserError("this is no address", where="endpoint", do="Give https://host/path.")
    path = url.path.rstrip("/") or "/v1"
    return str(url.copy_with(path=f"{path}/models"))


def _asked(client: httpx.Client, url: str, headers: Mapping[str, str]) -> int:
    said = {"user-agent": f"seatrial/{app.__version__}", **headers}
    with client.stream("GET", url, headers=said) as answer:
        return answer.status_code


def _verdict(origin: str, status: int) -> Verdict:
    if 200 <= status < 300:
        return Verdict("accepted", f"{origin} accepts the key.")
    if status in _REFUSALS:
        return Verdict("refused", f"{origin} refuses the key ({status}).")
    if 300 <= status < 400:
        return Verdict("unclear", f"{origin} sends on to another address ({status}), which gets no key.")
    if status == 404:
        return Verdict(
            "unclear", f"{origin} was reached, but lists no models there (404): only a call will tell."
        )
    return Verdict("unclear", f"{origin} answered with status {status}: only a call will tell.")


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    text = str(error).lower()
    if "certificate" in text or "ssl" in text:
        return "its certificate is not trusted, or it speaks no TLS"
    if "name or service" in text or "getaddrinfo" in text or "nodename" in text:
        return "there is no such host"
    if "refused" in text:
        return "the connection was refused"
    return "the connection broke"
