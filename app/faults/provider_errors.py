"""Errors that a provider answers with: the limits that bite, the money that is gone, the servers that break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal

from app.faults.base import MICRO, AttemptFault, Injection, register
from app.safeguards.errors import (
    CONTENT_POLICY,
    CONTEXT_LENGTH,
    FORBIDDEN,
    OUT_OF_MONEY,
    OVERLOADED,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    SERVER_ERROR,
    UNAUTHORIZED,
    CallError,
)
from app.scenario.numbers import Seconds


class ErrorReply(AttemptFault):
    """The provider answers with an error after `after_s`."""

    after_s: Seconds = 0.05
    error: ClassVar[CallError]
    connecting: ClassVar[bool] = False
    """Whether it comes while the client still waits for a connection."""

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Fail the call."""
        injection.fail(self.error, round(self.after_s * MICRO), connecting=self.connecting)


class ComeBackLater(ErrorReply):
    """429 with Retry-After."""

    retry_after_s: Seconds = 5
    error: ClassVar[CallError] = RATE_LIMITED

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Fail the call and say when to come back."""
        injection.fail(self.error, round(self.after_s * MICRO), round(self.retry_after_s * MICRO))


@register
class RateLimited(ComeBackLater):
    """429 with Retry-After: too many requests just now."""

    kind: Literal["rate_limited"] = "rate_limited"


@register
class TokenLimited(ComeBackLater):
    """429 with Retry-After: too many tokens just now. To the client it is the same error, and lasts longer."""

    kind: Literal["token_limited"] = "token_limited"
    retry_after_s: Seconds = 15


@register
class RequestTooLarge(ErrorReply):
    """429 that waiting does not mend: the call asks for more tokens than the limit ever holds."""

    kind: Literal["request_too_large"] = "request_too_large"
    error: ClassVar[CallError] = REQUEST_TOO_LARGE


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


@register
class BadGateway(ErrorReply):
    """502: a gateway before the provider answers, with a page of HTML and no error object."""

    kind: Literal["bad_gateway"] = "bad_gateway"
    error: ClassVar[CallError] = replace(SERVER_ERROR, status=502)


@register
class GatewayTimeout(ErrorReply):
    """504: a gateway before the provider has waited long enough. 60 s is nginx's `proxy_read_timeout`."""

    kind: Literal["gateway_timeout"] = "gateway_timeout"
    after_s: Seconds = 60
    error: ClassVar[CallError] = replace(SERVER_ERROR, status=504)


@register
class Overloaded529(ErrorReply):
    """529: how Anthropic says that it has more work than it can take."""

    kind: Literal["overloaded_529"] = "overloaded_529"
    error: ClassVar[CallError] = replace(OVERLOADED, status=529)


@register
class Unauthorized(ErrorReply):
    """401: the key is wrong or has been revoked. Another provider's key may be good."""

    kind: Literal["unauthorized"] = "unauthorized"
    error: ClassVar[CallError] = UNAUTHORIZED


@register
class Forbidden(ErrorReply):
    """403: the account may not use the model, or not from here."""

    kind: Literal["forbidden"] = "forbidden"
    error: ClassVar[CallError] = FORBIDDEN


@register
class ContextLength(ErrorReply):
    """400: the prompt is said to exceed the model's context window."""

    kind: Literal["context_length"] = "context_length"
    error: ClassVar[CallError] = CONTEXT_LENGTH


@register
class ContentPolicy(ErrorReply):
    """400: the provider will not process the prompt. Another one may."""

    kind: Literal["content_policy"] = "content_policy"
    error: ClassVar[CallError] = CONTENT_POLICY
