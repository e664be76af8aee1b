"""What a variant did with a request, step by step from its intended arrival: what the waterfall draws and the trail
says. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from app.analysis.summary import usd
from app.safeguards.base import USD_PICO
from app.sessions.records import AttemptRecord, RequestRecord
from widgets.theme import OUTCOME_MARKS
from widgets.trial.request_words import (
    SERVERS,
    call_reason_words,
    error_words,
    fault_names,
    length,
    reason_words,
)

_MICRO: Final = 1e6
_SHORTEST_WAIT_US: Final = 1_000
_CACHED: Final = {
    "hit": "found in the cache",
    "shared": "shared the answer of a request that asked the same",
    "stale": "an old answer from the cache",
}


@dataclass(frozen=True)
class Step:
    """A call, a wait between calls, or the end. Times are seconds from the intended arrival.

    `title` names it, `result` says how it ended, `numbers` tells all there is to know in a line. Of a call: until
    `queue_until_s` it stood in the provider's queue, from `stream_from_s` (None: never) the answer streamed.
    """

    kind: Literal["wait", "call", "end"]
    from_s: float
    to_s: float
    title: str
    result: str
    numbers: str
    failed: bool = False
    queue_until_s: float = 0.0
    stream_from_s: float | None = None


def trail(
    request: RequestRecord, attempts: Sequence[AttemptRecord], labels: Mapping[str, str]
) -> tuple[Step, ...]:
    """The steps in order; the last is the end. `labels` names faults by id."""
    begin_us = request.intended_us
    busy_until_us = begin_us
    steps: list[Step] = []
    for attempt in attempts:
        steps += _waited(busy_until_us - begin_us, attempt.started_us - begin_us, "")
        steps.append(_call(attempt, begin_us, labels))
        busy_until_us = max(busy_until_us, attempt.finished_us)
    steps += _waited(
        busy_until_us - begin_us, request.finished_us - begin_us, "" if attempts else "Without a call"
    )
    steps.append(_end(request))
    return tuple(steps)


def told(steps: Sequence[Step]) -> str:
    """The steps as numbered lines."""
    return "\n".join(f"{place}. {step.numbers}" for place, step in enumerate(steps, 1))


def _waited(from_us: int, to_us: int, title: str) -> list[Step]:
    if to_us - from_us < _SHORTEST_WAIT_US:
        return []
    took = length((to_us - from_us) / _MICRO)
    name = title or "Wait"
    return [Step("wait", from_us / _MICRO, to_us / _MICRO, name, took, f"{name}: {took}")]


def _call(attempt: AttemptRecord, begin_us: int, labels: Mapping[str, str]) -> Step:
    from_s, to_s = (attempt.started_us - begin_us) / _MICRO, (attempt.finished_us - begin_us) / _MICRO
    first = attempt.first_token_us
    title = attempt.target + (f", retry {attempt.retry}" if attempt.retry else "")
    title += f", hedge {attempt.hedge}" if attempt.hedge else ""
    status = f"{attempt.status} " if attempt.status else ""
    result = f"{status}{error_words(attempt.error)}" if attempt.error else f"{status}answered"
    parts = [f"{title}: {result} after {length(to_s - from_s)}"]
    if attempt.reason:
        parts.append(call_reason_words(attempt.reason))
    if attempt.queued_us:
        parts.append(f"{length(attempt.queued_us / _MICRO)} of it queued")
    if first is not None:
        parts.append(f"first token after {length((first - attempt.started_us) / _MICRO)}")
    parts.append(f"{attempt.input_tokens:,} tokens in, {attempt.output_tokens:,} out")
    parts.append(usd(attempt.cost_pico / USD_PICO) if attempt.billed else "not billed")
    if attempt.fault:
        parts.append(f"struck by: {fault_names(attempt.fault, labels)}")
    return Step(
        "call",
        from_s,
        to_s,
        title,
        result,
        "; ".join(parts),
        failed=bool(attempt.error),
        queue_until_s=min(to_s, from_s + attempt.queued_us / _MICRO),
        stream_from_s=None if first is None else (first - begin_us) / _MICRO,
    )


def _end(request: RequestRecord) -> Step:
    at_s = (request.finished_us - request.intended_us) / _MICRO
    title = OUTCOME_MARKS[request.outcome].title
    nobody = request.served_by == "nobody"
    who = _CACHED.get(request.cache, "") if request.served_by == "cache" else ""
    result = "no answer" if nobody else who or f"from {SERVERS[request.served_by]}"
    why = reason_words(request.reason)
    numbers = f"{title}: {result} after {length(at_s)}." + (f" {why}" if why else "")
    return Step("end", at_s, at_s, title, result, numbers, failed=nobody)
