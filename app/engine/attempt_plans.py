"""What each attempt would meet at its target, computed ahead in numpy blocks: times, tokens, luck, and faults.

An attempt's plan depends on its role and its request's number alone, so it is the same for all variants, and computing it
early or late changes nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import BLOCK, Draws, Role, normal_of
from app.faults.fault_set import FaultSet
from app.providers.profile import Target, Tokens

MICRO = 1_000_000
_WHOLE = ("provider.quality", "provider.output_tokens", "provider.output_tokens.angle")
_STREAMED = (*_WHOLE, "provider.first_token", "provider.first_token.angle")
SHIFT = BLOCK.bit_length() - 1
INDEX = BLOCK - 1
_KEPT = 16
"""Blocks kept for each role: those of the requests in flight."""

AttemptPlan = tuple[int, int, int, float, int]
"""Time to first token (µs), service time (µs), output tokens, quality draw, bit set of faults that fire."""


Columns = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]
]
"""The same for a block, field by field."""


class SeldomUsed:
    """A block of plans of which few are asked for: most requests are answered by their first attempt. One is made when
    it is asked for."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __getitem__(self, index: int) -> AttemptPlan:
        first_us, service_us, output, luck, hits = self._columns
        return (
            first_us.item(index),
            service_us.item(index),
            output.item(index),
            luck.item(index),
            hits.item(index),
        )


PlanBlock = list[AttemptPlan] | SeldomUsed
"""`BLOCK` plans, by the last bits of the request's number."""


class AttemptPlans:
    """The plans of all attempts at one target; most requests go to the `primary` one, and few to another.

    `recorded` are the sizes of the answers by request, where a trace has them; otherwise they are drawn.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        tokens: Tokens,
        faults: FaultSet,
        draws: Draws,
        *,
        primary: bool = True,
        recorded: NDArray[np.int64] | None = None,
    ) -> None:
        self.name = name
        self._target = target
        self._tokens = tokens
        self._faults = faults
        self._primary = primary
        self._recorded = recorded
        self.draws = draws
        self.firsts: dict[int, PlanBlock] = {}
        """The blocks of first attempts, by number >> SHIFT: where to look before `block` is asked."""
        self._blocks: dict[tuple[int, int], dict[int, PlanBlock]] = {(0, 0): self.firsts}

    def block(self, retry: int, hedge: int, number: int) -> PlanBlock:
        """The plans of the block that holds request `number`, in this role; its own stands at `number & INDEX`."""
        blocks = self._blocks.setdefault((retry, hedge), {})
        at = number >> SHIFT
        found = blocks.get(at)
        if found is None:
            if len(blocks) >= _KEPT:
                del blocks[next(iter(blocks))]
            found = blocks[at] = self._compute(Role(self.name, retry, hedge), at * BLOCK)
        return found

    def _compute(self, role: Role, first: int) -> PlanBlock:
        purposes = _STREAMED if self._target.service == "tokens" else _WHOLE
        draws = self.draws.table([(purpose, role) for purpose in purposes], first, BLOCK)
        output = self._output_tokens(first, normal_of(draws[1], draws[2]))
        first_us, service_us = self._times(role, first, output, draws)
        hits = self._faults.attempt_hits(role, first, BLOCK)
        columns = (first_us, service_us, output, draws[0], hits)
        if role.retry or role.hedge or not self._primary:
            return SeldomUsed(columns)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def _output_tokens(self, first: int, normal: NDArray[np.float64]) -> NDArray[np.int64]:
        if self._recorded is not None:
            there = self._recorded[first : first + BLOCK]
            return np.append(there, np.ones(BLOCK - len(there), dtype=np.int64))
        tokens = self._tokens
        size = tokens.output_tokens * np.exp(tokens.output_sigma * normal)
        return np.minimum(np.maximum(np.rint(size), 1), tokens.max_tokens).astype(np.int64)

    def _times(
        self, role: Role, first: int, output: NDArray[np.int64], draws: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        target = self._target
        if target.service == "tokens":
            first_s = target.first_token_s * np.exp(target.first_token_sigma * normal_of(draws[3], draws[4]))
            return _micro(first_s), _micro(first_s + (output - 1) / target.tokens_per_s)
        service_us = _micro(self._service_s(role, first))
        return service_us, service_us

    def _service_s(self, role: Role, first: int) -> NDArray[np.float64]:
        target = self._target
        if target.service == "constant":
            return np.full(BLOCK, target.service_s)
        if target.service == "lognormal":
            normal = self.draws.normal_block("provider.service", role, first, BLOCK)
            return target.service_s * np.exp(target.service_sigma * normal)
        draw = self.draws.block("provider.service", role, first, BLOCK)
        if target.service == "exponential":
            return -np.log1p(-draw) * target.service_s
        trace = np.asarray(target.trace_s)
        return trace[(draw * len(trace)).astype(np.int64)]


def _micro(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.maximum(np.rint(seconds * MICRO), 1).astype(np.int64)
