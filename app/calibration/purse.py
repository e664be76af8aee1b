"""The cap on what a calibration costs: the most that a call can cost is set aside before it, and settled afterwards."""

from __future__ import annotations

import asyncio


class Purse:
    """Money in picodollars, for calls in one event loop. What is set aside and what was charged never exceed `cap_pico`,
    as far as the greatest cost of each call is known beforehand."""

    def __init__(self, cap_pico: int) -> None:
        self.cap_pico = cap_pico
        self._held_pico = 0
        self._under_way = 0
        self._settled = asyncio.Condition()

    async def set_aside(self, most_pico: int) -> bool:
        """Set so much aside for a call, if need be once others have been settled; False where it is not left."""
        async with self._settled:
            while self._held_pico + most_pico > self.cap_pico:
                if not self._under_way:
                    return False
                await self._settled.wait()
            self._held_pico += most_pico
            self._under_way += 1
            return True

    async def settle(self, most_pico: int, charged_pico: int) -> None:
        """A call for which `most_pico` were set aside is over."""
        async with self._settled:
            self._held_pico += charged_pico - most_pico
            self._under_way -= 1
            self._settled.notify_all()
