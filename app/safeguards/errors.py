"""Why a call or a request went without an answer, and what may help against it.

One table for everything that can go wrong on the way to an answer: what a provider sends, what a client notices and what
a safeguard decides. Safeguards ask only the flags; the names are what the log, the charts and the reports show.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallError:
    """One way to fail. `status` is HTTP's, 0 where no answer came."""

    name: str
    status: int = 0
    transient: bool = False
    """A later call to the same target may succeed."""
    sdk_retries: bool = False
    """The official SDKs retry it unasked (408, 409, 429, 5xx and lost connections, hopeless or not)."""
    elsewhere: bool = False
    """Another target may succeed."""
    trips_breaker: bool = False
    """It tells that the target is unwell. A 429 does not: the target is well, and asks for patience."""
    last_resort: bool = True
    """A canned answer may stand in."""
    own: bool = False
    """The client broke it off for reasons of its own: it tells nothing about the target."""


RATE_LIMITED = CallError("rate_limited", 429, transient=True, sdk_retries=True, elsewhere=True)
OUT_OF_MONEY = CallError("insufficient_quota", 429, sdk_retries=True, elsewhere=True)
SERVER_ERROR = CallError(
    "server_error", 500, transient=True, sdk_retries=True, elsewhere=True, trips_breaker=True
)
OVERLOADED = CallError(
    "overloaded", 503, transient=True, sdk_retries=True, elsewhere=True, trips_breaker=True
)
CONTEXT_LENGTH = CallError("context_length_exceeded", 400, elsewhere=True)
REQUEST_TOO_LARGE = CallError("request_too_large", 429, sdk_retries=True, elsewhere=True)
TIMEOUT = CallError("timeout", 0, transient=True, sdk_retries=True, elsewhere=True, trips_breaker=True)
CONNECTION_LOST = CallError(
    "connection_lost", 0, transient=True, sdk_retries=True, elsewhere=True, trips_breaker=True
)
CONNECTION_REFUSED = CallError(
    "connection_refused", 0, transient=True, sdk_retries=True, elsewhere=True, trips_breaker=True
)
DNS_FAILURE = CallError(
    "dns_failure", 0, transient=True, sdk_retries=True, elsewhere=True, trips_breaker=True
)
TLS_FAILURE = CallError("tls_failure", 0, sdk_retries=True, elsewhere=True, trips_breaker=True)
UNAUTHORIZED = CallError("unauthorized", 401, elsewhere=True)
FORBIDDEN = CallError("forbidden", 403, elsewhere=True)
CONTENT_POLICY = CallError("content_policy", 400, elsewhere=True)
REJECTED = CallError("rejected", 400)
UNREADABLE = CallError("unreadable_answer", 200, transient=True, elsewhere=True, trips_breaker=True)
BAD_ANSWER = CallError("bad_answer", 200, transient=True, elsewhere=True)
BREAKER_OPEN = CallError("breaker_open", elsewhere=True)
DEADLINE = CallError("deadline_exceeded", own=True)
THROTTLED = CallError("throttled", elsewhere=True)
OWN_RATE_LIMIT = CallError("own_rate_limit", elsewhere=True)
QUEUE_FULL = CallError("queue_full")
QUEUE_WAIT = CallError("queue_wait")
BUDGET_STOP = CallError("budget_exceeded", last_resort=False)
BUDGET_CHEAPER = CallError("budget_exceeded_cheaper", elsewhere=True)
BUDGET_CANNED = CallError("budget_exceeded_canned")
PROMPT_ERROR = CallError("prompt_error")
RUN_ENDED = CallError("run_ended", last_resort=False, own=True)
CANCELLED = CallError("cancelled", last_resort=False, own=True)
BROKEN_OFF = CallError("broken_off", 200, trips_breaker=True, last_resort=False)
"""A stream that had reached whoever asked, and broke: no other answer can take its place."""
SPEND_CAP = CallError("spend_cap", last_resort=False)
"""A real call that the run's spending cap does not allow."""
