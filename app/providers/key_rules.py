"""What a key may be, and where it may go: a key belongs to one origin, and never travels in the clear.

An origin is scheme, host and port, written as `https://api.example.com`; the port is left out where it is the scheme's
own, so that two ways of writing an address are one origin.
"""

from __future__ import annotations

from ipaddress import ip_address

from pydantic import SecretStr

from app.errors import UserError

VARIABLE = "SEATRIAL_KEY_"
"""What the names of environment variables that hold a key begin with."""
MAX_KEY = 1_000
"""Characters of a key: what the smallest of the systems' key stores holds, with its origin beside it."""

_LAST_PORT = 65_535


def origin_of(address: str) -> str:
    """The origin of an address; a path is left out. Host names of other scripts come out in their ASCII form.

    Raises UserError for what is no http(s) address, or has a user, query or fragment.
    """
    import httpx  # here, because the window rests on this and needs no httpx to open

    try:
        url = httpx.URL(address.strip())
    except httpx.InvalidURL:
        raise UserError("this is no address", where="endpoint", do="Give https://host/path.") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise UserError(
            "an address is http or https, a host and perhaps a path, without user, password, query or fragment",
            where="endpoint",
            do="Give https://host/path.",
        )
    if (url.port or 0) > _LAST_PORT:
        raise UserError(f"there is no port {url.port}", where="endpoint", do="Give https://host:port/path.")
    # Twice, because httpx leaves out a scheme's own port only where the scheme is written in small letters.
    plain = httpx.URL(f"{url.scheme}://{url.netloc.decode('ascii')}")
    return f"{plain.scheme}://{plain.netloc.decode('ascii')}"


def check_key_may_go(origin: str) -> None:
    """Raise UserError where a key would go over the network unencrypted."""
    import httpx

    url = httpx.URL(origin)
    if url.scheme != "https" and not _loopback(url.host):
        raise UserError(
            f"a key for {origin} would travel unencrypted",
            where="endpoint",
            do="Give an https address; http is for this machine only (127.0.0.1, localhost).",
        )


def sound_key(key: SecretStr) -> SecretStr:
    """The key without the white space around it. Raises UserError for what no header can hold, without any of it."""
    secret = key.get_secret_value().strip()
    if not secret or len(secret) > MAX_KEY or not all("!" <= character <= "~" for character in secret):
        what = "no key was given" if not secret else "the key holds signs that no key has, or is too long"
        raise UserError(what, where="key", do="Copy it once more.")
    return SecretStr(secret)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
