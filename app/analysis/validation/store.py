"""A store of versioned rows behind a target: what the clients of optimistic concurrency control fight over.

It takes the simulated provider's place in a world: a call reads the version of its row and writes it back, and the
write fails when another one came between. No limits, no faults, no queue: that is the simulated provider's own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from app.engine.attempt_plans import INDEX, SHIFT
from app.engine.draws import BLOCK, Role
from app.providers.simulated import SimulatedProvider
from app.providers.states import HANGING
from app.safeguards.commands import Attempt
from app.safeguards.errors import CallError

CLIENTS: Final = 100
"""So many requests, one after the other by number, update the same row."""
_NET_MEAN_US, _NET_SIGMA_US = 10_000, 2_000
_LEGS: Final = tuple(f"store.network.{leg}" for leg in ("ask", "version", "write", "answer"))
CONFLICT: Final = CallError("conflict", 409, transient=True, sdk_retries=True)
"""The row has another version than the one that was read."""


class VersionedStore(SimulatedProvider):
    """A call goes over the network four times: to read, back with the version, to write, back with the outcome."""

    _versions: defaultdict[int, int]
    _network: dict[tuple[int, int], list[list[int]]]

    def begin(self, attempt: Attempt) -> None:
        """A client asks for the version."""
        if not hasattr(self, "_versions"):
            self._versions, self._network = defaultdict(int), {}
        attempt.tariff = self.tariff
        attempt.input_tokens = attempt.request.input_tokens
        attempt.plan = (1, 1, 1, 0.0, 0)
        attempt.state = HANGING
        self.agenda.at(attempt.started_us + self._delay_us(attempt, 0), self._read, attempt)

    def _read(self, attempt: Attempt) -> None:
        there_and_back_us = self._delay_us(attempt, 1) + self._delay_us(attempt, 2)
        version = self._versions[attempt.request.number // CLIENTS]
        self.agenda.at(self.clock.now + there_and_back_us, self._write, (attempt, version))

    def _write(self, written: tuple[Attempt, int]) -> None:
        attempt, version = written
        row = attempt.request.number // CLIENTS
        back_us = self._delay_us(attempt, 3)
        if version != self._versions[row]:
            self._reply(attempt, CONFLICT, back_us, None, self.clock.now)
            return
        self._versions[row] += 1
        attempt.plan = (back_us, back_us, 1, 0.0, 0)
        self._serve(attempt, self.clock.now)

    def _delay_us(self, attempt: Attempt, leg: int) -> int:
        """The delay of one leg: |N(10, 2)| ms, keyed by the request, the retry and the leg."""
        number = attempt.request.number
        block = self._network.get((attempt.retry, number >> SHIFT))
        if block is None:
            role = Role(self.plans.name, attempt.retry)
            first = number >> SHIFT << SHIFT
            normal = np.array([self.plans.draws.normal_block(each, role, first, BLOCK) for each in _LEGS])
            delays = np.rint(np.abs(_NET_MEAN_US + _NET_SIGMA_US * normal)).astype(np.int64)
            block = self._network[attempt.retry, number >> SHIFT] = delays.tolist()
        return block[leg][number & INDEX]
