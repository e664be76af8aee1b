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


def outcome_of(result: Result, latency_us: int, patience_us: int) -> int:
    """Index into `vocabulary.OUTCOMES`: what the customer got, first that applies.

    An answer that comes more than `patience_us` after the intended arrival is late.
    """
    answer = result.answer
    if answer is None:
        return FAILED
    if result.served_by in _STAND_INS:
        return DEGRADED
    if not answer.correct:
        return WRONG
    return LATE if latency_us > patience_us else GOOD


class RowMaker:
    """Makes the rows of one variant.

    `key_base` is the key of its request 0, `names` gives the log's code of a text.
    """

    def __init__(self, key_base: int, names: Mapping[str, int], fault_name: FaultName) -> None:
        self._key_base = key_base
        self._names = names
        self._fault_name = fault_name

    def request(self, request: Request, result: Result, outcome: int, now: int) -> Row:
        """The row of a request (`vocabulary.REQUEST_COLUMNS`) that ended with `result` at `now` (µs)."""
        intended_us = request.intended_us
        attempts = request.attempts
        started_us: int | None = None
        service_us: int | None = None
        retries = input_tokens = output_tokens = 0
        cost_pico = request.fee_pico
        if len(attempts) == 1:
            attempt = attempts[0]
            started_us = attempt.started_us
            service_us = now - started_us
            input_tokens = attempt.input_tokens
            output_tokens = attempt.output_tokens
            cost_pico += attempt.cost_pico
        elif attempts:
            started_us = attempts[0].started_us
            service_us = now - started_us
            for attempt in attempts:
                input_tokens += attempt.input_tokens
                output_tokens += attempt.output_tokens
                cost_pico += attempt.cost_pico
                if attempt.retry:
                    retries += 1
        error = result.error
        reason = request.reasons[-1][1] if request.reasons else ""
        if not reason and error is not None:
            reason = error.name
        question = request.question
        return (
            self._key_base + (request.number << SEQUENCE_BITS),
            question.row,
            question.prompt,
            intended_us,
            started_us,
            result.first_us,
            now,
            NOBODY if result.answer is None else result.served_by,
            outcome,
            self._names[reason] if reason else 0,
            len(attempts),
            retries,
            input_tokens,
            output_tokens,
            cost_pico,
            request.cache,
            self._fault_name(request.hits) if request.hits else 0,
            service_us,
            self._fault_name(question.mess) if question.mess else 0,
            result.output_tokens if type(result) is Attempt and result.error is None else 0,
        )

    def attempt(self, attempt: Attempt) -> Row:
        """The row of an attempt that is over (`vocabulary.ATTEMPT_COLUMNS`)."""
        error = attempt.error
        return (
            self._key_base + (attempt.request.number << SEQUENCE_BITS) + attempt.sequence,
            attempt.target,
            attempt.retry,
            attempt.request.hedge,
            attempt.started_us,
            attempt.queued_us,
            attempt.first_us,
            attempt.finished_us,
            attempt.status,
            0 if error is None else self._names[error.name],
            self._fault_name(attempt.hits) if attempt.hits else 0,
            attempt.input_tokens,
            attempt.output_tokens,
            attempt.cost_pico,
            1 if attempt.billed else 0,
            self._names[attempt.why] if attempt.why else 0,
        )
