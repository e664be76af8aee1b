"""How far a call in service has come, and how it goes on when its stream is interrupted: it pauses, falls silent, or breaks.

Times only; who is told and what is billed is the provider's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.faults.base import NEVER_US, Interruption
from app.safeguards.commands import FOREVER_US
from app.safeguards.errors import CallError

if TYPE_CHECKING:
    from app.safeguards.commands import Attempt


class Course:
    """One call's course. Lengths of time in microseconds; `begin` comes before all else.

    The answer's tokens come evenly over `span_us`. After `before_us` of it the stream pauses; one that breaks does so at
    that instant, and its end, a microsecond later than it would have been, never comes.
    """

    __slots__ = ("_before_us", "_pause_us", "_share", "_span_us", "error")

    def __init__(self, interruption: Interruption) -> None:
        self.error: CallError | None = interruption.error
        self._share = interruption.after_share
        self._pause_us = interruption.pause_us if interruption.error is None else 1
        self._span_us = 0
        self._before_us = 0

    def begin(self, first_us: int, service_us: int) -> tuple[int, int]:
        """Times to the first token and to the end as they will be, for what they would have been."""
        self._span_us = service_us - first_us
        if self._share is None:
            return first_us + self._pause_us, service_us + self._pause_us
        self._before_us = round(self._span_us * self._share)
        return first_us, service_us + self._pause_us

    def breaks_at(self, done_us: int) -> int | None:
        """When it breaks, if it would be done at `done_us`; None when it does not."""
        return None if self.error is None else done_us - 1 - self._span_us + self._before_us

    def quiet_us(self, output: int) -> tuple[int, int]:
        """When the last token before its pause comes, and how long nothing comes after it; from the first token on."""
        if self._share is None or self.error is not None:
            return 0, 0
        gaps = max(1, output - 1)
        before = gaps * self._before_us // self._span_us if self._span_us else gaps
        last_us = before * self._span_us // gaps
        next_us = min(before + 1, gaps) * self._span_us // gaps
        return last_us, next_us - last_us + self._pause_us

    def last_us(self, output: int, spoken: int) -> int:
        """When the last of so many tokens of the `output` has come, from the first on."""
        us = (spoken - 1) * self._span_us // max(1, output - 1)
        return us + self._pause_us if us > self._before_us and self._share is not None else us

    def gap_us(self, output: int) -> int:
        """How long there is between tokens that come evenly."""
        return self._span_us // max(1, output - 1)

    def generated(self, output: int, left_us: int) -> int:
        """How many of the `output` tokens there are so long before its end; all where answers come whole."""
        if self._span_us == 0:
            return output
        passed_us = max(0, self._span_us + self._pause_us - left_us)
        worked_us = min(passed_us, max(self._before_us, passed_us - self._pause_us))
        return min(output, 1 + (output - 1) * worked_us // self._span_us)

    def server_done_us(self, done_us: int, now: int) -> int:
        """When a server is done that works on without its client: one that has fallen silent does in time."""
        without_silence_us = done_us - NEVER_US
        return done_us if without_silence_us < 0 else max(now, without_silence_us)


def spoken(attempt: Attempt, at_us: int) -> int:
    """How many of its answer's tokens a call in service has at `at_us`, whether or not its stream is interrupted."""
    output = attempt.plan[2]
    first_us = attempt.first_us or 0
    if at_us < first_us:
        return 0  # the prompt was read, and nothing said
    if attempt.course is not None:
        return attempt.course.generated(output, attempt.done_us - at_us)
    span = max(1, attempt.done_us - first_us)
    return min(output, 1 + (output - 1) * (at_us - first_us) // span)


def too_quiet_us(attempt: Attempt) -> int:
    """When the client of a call in service gives up for want of another token; `FOREVER_US` if it need not."""
    first_us = attempt.first_us or 0
    patience_us = attempt.bounds.between_us
    output, course = attempt.plan[2], attempt.course
    if course is None:
        even_us = (attempt.done_us - first_us) // max(1, output - 1)
        return first_us + patience_us if even_us > patience_us else FOREVER_US
    if output > 1 and course.gap_us(output) > patience_us:
        return first_us + patience_us
    last_us, quiet_us = course.quiet_us(output)
    return first_us + last_us + patience_us if quiet_us > patience_us else FOREVER_US


def last_token_us(attempt: Attempt, now: int) -> int:
    """When the last token came that a call in service has by now."""
    first_us, output = attempt.first_us or 0, attempt.plan[2]
    so_far = max(1, spoken(attempt, now))
    if attempt.course is not None:
        return min(now, first_us + attempt.course.last_us(output, so_far))
    return min(now, first_us + (so_far - 1) * (attempt.done_us - first_us) // max(1, output - 1))
