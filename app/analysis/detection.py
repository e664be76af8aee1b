"""Who noticed trouble, when, and what it had cost by then: from a run's events (see `app.engine.watch`) and its requests.

A spell of trouble begins at its onset, the first bad second. It is noticed at the earlier of two: an alert whose condition
held at some time of the spell, and the complaint that makes somebody look. Until then, or until the spell or what there
is of the run ends:

    bad requests = requests that ended failed, wrong or late within [onset, noticed)
    their cost   = what was spent on these
    time to detect = noticed - onset

Whatever people do once they know is not modelled.

JSON (`as_json`), a variant's "detection": {"troubles": n, "unnoticed": n of these, "alerts": n, "time_to_detect_s": the
longest, 0 without trouble, null where one was not noticed, "bad_requests": n and "cost_usd": x until noticed, of all,
"spells": [{"onset_s": x, "end_s": x|null, "noticed_s": x|null, "noticed_by": "alert"|"customer"|null, "rule": id|"",
"time_to_detect_s": x|null, "bad_requests": n, "cost_usd": x}]}. All of it is 0 or empty where nobody watched the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from app.safeguards.base import USD_PICO
from app.sessions.reader import RunReader
from app.sessions.records import EventRecord
from app.sessions.vocabulary import BAD_OUTCOMES

_MICRO: Final = 1e6


@dataclass(frozen=True)
class Spell:
    """A spell of trouble of one variant; times in virtual seconds. `end_s` is None while it lasts, `noticed_s` while nobody
    has noticed; `seen_until_s` is its end, or how far it was followed. `rule` is the id of the rule that told."""

    variant: str
    onset_s: float
    end_s: float | None
    noticed_s: float | None
    noticed_by: Literal["alert", "customer"] | None
    rule: str
    seen_until_s: float
    bad_requests: int = 0
    cost_usd: float = 0.0

    @property
    def time_to_detect_s(self) -> float | None:
        """From the onset until somebody knew."""
        return None if self.noticed_s is None else self.noticed_s - self.onset_s

    @property
    def unknown_until_s(self) -> float:
        """Until when it did damage that nobody knew of."""
        return self.seen_until_s if self.noticed_s is None else min(self.noticed_s, self.seen_until_s)


@dataclass(frozen=True)
class Detection:
    """All spells of a variant, in order, and how many alerts there were."""

    spells: tuple[Spell, ...] = ()
    alerts: int = 0


NOTHING: Final = Detection()


class Detections:
    """Finds the spells of a run's variants; what was counted once is not counted again."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._counted: dict[tuple[str, float, float], tuple[int, float]] = {}

    def of(self, events: Iterable[EventRecord], until_s: float) -> dict[str, Detection]:
        """By variant, what was noticed of the run up to `until_s`; `events` are those up to then, in order."""
        mine: dict[str, list[EventRecord]] = {variant.name: [] for variant in self._reader.variants}
        for event in events:
            if event.variant is not None:
                mine[event.variant].append(event)
        return {
            variant: Detection(
                tuple(map(self._with_damage, spells(variant, own, until_s))),
                sum(event.kind == "alert" for event in own),
            )
            if own
            else NOTHING
            for variant, own in mine.items()
        }

    def _with_damage(self, spell: Spell) -> Spell:
        key = spell.variant, spell.onset_s, spell.unknown_until_s
        found = self._counted.get(key)
        if found is None:
            count, cost_pico = self._reader.ended_so(
                spell.variant, BAD_OUTCOMES, *(round(at_s * _MICRO) for at_s in key[1:])
            )
            found = count, cost_pico / USD_PICO
            if spell.noticed_s is not None or spell.end_s is not None:
                self._counted[key] = found
        return replace(spell, bad_requests=found[0], cost_usd=found[1])


def spells(variant: str, events: Sequence[EventRecord], until_s: float) -> list[Spell]:
    """The spells of trouble that a variant's `events` tell of, in order, without the damage."""
    found: list[Spell] = []
    for event in events:
        if event.kind == "trouble_begin":
            found.append(Spell(variant, _told(event, "onset_s"), None, None, None, "", until_s))
        elif event.kind == "trouble_end" and found:
            end_s = _told(event, "end_s")
            found[-1] = replace(found[-1], end_s=end_s, seen_until_s=end_s)
    return [_noticed(spell, events) for spell in found]


def _noticed(spell: Spell, events: Sequence[EventRecord]) -> Spell:
    """The spell with who noticed it first. An alert that was on already when it began noticed it at once."""
    over: dict[str, list[float]] = {}
    for event in events:
        if event.kind == "alert_end":
            over.setdefault(_rule(event), []).append(event.at_us / _MICRO)
    found: list[tuple[float, Literal["alert", "customer"], str]] = []
    for event in events:
        at_s = event.at_us / _MICRO
        if event.kind == "complaint_noticed" and event.details.get("onset_s") == spell.onset_s:
            found.append((at_s, "customer", ""))
        elif event.kind == "alert":
            ended_s = next((each for each in over.get(_rule(event), ()) if each > at_s), None)
            began_in_time = spell.end_s is None or _told(event, "onset_s") <= spell.end_s
            if began_in_time and (ended_s is None or ended_s > spell.onset_s):
                found.append((max(at_s, spell.onset_s), "alert", _rule(event)))
    if not found:
        return spell
    noticed_s, by, rule = min(found)
    return replace(spell, noticed_s=noticed_s, noticed_by=by, rule=rule)


def _rule(event: EventRecord) -> str:
    return str(event.details.get("rule", ""))


def _told(event: EventRecord, key: str) -> float:
    """A time that the event tells of, in seconds; the event's own where a log from elsewhere tells of none."""
    at_s, value = event.at_us / _MICRO, event.details.get(key)
    return float(value) if isinstance(value, int | float) and 0 <= value <= at_s else at_s


def as_json(detection: Detection) -> dict[str, Any]:
    """As the module's docstring describes it."""
    spells = detection.spells
    unnoticed = sum(each.noticed_s is None for each in spells)
    return {
        "troubles": len(spells),
        "unnoticed": unnoticed,
        "alerts": detection.alerts,
        "time_to_detect_s": None
        if unnoticed
        else max((each.time_to_detect_s or 0.0 for each in spells), default=0.0),
        "bad_requests": sum(each.bad_requests for each in spells),
        "cost_usd": sum(each.cost_usd for each in spells),
        "spells": [
            {
                "onset_s": each.onset_s,
                "end_s": each.end_s,
                "noticed_s": each.noticed_s,
                "noticed_by": each.noticed_by,
                "rule": each.rule,
                "time_to_detect_s": each.time_to_detect_s,
                "bad_requests": each.bad_requests,
                "cost_usd": each.cost_usd,
            }
            for each in spells
        ],
    }
