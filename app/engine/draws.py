"""Keyed randomness: draw = f(seed, purpose, role, entity), never a stream.

A draw depends on nothing but its key, so that switching one fault off, adding a retry or changing the order of two
safeguards moves no draw of anything else. The *purpose* is the stable id of what is drawn for ("fault:hang",
"traffic.gap"), the *role* says which attempt it is for (target, retry index, hedge index), the *entity* is a number:
of a request, a row, an incident.

Blocks are computed in numpy; a single draw takes the same arithmetic in Python's own integers and gives the same value.
The mixer is splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_LOWER_BITS = 11
_UNIT = 2.0**-53


class Role(NamedTuple):
    """Which attempt of a request: the target's name, how often that target was retried, which hedge of it."""

    target: str
    retry: int = 0
    hedge: int = 0


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix states, in place, into random bits."""
    z ^= z >> np.uint64(30)
    z *= np.uint64(_MIX_1)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_MIX_2)
    z ^= z >> np.uint64(31)
    return z


def _uniform(z: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Mix states, in place, into uniform draws in [0, 1): the upper 53 bits of each."""
    _mix(z)
    z >>= np.uint64(_LOWER_BITS)
    return np.asarray(z * _UNIT)


def _one(key: int, entity: int) -> float:
    """The same of one entity, in Python's own integers."""
    z = (entity * _GAMMA + key) & _MASK
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return ((z ^ (z >> 31)) >> _LOWER_BITS) * _UNIT


def normal_of(draw: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal values from two uniform draws in [0, 1) each (Box and Muller 1958), in their shape."""
    return np.asarray(np.sqrt(-2.0 * np.log1p(-draw)) * np.cos(2.0 * np.pi * angle))


class Draws:
    """All randomness of one run, from its seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._keys: dict[tuple[str, Role | None], int] = {}

    def key(self, purpose: str, role: Role | None = None) -> int:
        """The 64-bit key of a column of draws."""
        found = self._keys.get((purpose, role))
        if found is None:
            name = f"{self.seed}|{purpose}|" + (
                "" if role is None else f"{role.target}|{role.retry}|{role.hedge}"
            )
            found = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
            self._keys[purpose, role] = found
        return found

    def block(self, purpose: str, role: Role | None, first: int, count: int) -> NDArray[np.float64]:
        """Uniform draws in [0, 1) of the entities `first` to `first + count - 1`; shape (count,)."""
        return self.of(purpose, role, np.arange(first, first + count, dtype=np.uint64))

    def of(self, purpose: str, role: Role | None, entities: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Uniform draws in [0, 1) of the given entities, in their shape."""
        return _uniform(entities * np.uint64(_GAMMA) + np.uint64(self.key(purpose, role)))

    def table(
        self, columns: Sequence[tuple[str, Role | None]], first: int, count: int
    ) -> NDArray[np.float64]:
        """Uniform draws in [0, 1) of several purposes and roles at once; shape (columns, count), the values of `block`."""
        return _uniform(self._states(columns, first, count))

    def below(
        self,
        columns: Sequence[tuple[str, Role | None]],
        limits: Sequence[float],
        first: int,
        count: int,
    ) -> NDArray[np.bool_]:
        """Which draws of `table` lie below their column's limit, in (0, 1); shape (columns, count)."""
        # Whole numbers, compared before they are made fractions: so many upper bits lie below the limit.
        bits = [ceil(limit / _UNIT) << _LOWER_BITS for limit in limits]
        states = self._states(columns, first, count)
        return np.asarray(_mix(states) < np.array(bits, dtype=np.uint64)[:, np.newaxis])

    def _states(
        self, columns: Sequence[tuple[str, Role | None]], first: int, count: int
    ) -> NDArray[np.uint64]:
        keys = np.array([self.key(purpose, role) for purpose, role in columns], dtype=np.uint64)
        states = np.arange(first, first + count, dtype=np.uint64) * np.uint64(_GAMMA)
        return np.asarray(states + keys[:, np.newaxis])

    def one(self, purpose: str, role: Role | None, entity: int) -> float:
        """The draw of one entity; the value that `block` has for it."""
        return _one(self.key(purpose, role), entity)

    def column(self, purpose: str, role: Role | None) -> Column:
        """The draws of one purpose and role, to be read entity by entity."""
        return Column(self.key(purpose, role))

    def normal(self, purpose: str, role: Role | None, entities: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Standard normal draws from the columns `purpose` and `purpose + ".angle"`, in the shape of `entities`."""
        return normal_of(self.of(purpose, role, entities), self.of(purpose + ".angle", role, entities))

    def normal_block(self, purpose: str, role: Role | None, first: int, count: int) -> NDArray[np.float64]:
        """Standard normal draws of the entities `first` to `first + count - 1`; shape (count,)."""
        return self.normal(purpose, role, np.arange(first, first + count, dtype=np.uint64))


BLOCK = 4096
"""Entities are numbered in blocks of this size wherever columns are computed ahead: to begin a block costs numpy half a
millisecond, whatever its size."""


_SHIFT = 12
_OFTEN = 32
"""Draws of the same 4096 entities after which all of them cost less in numpy than a few more one by one."""


class Column:
    """One purpose and role, read entity by entity, mostly in rising order. For draws that not every entity needs."""

    __slots__ = ("_asked", "_block", "_draws", "_key", "_latest")

    def __init__(self, key: int) -> None:
        self._key = key
        self._block = -1
        self._draws = np.empty(0)
        """The draws of that block."""
        self._latest = -1
        self._asked = 0
        """How many of the latest block have been asked for."""

    def __getitem__(self, entity: int) -> float:
        block = entity >> _SHIFT
        if block == self._block:
            return self._draws.item(entity & ((1 << _SHIFT) - 1))
        if block >= self._latest:
            self._count(block)
        return _one(self._key, entity)

    def _count(self, block: int) -> None:
        if block > self._latest:
            self._latest, self._asked = block, 0
        self._asked += 1
        if self._asked == _OFTEN:
            entities = np.arange(1 << _SHIFT, dtype=np.uint64) + np.uint64(block << _SHIFT)
            self._draws = _uniform(entities * np.uint64(_GAMMA) + np.uint64(self._key))
            self._block = block
