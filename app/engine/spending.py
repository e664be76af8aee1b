"""The spending cap of a run of real calls: one ledger over all variants, in picodollars.

What a call may cost at the most is set aside before it is sent, and what it did cost is settled afterwards, so that the
sum of both never passes the cap. The first call that does not fit closes the ledger: from then on nothing is sent, and the
run ends. What may still go beyond the cap is what the estimates err: a provider may count more tokens in a prompt than we.
"""

from __future__ import annotations

from typing import Final

PICO_PER_USD: Final = 10**12


class SpendingLedger:
    """`spent_pico` is settled, `reserved_pico` set aside for calls under way; `closed` once a call did not fit."""

    def __init__(self, cap_pico: int) -> None:
        self.cap_pico = cap_pico
        self.spent_pico = 0
        self.reserved_pico = 0
        self.closed = False

    def reserve(self, most_pico: int) -> bool:
        """Set aside what a call may cost at the most. False if the cap does not allow it; then it must not be sent."""
        if self.spent_pico + self.reserved_pico + most_pico > self.cap_pico:
            self.closed = True
        if self.closed:
            return False
        self.reserved_pico += most_pico
        return True

    def settle(self, most_pico: int, cost_pico: int) -> None:
        """A call that `most_pico` was set aside for has ended, and cost so much."""
        self.reserved_pico -= most_pico
        self.spent_pico += cost_pico

    @property
    def spent_usd(self) -> float:
        """What is settled, in dollars."""
        return self.spent_pico / PICO_PER_USD

    @property
    def cap_usd(self) -> float:
        """The cap, in dollars."""
        return self.cap_pico / PICO_PER_USD
