"""Alert rules at work: state machines that are told second after second what ended, and say when an alert begins or ends.

They take time from outside, like every safeguard. A window covers whole seconds, and at the run's start as many as there
have been. What the rules mean, and their defaults, is in `monitoring`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from app.safeguards import monitoring as rules
from app.safeguards.base import MICRO, USD_PICO

Seen = tuple[float, bool, int]
"""What a live system knows of a request that has ended: the time to its answer in microseconds, infinite for none; whether
the answer failed a runtime check; what it cost in picodollars. A plain tuple, as every request makes one."""


class Turn(NamedTuple):
    """An alert that begins or ends at `at_us`. `onset_us` is since when its condition had held without a break: the end of
    the first second so judged. `value` is what the rule measured at `at_us`, None where it had too little to measure."""

    begins: bool
    onset_us: int
    at_us: int
    value: float | None


class _Window:
    """Sums of two counts over the last `seconds` seconds."""

    def __init__(self, seconds: int) -> None:
        self.whole = 0
        self.part = 0
        self._seconds = seconds
        self._past: deque[tuple[int, int]] = deque()

    def push(self, whole: int, part: int) -> None:
        """One second on."""
        self._past.append((whole, part))
        self.whole += whole
        self.part += part
        if len(self._past) > self._seconds:
            whole, part = self._past.popleft()
            self.whole -= whole
            self.part -= part

    @property
    def share(self) -> float:
        """The part of the whole; 0 of nothing."""
        return self.part / self.whole if self.whole else 0.0


class Meter:
    """Measures what one rule is about. `threshold` is what `value` is held against; `text` says when it alerts;
    `patience_us` is how long customers wait, which may change while a run goes."""

    threshold: float
    text: str
    value: float | None = None
    patience_us: float = math.inf

    def take(self, ended: Sequence[Seen]) -> bool:
        """Take in one second; whether the rule's condition holds at its end."""
        raise NotImplementedError

    def shown(self, value: float) -> str:
        """A value in words."""
        return f"{value * 100:.0f} %"

    def adopt(self, earlier: Meter) -> None:
        """Take over what the rule has measured for the whole run, before its settings were changed."""


class _ErrorRate(Meter):
    def __init__(self, rule: rules.ErrorRate) -> None:
        self.threshold = rule.above_rate
        self.text = f"more than {rule.above_rate * 100:g} % without an answer"
        self._least = rule.min_requests
        self._window = _Window(rule.window_s)

    def take(self, ended: Sequence[Seen]) -> bool:
        return self._judge(len(ended), [answer_us for answer_us, _, _ in ended].count(math.inf))

    def _judge(self, whole: int, part: int) -> bool:
        self._window.push(whole, part)
        enough = self._window.whole >= self._least
        self.value = self._window.share if enough else None
        return enough and self._window.share > self.threshold


class _WrongRate(_ErrorRate):
    def __init__(self, rule: rules.WrongRate) -> None:
        super().__init__(rules.ErrorRate(**rule.model_dump(exclude={"kind"})))
        self.text = f"more than {rule.above_rate * 100:g} % of the answers fail a check"

    def take(self, ended: Sequence[Seen]) -> bool:
        return self._judge(len(ended), [failed for _, failed, _ in ended].count(True))


class _AnswerTime(Meter):
    """The percentile is above the limit where too few requests are within it (nearest rank)."""

    def __init__(self, rule: rules.AnswerTime) -> None:
        self.threshold = rule.above_s
        self.text = f"p{rule.percentile:g} of the time to answer above {rule.above_s:g} s"
        self._percentile = rule.percentile
        self._least = rule.min_requests
        self._limit_us = rule.above_s * MICRO
        self._window = _Window(rule.window_s)

    def take(self, ended: Sequence[Seen]) -> bool:
        window = self._window
        window.push(len(ended), len([1 for answer_us, _, _ in ended if answer_us > self._limit_us]))
        enough = window.whole >= self._least
        self.value = window.share if enough else None
        rank = math.ceil(self._percentile * window.whole / 100)
        return enough and window.whole - window.part < rank

    def shown(self, value: float) -> str:
        return f"{value * 100:.0f} % slower"


class _CostRate(Meter):
    def __init__(self, rule: rules.CostRate) -> None:
        self.threshold = rule.above_usd_per_minute
        self.text = f"costs above ${rule.above_usd_per_minute:g} a minute"
        self._window_s = rule.window_s
        self._window = _Window(rule.window_s)

    def take(self, ended: Sequence[Seen]) -> bool:
        self._window.push(0, sum([cost_pico for _, _, cost_pico in ended]))
        self.value = _decimal(self._window.part / USD_PICO * 60 / self._window_s)
        return self.value > self.threshold

    def shown(self, value: float) -> str:
        return f"${value:.3g} a minute"


class _BurnRate(Meter):
    def __init__(self, rule: rules.BurnRate) -> None:
        self.threshold = rule.above_factor
        self.text = f"error budget burns more than {rule.above_factor:g} times too fast"
        self._least = rule.min_requests
        self._allowed = 1 - rule.slo_rate
        self._long, self._short = _Window(rule.long_window_s), _Window(rule.short_window_s)

    def take(self, ended: Sequence[Seen]) -> bool:
        patience_us = self.patience_us
        bad = len([1 for answer_us, failed, _ in ended if failed or answer_us > patience_us])
        for window in (self._long, self._short):
            window.push(len(ended), bad)
        enough = self._long.whole >= self._least
        burn = _decimal(min(self._long.share, self._short.share) / self._allowed)
        self.value = burn if enough else None
        return enough and burn > self.threshold

    def shown(self, value: float) -> str:
        return f"{value:.1f} times"


class _BudgetLeft(Meter):
    def __init__(self, rule: rules.BudgetLeft) -> None:
        self.threshold = rule.below_share
        self.text = f"less than {rule.below_share * 100:g} % of ${rule.per_run_usd:g} left"
        self._limit_pico = rule.per_run_usd * USD_PICO
        self._spent_pico = 0

    def take(self, ended: Sequence[Seen]) -> bool:
        self._spent_pico += sum([cost_pico for _, _, cost_pico in ended])
        self.value = _decimal(max(1 - self._spent_pico / self._limit_pico, 0.0))
        return self.value < self.threshold

    def adopt(self, earlier: Meter) -> None:
        if isinstance(earlier, _BudgetLeft):
            self._spent_pico = earlier._spent_pico


def _decimal(value: float) -> float:
    """Without the noise of binary fractions: what is 0.2 in decimals is not less than 0.2."""
    return round(value, 9)


def meter_of(rule: rules.AnyRule) -> Meter:
    """What measures a rule."""
    match rule:
        case rules.ErrorRate():
            return _ErrorRate(rule)
        case rules.WrongRate():
            return _WrongRate(rule)
        case rules.AnswerTime():
            return _AnswerTime(rule)
        case rules.CostRate():
            return _CostRate(rule)
        case rules.BurnRate():
            return _BurnRate(rule)
        case rules.BudgetLeft():
            return _BudgetLeft(rule)


class Alarm:
    """One rule of one variant: its meter, and whether there is an alert."""

    def __init__(self, rule: rules.AnyRule) -> None:
        self.rule = rule
        self.meter = meter_of(rule)
        self.onset_us: int | None = None
        """Since when there is an alert's condition, while there is an alert."""
        self._for_us = round(rule.for_s * MICRO)
        self._since_us: int | None = None

    def judge(self, ended: Sequence[Seen], now_us: int) -> Turn | None:
        """Take in the second that ends at `now_us`: an alert that begins or ends with it, if one does.

        It begins when the condition has held for `for_s`, and ends when it has not held for as long.
        """
        holds = self.meter.take(ended)
        firing = self.onset_us is not None
        if holds == firing:
            self._since_us = None
            return None
        if self._since_us is None:
            self._since_us = now_us
        if now_us - self._since_us < self._for_us:
            return None
        since_us, self._since_us = self._since_us, None
        if holds:
            self.onset_us = since_us
            return Turn(True, since_us, now_us, self.meter.value)
        return self.end(now_us)

    def end(self, now_us: int) -> Turn | None:
        """No alert from `now_us` on."""
        if self.onset_us is None:
            return None
        onset_us, self.onset_us = self.onset_us, None
        return Turn(False, onset_us, now_us, self.meter.value)
