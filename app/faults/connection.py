"""Connections that are never made, or lost before a response has begun. None of them is billed: the model saw nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from app.faults.base import AttemptFault, Injection, register
from app.faults.provider_errors import ErrorReply
from app.safeguards.errors import (
    CONNECTION_LOST,
    CONNECTION_REFUSED,
    DNS_FAILURE,
    TIMEOUT,
    TLS_FAILURE,
    CallError,
)
from app.scenario.numbers import Number, Seconds


@register
class ConnectionRefused(ErrorReply):
    """Nobody listens at the provider's address."""

    kind: Literal["connection_refused"] = "connection_refused"
    after_s: Seconds = 0.02
    error: ClassVar[CallError] = CONNECTION_REFUSED
    connecting: ClassVar[bool] = True


@register
class DnsFailure(ErrorReply):
    """The provider's name cannot be resolved."""

    kind: Literal["dns_failure"] = "dns_failure"
    after_s: Seconds = 2
    error: ClassVar[CallError] = DNS_FAILURE
    connecting: ClassVar[bool] = True


@register
class TlsFailure(ErrorReply):
    """The handshake fails, as with a certificate that has expired; calling again does not help."""

    kind: Literal["tls_failure"] = "tls_failure"
    after_s: Seconds = 0.1
    error: ClassVar[CallError] = TLS_FAILURE
    connecting: ClassVar[bool] = True


@register
class ConnectionReset(ErrorReply):
    """The connection is reset before the response begins, and before the model has seen the call."""

    kind: Literal["connection_reset"] = "connection_reset"
    after_s: Seconds = 0.2
    error: ClassVar[CallError] = CONNECTION_LOST


@register
class EmptyResponse(ErrorReply):
    """The server closes the connection in good order and has sent nothing, not even a status."""

    kind: Literal["empty_response"] = "empty_response"
    after_s: Seconds = 0.2
    error: ClassVar[CallError] = CONNECTION_LOST


@register
class BlackHole(ErrorReply):
    """Packets vanish: no connection comes about, and the client gives up after `after_s`, or its own `connect_s`.

    `hang` is another matter: there the connection stands. 5 s is what the official SDKs of OpenAI wait for a connection
    (openai-python 1.x, `DEFAULT_TIMEOUT`).
    """

    kind: Literal["black_hole"] = "black_hole"
    after_s: Seconds = 5
    error: ClassVar[CallError] = TIMEOUT
    connecting: ClassVar[bool] = True


@register
class SlowBandwidth(AttemptFault):
    """Bytes come and go at `bandwidth_bytes_per_s`, in turn: the prompt up, then the answer, as fast as it is generated
    at most. A token is taken for `bytes_per_token` each way; a streamed one weighs far more than its text.
    """

    kind: Literal["slow_bandwidth"] = "slow_bandwidth"
    bandwidth_bytes_per_s: Number = Field(default=2_000, ge=1, le=1e12)
    bytes_per_token: Number = Field(default=4, ge=0.001, le=1e6)
    """In the prompt. Assumed, as for English."""
    bytes_per_streamed_token: Number = Field(default=200, ge=0.001, le=1e6)
    """In the answer: a token is an event of its own. Assumed."""

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Bound the speed; the slowest link counts."""
        injection.prompt_s_per_token = max(
            injection.prompt_s_per_token, self.bytes_per_token / self.bandwidth_bytes_per_s
        )
        injection.answer_s_per_token = max(
            injection.answer_s_per_token, self.bytes_per_streamed_token / self.bandwidth_bytes_per_s
        )
