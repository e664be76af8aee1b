"""The ledger of real calls: whatever is reserved and settled in whatever order, the cap is kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from app.engine.spending import SpendingLedger


class Spending(RuleBasedStateMachine):
    """Calls of any price, settled in any order, for what they cost at the most or less."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = SpendingLedger(1_000)
        self.open: dict[int, int] = {}
        self.settled = 0
        self.made = 0

    @rule(target=calls, most=st.integers(0, 400))
    def reserve(self, most: int) -> int:
        """A call wants to be sent."""
        room = self.ledger.cap_pico - self.settled - sum(self.open.values())
        closed = self.ledger.closed
        granted = self.ledger.reserve(most)
        assert granted == (not closed and most <= room)
        assert self.ledger.closed == (closed or most > room)
        self.made += 1
        if granted:
            self.open[self.made] = most
        return self.made

    @rule(call=calls, share=st.floats(0, 1))
    def settle(self, call: int, share: float) -> None:
        """A call has ended."""
        most = self.open.pop(call, None)
        if most is not None:
            cost = int(most * share)
            self.ledger.settle(most, cost)
            self.settled += cost

    @invariant()
    def never_more_than_the_cap(self) -> None:
        """What is spent, and what may come of calls under way, fits."""
        assert self.ledger.spent_pico == self.settled
        assert self.ledger.reserved_pico == sum(self.open.values())
        assert self.ledger.spent_pico + self.ledger.reserved_pico <= self.ledger.cap_pico


TestSpending = Spending.TestCase


@given(over=st.integers(1, 10_000))
def test_only_what_an_estimate_errs_goes_beyond_the_cap(over: int) -> None:
    ledger = SpendingLedger(100)
    assert ledger.reserve(100)
    ledger.settle(100, 100 + over)
    assert ledger.spent_pico - ledger.cap_pico == over
    assert not ledger.reserve(0)
    assert ledger.closed
