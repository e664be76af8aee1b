"""A finished request and a finished attempt as rows of the session log, alike under every driver.

Outcomes are decided here, once: what the customer got, first that applies. Column order is `vocabulary`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.safeguards.commands import Attempt, Result
from app.safeguards.request import Request
from app.sessions.vocabulary import OUTCOMES, SEQUENCE_BITS, SERVED_BY

FAILED, WRONG, DEGRADED, LATE, GOOD = (
    OUTCOMES.index(name) for name in ("failed", "wrong", "degraded", "late", "good")
)
NOBODY = SERVED_BY.index("nobody")
_STAND_INS = frozenset({SERVED_BY.index("canned"), SERVED_BY.index("human")})

Row = tuple[int | None, ...]
FaultName = Callable[[int], int]
"""The log's code of the names of a set of faults, given as a bit set that is not empty."""


def request_row(
    request: Request,
    result: Result,
    now: int,
    patience_us: int,
    key_base: int,
    names: Mapping[str, int],
    fault_name: FaultName,
) -> Row:
    """The row of a request (`vocabulary.REQUEST_COLUMNS`) that ended with `result` at `now` (µs).

    An answer that comes later than `patience_us` after the intended arrival is late. `names` gives the log's code of a
    text; `key_base` is the key of the variant's request 0.
    """
    error = result.error
    answer = result.answer
    intended_us = request.intended_us
    if answer is None:
        outcome = FAILED
        served_by = NOBODY
    else:
        served_by = result.served_by
        if served_by in _STAND_INS:
            outcome = DEGRADED
        elif not answer.correct:
            outcome = WRONG
        elif now - intended_us > patience_us:
            outcome = LATE
        else:
            outcome = GOOD
    attempts = request.attempts
    started_us: int | None = None
    service_us: int | None = None
    retries = input_tokens = output_tokens = cost_pico = 0
    if attempts:
        started_us = attempts[0].started_us
        service_us = now - started_us
        for attempt in attempts:
            input_tokens += attempt.input_tokens
            output_tokens += attempt.output_tokens
            cost_pico += attempt.cost_pico
            if attempt.retry:
                retries += 1
    reason = request.reason
    if not reason and error is not None:
        reason = error.name
    question = request.question
    return (
        key_base + (request.number << SEQUENCE_BITS),
        question.row,
        question.prompt,
        intended_us,
        started_us,
        result.first_us,
        now,
        served_by,
        outcome,
        names[reason] if reason else 0,
        len(attempts),
        retries,
        input_tokens,
        output_tokens,
        cost_pico,
        request.cache,
        fault_name(request.hits) if request.hits else 0,
        service_us,
        fault_name(question.mess) if question.mess else 0,
    )


def attempt_row(attempt: Attempt, key_base: int, names: Mapping[str, int], fault_name: FaultName) -> Row:
    """The row of an attempt that is over (`vocabulary.ATTEMPT_COLUMNS`); parameters as for `request_row`."""
    error = attempt.error
    return (
        key_base + (attempt.request.number << SEQUENCE_BITS) + attempt.sequence,
        attempt.target,
        attempt.retry,
        attempt.hedge,
        attempt.started_us,
        attempt.queued_us,
        attempt.first_us,
        attempt.finished_us,
        attempt.status,
        0 if error is None else names[error.name],
        fault_name(attempt.hits) if attempt.hits else 0,
        attempt.input_tokens,
        attempt.output_tokens,
        attempt.cost_pico,
        1 if attempt.billed else 0,
    )
