"""What each attempt would meet at its target, computed ahead in numpy blocks: times, tokens, luck, and faults.

An attempt's plan depends on its role and its request's number alone, so it is the same for all variants, and computing it
early or late changes nothing.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import BLOCK, Draws, Role, normal_of
from app.faults.base import NEVER_US
from app.faults.fault_set import FaultSet
from app.providers.profile import Target, Tokens

MICRO = 1_000_000
_WHOLE = ("provider.quality", "provider.output_tokens", "provider.output_tokens.angle")
_STREAMED = (*_WHOLE, "provider.first_token", "provider.first_token.angle")
SHIFT = BLOCK.bit_length() - 1
INDEX = BLOCK - 1
_T = TypeVar("_T")
_KEPT = 4
"""Blocks of first attempts kept: those of the requests that arrive."""
_FURTHER_KEPT = 16
"""Blocks of further attempts kept for each role: those of the requests in flight, which may wait for minutes."""

AttemptPlan = tuple[int, int, int, float, int]
"""Time to first token (µs), service time (µs), output tokens, quality draw, bit set of faults that fire."""

Columns = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]
]
"""The same for a block, field by field."""


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
        self.firsts: dict[int, list[AttemptPlan]] = {}
        """The primary target's first attempts, in blocks by number >> SHIFT, each at number & INDEX: where to look before
        `plan` is asked."""
        self._further: dict[tuple[int, int], dict[int, Columns]] = {}
        """All others, in blocks by number >> SHIFT. A plan is made of them when it is asked for."""

    def plan(self, retry: int, hedge: int, number: int) -> AttemptPlan:
        """What request `number` meets in this role."""
        if self._primary and not retry and not hedge:
            block = self.firsts.get(number >> SHIFT)
            if block is None:
                _forget(self.firsts, _KEPT)
                columns = self._compute(Role(self.name), number & ~INDEX, BLOCK)
                block = list(zip(*(column.tolist() for column in columns), strict=True))
                self.firsts[number >> SHIFT] = block
            return block[number & INDEX]
        blocks = self._further.get((retry, hedge))
        if blocks is None:
            blocks = self._further[retry, hedge] = {}
        at = number >> SHIFT
        found = blocks.get(at)
        if found is None:
            _forget(blocks, _FURTHER_KEPT)
            role = Role(self.name, retry, hedge)
            found = blocks[at] = self._compute(role, number & ~INDEX, BLOCK)
        first_us, service_us, output, luck, hits = found
        index = number & INDEX
        return (
            first_us.item(index),
            service_us.item(index),
            output.item(index),
            luck.item(index),
            hits.item(index),
        )

    def _compute(self, role: Role, first: int, count: int) -> Columns:
        purposes = _STREAMED if self._target.service == "tokens" else _WHOLE
        draws = self.draws.table([(purpose, role) for purpose in purposes], first, count)
        output = self._output_tokens(first, normal_of(draws[1], draws[2]))
        first_us, service_us = self._times(role, first, output, draws)
        hits = self._faults.attempt_hits(role, first, count)
        return first_us, service_us, output, draws[0].copy(), hits

    def _output_tokens(self, first: int, normal: NDArray[np.float64]) -> NDArray[np.int64]:
        if self._recorded is not None:
            there = self._recorded[first : first + len(normal)]
            return np.append(there, np.ones(len(normal) - len(there), dtype=np.int64))
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
        service_us = _micro(self._service_s(role, first, len(output)))
        return service_us, service_us

    def _service_s(self, role: Role, first: int, count: int) -> NDArray[np.float64]:
        target = self._target
        if target.service == "constant":
            return np.full(count, target.service_s)
        if target.service == "lognormal":
            normal = self.draws.normal_block("provider.service", role, first, count)
            return target.service_s * np.exp(target.service_sigma * normal)
        draw = self.draws.block("provider.service", role, first, count)
        if target.service == "exponential":
            return -np.log1p(-draw) * target.service_s
        trace = np.asarray(target.trace_s)
        return trace[(draw * len(trace)).astype(np.int64)]


def _micro(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """In microseconds: one at least, and no more than what is longer than any run."""
    return np.clip(np.rint(seconds * MICRO), 1, NEVER_US).astype(np.int64)


def _forget(blocks: dict[int, _T], most: int) -> None:
    """Make room for one more."""
    if len(blocks) >= most:
        del blocks[next(iter(blocks))]
