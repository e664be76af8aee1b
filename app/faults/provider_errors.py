"""Errors that a provider answers with: the limits that bite, the money that is gone, the servers that break."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from app.faults.base import MICRO, AttemptFault, Injection, register
from app.safeguards.errors import OUT_OF_MONEY, OVERLOADED, RATE_LIMITED, SERVER_ERROR, CallError


class ErrorReply(AttemptFault):
    """The provider answers with an error after `after_s`."""

    after_s: float = Field(default=0.05, ge=0)
    error: ClassVar[CallError]

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Fail the call."""
        injection.fail(self.error, round(self.after_s * MICRO))


@register
class RateLimited(ErrorReply):
    """429 with Retry-After: too many requests just now."""

    kind: Literal["rate_limited"] = "rate_limited"
    retry_after_s: float = Field(default=5, ge=0)
    error: ClassVar[CallError] = RATE_LIMITED

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Fail the call and say when to come back."""
        injection.fail(self.error, round(self.after_s * MICRO), round(self.retry_after_s * MICRO))


@register
class OutOfMoney(ErrorReply):
    """429 that waiting does not mend: the account's credit or spending limit is used up."""

    kind: Literal["out_of_money"] = "out_of_money"
    error: ClassVar[CallError] = OUT_OF_MONEY


@register
class ServerError(ErrorReply):
    """500: the provider broke on this call."""

    kind: Literal["server_error"] = "server_error"
    error: ClassVar[CallError] = SERVER_ERROR


@register
class Overloaded(ErrorReply):
    """503: the provider has more work than it can take."""

    kind: Literal["overloaded"] = "overloaded"
    error: ClassVar[CallError] = OVERLOADED
