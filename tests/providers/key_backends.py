"""Key stores for tests, as keyring has them: one that works, one that fails, one that is locked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class DictBackend(KeyringBackend):
    """Keeps secrets in this process; `kept` is by service and user."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class FailingBackend(DictBackend):
    """Says the secret in its error, as a careless one might."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError(f"no bus for {self.kept.get((service, username))}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(f"no bus for {password}")


class LockedBackend(DictBackend):
    """Nobody unlocks it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")


@contextmanager
def system_store(backend: KeyringBackend) -> Iterator[None]:
    """`backend` is the system's key store in this block."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield
    finally:
        keyring.set_keyring(before)
