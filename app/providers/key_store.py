"""The system's own store for secrets, by `keyring`: Secret Service, KWallet, macOS Keychain, Windows Credential Locker.

With each key its origin is kept, in the secret itself: whoever can change our files cannot send a key elsewhere. Nothing
that the store says in an error is passed on, since nobody knows what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import SecretStr

from app.errors import UserError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "seatrial"
_T = TypeVar("_T")


class Kept(NamedTuple):
    """What the store has under a name."""

    origin: str
    key: SecretStr


class KeyStore:
    """Keys by name. All methods but `why_not` and `title` raise UserError where the store fails.

    A store that is locked may ask the person to unlock it, and waits for that: never call it on the GUI thread.
    """

    def __init__(self) -> None:
        self._backend: KeyringBackend | None = None
        self._why_not: str | None = None

    @property
    def why_not(self) -> str:
        """Why there is no store to be used here; empty where there is one."""
        if self._why_not is None:
            self._why_not = self._find()
        return self._why_not

    @property
    def title(self) -> str:
        """What the store is called; only where there is one."""
        return "" if self.why_not or self._backend is None else str(self._backend.name)

    def get(self, name: str) -> Kept | None:
        """What is kept under the name; None where nothing is that we have put there."""
        text = self._asked(lambda backend: backend.get_password(SERVICE, name))
        if text is None:
            return None
        try:
            told = json.loads(text)
            return Kept(str(told["origin"]), SecretStr(str(told["key"])))
        except (ValueError, TypeError, KeyError):
            return None

    def put(self, name: str, kept: Kept) -> None:
        """Keep it under the name, in place of what was there."""
        text = json.dumps({"origin": kept.origin, "key": kept.key.get_secret_value()})
        self._asked(lambda backend: backend.set_password(SERVICE, name, text))

    def delete(self, name: str) -> None:
        """Forget what is under the name; nothing may be."""
        if self.get(name) is not None:
            self._asked(lambda backend: backend.delete_password(SERVICE, name))

    def _find(self) -> str:
        try:
            import keyring
            from keyring.core import recommended

            backend = keyring.get_keyring()
            # What keyring does not recommend keeps secrets in plain files, or nowhere.
            if not recommended(backend):
                return "this system has no key store that is running"
        except Exception as error:  # backends raise whatever their libraries do
            return f"the system's key store cannot be used ({type(error).__name__})"
        self._backend = backend
        return ""

    def _asked(self, what: Callable[[KeyringBackend], _T]) -> _T:
        if self.why_not or self._backend is None:
            raise _failed(self.why_not)
        try:
            return what(self._backend)
        except Exception as error:  # as above; neither its text nor its frames may be shown
            kind = type(error).__name__
        locked = kind in ("KeyringLocked", "LockedException", "PromptDismissedException")
        raise _failed(
            "the system's key store is locked" if locked else f"the system's key store fails ({kind})"
        )


def _failed(why: str) -> UserError:
    return UserError(
        why,
        where="keys",
        do="Unlock or start it, or give the key in an environment variable SEATRIAL_KEY_<NAME>: 'ORIGIN KEY'.",
    )
