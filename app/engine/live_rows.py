"""Rows of the session log from what a live world has gathered; made by whoever keeps the log, and not in the event loop."""

from __future__ import annotations

from collections.abc import Mapping

from app.engine.live import Ended, Finished
from app.engine.rows import Row, RowMaker
from app.faults.fault_set import FaultSet


class LiveRows:
    """The rows of one variant's requests and calls; `key_base` is the key of its request 0, `names` the log's codes."""

    def __init__(self, key_base: int, names: Mapping[str, int]) -> None:
        self._names = names
        self._faults: FaultSet
        self._maker = RowMaker(key_base, names, self._fault_names)

    def request(self, finished: Finished) -> Row:
        """The row of a request that has its result."""
        self._faults = finished.faults
        row = self._maker.request(finished.request, finished.result, finished.outcome, finished.now_us)
        # Attempts know their request: letting go of them here frees both at once, without the garbage collector.
        finished.request.attempts = ()
        return row

    def attempt(self, ended: Ended) -> Row:
        """The row of a call that is over."""
        self._faults = ended.faults
        return self._maker.attempt(ended.attempt)

    def _fault_names(self, bits: int) -> int:
        return self._names[",".join(fault.id for fault in self._faults.chosen(bits))]
