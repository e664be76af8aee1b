"""Watching a run: trouble as customers have it, their complaints, and the alerts of variants that have monitoring.

Drivers tell it of every request that ends; each second of virtual time is judged once it is over, so that nothing depends
on how a run is cut into pieces, nor on its speed. What comes of it are events of one variant:

    trouble_begin, trouble_end   {"variant", "onset_s", "end_s"}
    complaint_noticed            {"variant", "onset_s", "noticed_s", "complaints"}
    alert, alert_end             {"variant", "rule", "kind", "onset_s", "detected_s" or "ended_s", "value", "threshold"}

Trouble is told by the truth, which nobody knows at that time. It begins when at least 3, and `trouble_rate`, of the requests
that ended in the last 10 s ended badly (failed, wrong or late), and ends when that share of the last 30 s is lower, or of
as many as there were since its onset. Its onset is the begin of the first of those 10 seconds that has that share by
itself, its end the end of the last such second. Where no request ends, it neither begins nor ends. A complaint is drawn by
the number of its request. The `to_notice`th complaint about requests that ended in the trouble is when somebody notices.

An alert's onset is when its condition began to hold, its detection when it had held for so long as the rule asks.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Any, Final

from app.engine.draws import Draws
from app.engine.events import Event
from app.safeguards.alert_rules import Alarm, Turn
from app.safeguards.commands import Result
from app.safeguards.monitoring import AnyRule, Monitoring
from app.safeguards.request import Request
from app.scenario.complaints import Complaints
from app.scenario.model import Scenario, Variant, variant_title
from app.sessions.vocabulary import BAD_OUTCOMES, OUTCOMES

MICRO: Final = 1_000_000
BEGIN_S: Final = 10
CALM_S: Final = 30
_LEAST: Final = 3
_RuleKey = tuple[str, str]
"""Ids of a monitoring safeguard and of a rule of it."""
_BAD: Final = frozenset(OUTCOMES.index(name) for name in BAD_OUTCOMES)


Sight = tuple[int, int, int, float, bool, int]
"""A request that has ended: when (µs), its number, its outcome (index into OUTCOMES); then what monitoring sees of it
(`alert_rules.Seen`). A plain tuple, as every request makes one."""


def sight_of(request: Request, result: Result, outcome: int, now: int) -> Sight:
    """What is seen of a request that ended with `result` at `now` (µs)."""
    attempts = request.attempts
    cost_pico = attempts[0].cost_pico if len(attempts) == 1 else sum([each.cost_pico for each in attempts])
    answer = result.answer
    if answer is None:
        return now, request.number, outcome, math.inf, False, cost_pico
    answer_us = now - request.intended_us
    return now, request.number, outcome, answer_us, bool(answer.failed_checks), cost_pico


class Watch:
    """All variants of a run, watched from `at_us` on. Drivers append to `sights[variant]` in order of time."""

    def __init__(self, scenario: Scenario, complaints: Complaints, draws: Draws, at_us: int) -> None:
        self.sights: list[list[Sight]] = [[] for _ in scenario.variants]
        self._variants = [
            _Watched(index, name, variant_title(name, variant), complaints, draws)
            for index, (name, variant) in enumerate(scenario.variants.items())
        ]
        self._second = at_us // MICRO

    def configure(self, scenario: Scenario, at_us: int) -> list[Event]:
        """Go on with these settings; alerts of rules that are gone end."""
        events: list[Event] = []
        for watched, variant in zip(self._variants, scenario.variants.values(), strict=True):
            events += watched.configure(_rules(variant), round(scenario.patience_s * MICRO), at_us)
        return events

    def pass_time(self, now_us: int) -> list[Event]:
        """Judge the seconds that are over when all up to `now_us`, included, has happened."""
        events: list[Event] = []
        while (end_us := (self._second + 1) * MICRO) <= now_us + 1:
            self._second += 1
            for watched, sights in zip(self._variants, self.sights, strict=True):
                count = bisect_left(sights, (end_us,))
                events += watched.pass_second(sights[:count], end_us)
                del sights[:count]
        return events


class _Spell:
    """A spell of trouble that nobody has complained enough about yet; `end_us` None while it lasts."""

    def __init__(self, onset_us: int) -> None:
        self.onset_us = onset_us
        self.end_us: int | None = None
        self.complaints = 0

    def holds(self, finished_us: int) -> bool:
        return self.onset_us <= finished_us and (self.end_us is None or finished_us < self.end_us)


class _Watched:
    """One variant."""

    def __init__(self, index: int, name: str, title: str, complaints: Complaints, draws: Draws) -> None:
        self._index, self._name, self._title = index, name, title
        self._complaints = complaints
        self._who = draws.column("complaint", None)
        self._when = draws.column("complaint.delay", None)
        self._alarms: dict[_RuleKey, Alarm] = {}
        self._past: deque[tuple[int, int, int]] = deque(maxlen=CALM_S)
        """Of the last seconds: end, requests that ended, those that ended badly."""
        self._spell: _Spell | None = None
        self._worst_us = 0
        """The end of the last second of the spell that was bad."""
        self._unnoticed: list[_Spell] = []
        self._coming: list[tuple[int, int]] = []
        """Complaints on their way: when they are read, and when their request ended."""
        self._came: list[int] = []
        """Ends of requests that complaints came about, where trouble may yet turn out to have begun by then."""

    def configure(self, rules: Mapping[_RuleKey, AnyRule], patience_us: int, at_us: int) -> list[Event]:
        """Watch by these rules. A rule that stays as it was keeps its state, and money spent stays spent."""
        before, self._alarms = self._alarms, {}
        for key, rule in rules.items():
            if key in before and before[key].rule == rule:
                self._alarms[key] = before.pop(key)
            else:
                self._alarms[key] = Alarm(rule)
                if key in before:
                    self._alarms[key].meter.adopt(before[key].meter)
            self._alarms[key].meter.patience_us = patience_us
        turns = [(alarm, alarm.end(at_us)) for alarm in before.values()]
        return [self._alert(alarm, turn) for alarm, turn in turns if turn is not None]

    def pass_second(self, sights: Sequence[Sight], end_us: int) -> list[Event]:
        """Judge the second that ended at `end_us`."""
        bad = [sight for sight in sights if sight[2] in _BAD]
        for finished_us, number, *_ in bad:
            self._draw_complaint(number, finished_us)
        self._past.append((end_us, len(sights), len(bad)))
        events = self._judge_trouble(end_us)
        if self._alarms:
            seen = [sight[3:] for sight in sights]
            turns = [(alarm, alarm.judge(seen, end_us)) for alarm in self._alarms.values()]
            events += [self._alert(alarm, turn) for alarm, turn in turns if turn is not None]
        return events + self._read_complaints(end_us)

    # -- alerts ----------------------------------------------------------------------------------------------------

    def _alert(self, alarm: Alarm, turn: Turn) -> Event:
        meter = alarm.meter
        value = f" ({meter.shown(turn.value)})" if turn.begins and turn.value is not None else ""
        what = f"alert, {meter.text}{value}" if turn.begins else f"alert over, {meter.text}"
        return self._event(
            turn.at_us,
            "alert" if turn.begins else "alert_end",
            what,
            rule=alarm.rule.id,
            kind=alarm.rule.kind,
            onset_s=turn.onset_us / MICRO,
            **{"detected_s" if turn.begins else "ended_s": turn.at_us / MICRO},
            value=turn.value,
            threshold=meter.threshold,
        )

    # -- trouble ---------------------------------------------------------------------------------------------------

    def _judge_trouble(self, now_us: int) -> list[Event]:
        past, rate = self._past, self._complaints.trouble_rate
        if self._spell is None:
            recent = list(past)[-BEGIN_S:]
            bad = sum(each[2] for each in recent)
            if bad < _LEAST or bad < rate * sum(each[1] for each in recent):
                return []
            first_us = next(end_us for end_us, count, bad in recent if bad and bad >= rate * count)
            while past[0][0] < first_us:
                past.popleft()
            spell = self._spell = _Spell(first_us - MICRO)
            spell.complaints = sum(map(spell.holds, self._came))
            self._unnoticed.append(spell)
            self._worst_us = now_us
            return [self._event(now_us, "trouble_begin", "trouble begins", onset_s=spell.onset_us / MICRO)]
        _, count, bad = past[-1]
        if bad and bad >= rate * count:
            self._worst_us = now_us
        ended = sum(each[1] for each in past)
        if not ended or sum(each[2] for each in past) >= rate * ended:
            return []
        spell, self._spell = self._spell, None
        spell.end_us = self._worst_us
        past.clear()
        onset_s, end_s = spell.onset_us / MICRO, spell.end_us / MICRO
        return [self._event(now_us, "trouble_end", "trouble is over", onset_s=onset_s, end_s=end_s)]

    # -- complaints ------------------------------------------------------------------------------------------------

    def _draw_complaint(self, number: int, finished_us: int) -> None:
        if self._who[number] < self._complaints.per_bad_outcome:
            delay_s = -math.log1p(-self._when[number]) * self._complaints.mean_delay_s
            heappush(self._coming, (finished_us + round(delay_s * MICRO), finished_us))

    def _read_complaints(self, now_us: int) -> list[Event]:
        while self._coming and self._coming[0][0] < now_us:
            _, finished_us = heappop(self._coming)
            self._came.append(finished_us)
            for spell in self._unnoticed:
                spell.complaints += spell.holds(finished_us)
        if self._came:
            self._came = [each for each in self._came if each >= now_us - BEGIN_S * MICRO]
        noticed = [each for each in self._unnoticed if each.complaints >= self._complaints.to_notice]
        for spell in noticed:
            self._unnoticed.remove(spell)
        return [
            self._event(
                now_us,
                "complaint_noticed",
                f"customers complain ({spell.complaints})",
                onset_s=spell.onset_us / MICRO,
                noticed_s=now_us / MICRO,
                complaints=spell.complaints,
            )
            for spell in noticed
        ]

    def _event(self, at_us: int, kind: str, what: str, /, **details: Any) -> Event:
        return Event(
            at_us, kind, f"{self._title}: {what}", {"variant": self._name, **details}, variant=self._index
        )


def _rules(variant: Variant) -> dict[_RuleKey, AnyRule]:
    """The alert rules that are on."""
    return {
        (each.id, rule.id): rule
        for each in variant.safeguards
        if isinstance(each, Monitoring) and each.on
        for rule in each.rules
    }
