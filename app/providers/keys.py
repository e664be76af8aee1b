"""The keys for real calls: each belongs to one origin, and to no other one it is ever given.

Where a key may be, in the order in which they are looked at:

    environment   a variable SEATRIAL_KEY_<NAME> that holds `ORIGIN KEY`; for machines without people, and never stored
    memory        of this program only, until it ends: what is not to be stored, or cannot be
    store         the system's key store (`key_store`); a file lists names and addresses, and no part of a key

Of several keys for an origin in one of these places, the one added last is taken; of variables, the first by name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import SecretStr

from app.errors import UserError
from app.providers.key_rules import VARIABLE, check_key_may_go, origin_of, sound_key
from app.providers.key_store import Kept, KeyStore

Where = Literal["environment", "memory", "store"]
KeySource = Callable[[str], SecretStr | None]
"""What has keys: an origin's, or None."""

_Held = tuple[str, SecretStr]
"""Address and key."""

_MAX_NAME = 60
_MAX_KEYS = 200


@dataclass(frozen=True)
class KeyEntry:
    """A key without the key: what it is called, where it may go, and where it is. `used`: it is the origin's.

    One from the environment has the name of its variable.
    """

    name: str
    address: str
    """As it was given: the base URL where it was a whole one."""
    where: Where
    used: bool

    @property
    def origin(self) -> str:
        """The origin of the address: the key goes nowhere else."""
        return origin_of(self.address)


class Keys:
    """All keys that this program can find. One thread at a time; the store may wait for a person to unlock it."""

    def __init__(self, folder: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        """`folder` holds the list of what is in the store (default: the platform's data folder)."""
        if folder is None:
            folder = platformdirs.user_data_path("seatrial", appauthor=False)
        self._index = folder / "keys.json"
        self._environ = os.environ if environ is None else environ
        self._memory: dict[str, _Held] = {}
        self._store = KeyStore()

    @property
    def lasting(self) -> bool:
        """Whether keys can be stored here for the next time."""
        return not self.store_problem

    @property
    def store(self) -> str:
        """What the system's key store is called; empty where there is none to be used."""
        return self._store.title

    @property
    def store_problem(self) -> str:
        """Why no key can be stored here; empty where it can."""
        return self._store.why_not

    @property
    def where(self) -> str:
        """Where keys that are added in this program are kept, in plain words."""
        if self.lasting:
            return f"Keys are kept in the system's key store ({self.store})."
        return f"Keys are kept in memory until Seatrial ends: {self.store_problem}."

    def for_origin(self, origin: str) -> SecretStr | None:
        """The key that calls to this origin take; None where there is none.

        Raises UserError for a variable that holds something else, and where the store has a key that cannot be had.
        """
        origin = origin_of(origin)
        for entry in self.entries():
            if entry.used and entry.origin == origin:
                return self._key_of(entry)
        return None

    def entries(self) -> list[KeyEntry]:
        """What keys there are, in the order in which they are looked at. The store is not opened for it."""
        found: list[tuple[str, str, Where]] = [
            (name, address, "environment") for name, (address, _) in self._from_environment().items()
        ]
        found += [(name, address, "memory") for name, (address, _) in reversed(self._memory.items())]
        found += [(name, address, "store") for name, address in reversed(self._listed().items())]
        taken: set[str] = set()
        entries = []
        for name, address, where in found:
            entry = KeyEntry(name, address, where, used=origin_of(address) not in taken)
            entries.append(entry)
            taken.add(entry.origin)
        return entries

    def entry(self, name: str) -> KeyEntry:
        """What there is under the name. Raises UserError where there is nothing."""
        for entry in self.entries():
            if entry.name == name:
                return entry
        names = ", ".join(f"'{entry.name}'" for entry in self.entries())
        raise UserError(f"there is no key '{name}'", where="keys", do=f"There is {names or 'none'}.")

    def key(self, name: str) -> SecretStr:
        """The key of this name. Raises UserError where there is none, or it cannot be had."""
        return self._key_of(self.entry(name))

    def add(self, name: str, address: str, key: SecretStr, *, store: bool = True) -> KeyEntry:
        """Keep a key for the origin of `address`, in the store where there is one and it is wanted.

        Raises UserError for a name that is taken or no name, an address or key that is none, and one that would travel
        unencrypted.
        """
        name = self._new_name(name)
        address = address.strip()
        origin = origin_of(address)
        check_key_may_go(origin)
        key = sound_key(key)
        if store and self.lasting:
            listed = self._listed()
            if len(listed) >= _MAX_KEYS:
                raise UserError(f"there are {_MAX_KEYS} keys already", where="keys", do="Delete some.")
            self._store.put(name, Kept(origin, key))
            try:
                self._list(listed | {name: address})
            except UserError:
                self._store.delete(name)
                raise
        else:
            self._memory[name] = address, key
        return self.entry(name)

    def rename(self, old: str, new: str) -> None:
        """Give a key another name. Raises UserError where there is none, and for a name that is taken or no name."""
        entry = self._changeable(old)
        new = self._new_name(new)
        if entry.where == "memory":
            self._memory = {new if name == old else name: held for name, held in self._memory.items()}
            return
        self._store.put(new, Kept(entry.origin, self.key(old)))
        self._list({new if name == old else name: address for name, address in self._listed().items()})
        self._store.delete(old)

    def delete(self, name: str) -> None:
        """Forget a key. Raises UserError where there is none."""
        entry = self._changeable(name)
        if entry.where == "memory":
            del self._memory[name]
            return
        self._store.delete(name)
        self._list({each: address for each, address in self._listed().items() if each != name})

    def in_memory(self) -> dict[str, SecretStr]:
        """By origin: the keys that no other process can find."""
        return {
            entry.origin: self._key_of(entry)
            for entry in self.entries()
            if entry.used and entry.where == "memory"
        }

    def _key_of(self, entry: KeyEntry) -> SecretStr:
        # By the entry and not by its name: names are no proof of an origin.
        again = "Delete it, and add it anew."
        if entry.where == "store":
            kept = self._store.get(entry.name)
        else:
            held = (self._memory if entry.where == "memory" else self._from_environment()).get(entry.name)
            kept = None if held is None else Kept(origin_of(held[0]), held[1])
        if kept is None:
            raise UserError(f"the key '{entry.name}' is not there any more", where="keys", do=again)
        if kept.origin != entry.origin:
            raise UserError(
                f"the key '{entry.name}' was given for {kept.origin}, and not for {entry.origin}",
                where="keys",
                do=again,
            )
        return kept.key

    def _changeable(self, name: str) -> KeyEntry:
        entry = self.entry(name)
        if entry.where == "environment":
            raise UserError(
                f"'{name}' comes from the environment",
                where="keys",
                do="Change the variable.",
            )
        return entry

    def _new_name(self, name: str) -> str:
        name = name.strip()
        if not name or len(name) > _MAX_NAME or not name.isprintable() or name.startswith(VARIABLE):
            raise UserError("this is no name", where="name", do=f"Give 1 to {_MAX_NAME} characters.")
        if any(entry.name == name for entry in self.entries()):
            raise UserError(f"there is a key '{name}' already", where="name", do="Give another name.")
        return name

    def _from_environment(self) -> dict[str, _Held]:
        found = {}
        for variable, value in sorted(self._environ.items()):
            if not variable.startswith(VARIABLE) or variable == VARIABLE:
                continue
            address, _, text = value.strip().partition(" ")
            try:
                key = sound_key(SecretStr(text))
                check_key_may_go(origin_of(address))
            except UserError as error:
                # What it holds is not said: it may be a key, where the origin was forgotten.
                raise UserError(
                    error.what,
                    where=f"environment variable {variable}",
                    do="It holds 'ORIGIN KEY', with one space.",
                ) from None
            found[variable] = address, key
        return found

    def _listed(self) -> dict[str, str]:
        """Name to address of what is in the store, in the order in which it was put there."""
        try:
            told = json.loads(self._index.read_text(encoding="utf-8"))
            listed = {str(each["name"]): str(each["address"]) for each in told["keys"]}
            for address in listed.values():
                origin_of(address)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UserError(
                "the list of keys cannot be read", where=str(self._index), do=_told(error)
            ) from None
        except (ValueError, TypeError, KeyError, UserError):
            raise UserError(
                "the list of keys is damaged", where=str(self._index), do="Remove it, and add the keys anew."
            ) from None
        return listed

    def _list(self, listed: Mapping[str, str]) -> None:
        text = json.dumps({"keys": [{"name": name, "address": address} for name, address in listed.items()]})
        written = self._index.with_suffix(f".{os.getpid()}")
        try:
            self._index.parent.mkdir(parents=True, exist_ok=True)
            with open(
                os.open(written, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(text)
            written.replace(self._index)
        except OSError as error:
            with suppress(OSError):
                written.unlink()
            raise UserError(
                "the list of keys cannot be written", where=str(self._index), do=_told(error)
            ) from None


def _told(error: OSError) -> str:
    return f"{error.strerror or 'Unknown reason'}."
