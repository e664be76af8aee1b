"""The cap on what a calibration costs: the ledger of runs with real calls, for calls that wait for one another."""

from __future__ import annotations

import asyncio

from app.engine.spending import SpendingLedger


class Purse:
    """Money in picodollars, for calls in one event loop. The most that a call can cost is set aside before it, and settled
    afterwards; with that, the cap is never exceeded."""

    def __init__(self, cap_pico: int) -> None:
        self._ledger = SpendingLedger(cap_pico)
        self._settled = asyncio.Condition()

    async def set_aside(self, most_pico: int) -> bool:
        """Set so much aside for a call, if need be once others have been settled; False where it is not left."""
        ledger = self._ledger
        async with self._settled:
            while (
                ledger.reserved_pico
                and ledger.spent_pico + ledger.reserved_pico + most_pico > ledger.cap_pico
            ):
                await self._settled.wait()
            return ledger.reserve(most_pico)

    async def settle(self, most_pico: int, charged_pico: int) -> None:
        """A call for which `most_pico` were set aside is over."""
        async with self._settled:
            self._ledger.settle(most_pico, charged_pico)
            self._settled.notify_all()
