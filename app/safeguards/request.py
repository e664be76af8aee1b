"""One logical user request, as the lifecycle and its safeguards see it."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from typing import Any

from app.safeguards.commands import FOREVER_US, Attempt, Command, Outcome, Result


class Request:
    """A request on its way: what it asks, and what has been done for it so far.

    number       counts the run's requests from 0, alike for all variants
    intended_us  when it was meant to arrive; latency counts from here
    cache_key    equal for requests that ask the same question verbatim
    input_tokens size of the prompt
    max_tokens   bound on the size of an answer
    question     the driver's own record of what is asked; safeguards see of it what `input_layer.Asked` has
    mended       whether a safeguard has made a prompt possible that could not be made before
    hits         bit set of all faults that struck it or its attempts
    target       index of the target that the next attempt goes to
    retry        how many attempts that target has had for this request
    cache        index into `vocabulary.CACHE`
    reason       why it was served the way it was, in the words of the safeguard that decided
    memo         what each safeguard notes about it, by its place in the pipeline; 0 until it does, and again when a
                 safeguard further out begins anew
    life         its lifecycle, which the driver resumes
    """

    __slots__ = (
        "attempts",
        "cache",
        "cache_key",
        "deadline_us",
        "hits",
        "input_tokens",
        "intended_us",
        "life",
        "max_tokens",
        "memo",
        "mended",
        "number",
        "question",
        "reason",
        "retry",
        "target",
    )

    memo: list[Any]
    life: Generator[Command, Outcome, Result]

    def __init__(
        self,
        number: int,
        intended_us: int,
        question: Any,
        cache_key: Hashable,
        input_tokens: int,
        max_tokens: int,
        hits: int = 0,
    ) -> None:
        self.number = number
        self.intended_us = intended_us
        self.question = question
        self.cache_key = cache_key
        self.input_tokens = input_tokens
        self.max_tokens = max_tokens
        self.hits = hits
        self.mended = False
        self.target = 0
        self.retry = 0
        self.deadline_us = FOREVER_US
        self.cache = 0
        self.reason = ""
        self.attempts: list[Attempt] = []
