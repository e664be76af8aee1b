"""What faults do to one real call: decided before it begins, carried out by `FaultTransport`, booked by whoever made it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.faults.base import Injection
from app.providers.wires import Usage, Wire

EXTENSION = "seatrial.struck"
"""The extension of an httpx request that holds its `Struck`."""


@dataclass
class Struck:
    """A call and its faults. `reached` and `usage` are the transport's to fill in.

    wire          how its endpoint is spoken to
    model         the model that is asked
    number        its request's number
    input_tokens  the prompt's size, for a line that is slow
    injection     what the faults do
    failed_by     kind of the fault that answers in the provider's stead; empty if none does
    broken_by     kind of the fault that interrupts the stream; empty if none does
    slower        factor on all times, from the hour and the load
    spoil         what becomes of the answer's text, where a fault spoils it
    reached       whether the provider has been called: if not, nothing is billed
    usage         tokens as the provider counts them, even where the client is never told
    """

    wire: Wire
    model: str
    number: int
    input_tokens: int
    injection: Injection
    failed_by: str
    broken_by: str
    slower: float
    spoil: Callable[[str], Awaitable[str]]
    reached: bool = False
    usage: Usage | None = None
