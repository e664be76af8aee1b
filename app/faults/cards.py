"""The six cards of the window as settings of a scenario: switching one on, off, and on again, and what state it is in.

Everything here is a pure function of two scenarios: the one in force, and the `original` as its file has it. Nothing is
applied: a setting is a (dotted path, value), and all of them can change while a run goes. A card that is switched off
sets `on = false` on faults and takes none out, since what is under way still refers to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.faults.base import Fault, MessFault
from app.faults.card_knobs import knobs, turned
from app.faults.card_table import CARDS, SEVERITIES, Card, Severity
from app.faults.kind_words import KIND_WORDS
from app.faults.registry import KINDS
from app.safeguards.matrix import ROWS
from app.scenario.model import Scenario

Setting = tuple[str, Any]
"""A dotted path and the value to set there."""
State = Severity | Literal["custom"] | None
"""How much of a card is on: a severity, something else, or nothing."""


@dataclass(frozen=True)
class Realised:
    """What was asked for beside what happened: `configured` in words; `struck` of `of` requests or calls (`unit`)."""

    kind: str
    title: str
    configured: str
    struck: int
    of: int
    unit: Literal["requests", "calls"]

    @property
    def share(self) -> float | None:
        """Struck over all, from 0 to 1; None where there was nothing to strike yet."""
        return min(1.0, self.struck / self.of) if self.of else None


@dataclass(frozen=True)
class TryWithout:
    """A safeguard that can be taken away to see what it was worth: `path` is its switch."""

    variant: str
    path: str
    title: str
    on: bool


def state(card: Card, scenario: Scenario, original: Scenario) -> State:
    """What of the card is in force in `scenario`."""
    if not settings_off(card, scenario, original):
        return None
    if card.faults is not None:
        for severity in SEVERITIES:
            if not settings_on(card, scenario, severity, original):
                return severity
    return "custom"


def settings_on(card: Card, scenario: Scenario, severity: Severity, original: Scenario) -> list[Setting]:
    """What to set for exactly this severity: nothing where it is in force.

    Other faults of the card's kinds, the scenario's own too, are switched off.
    """
    wanted = {fault.id: fault for fault in _faults(card, severity, original)}
    there = {fault.id: fault for fault in scenario.faults}
    settings: list[Setting] = [
        (f"faults.{fault.id}.on", False)
        for fault in members(card, scenario)
        if fault.on and fault.id not in wanted
    ]
    for name, fault in wanted.items():
        found = there.get(name)
        if found is None or found.model_copy(update={"on": True}) != fault:
            settings.append((f"faults.{name}", fault.model_dump(exclude_unset=True) | {"id": name}))
        elif not found.on:
            settings.append((f"faults.{name}.on", True))
    stands = turned(card, severity, original)
    return settings + [
        (knob.path, stands.get(knob.path, knob.idle))
        for knob in knobs(card, scenario, original)
        if knob.now != stands.get(knob.path, knob.idle)
    ]


def settings_off(card: Card, scenario: Scenario, original: Scenario) -> list[Setting]:
    """What to set so that nothing of the card is in force: nothing where nothing is."""
    settings: list[Setting] = [
        (f"faults.{fault.id}.on", False) for fault in members(card, scenario) if fault.on
    ]
    settings += [(knob.path, knob.idle) for knob in knobs(card, scenario, original) if knob.now != knob.idle]
    if card.id == "overbuilt":
        kept = {each.path for each in try_without(original) if each.on}
        settings += [(each.path, True) for each in try_without(scenario) if not each.on and each.path in kept]
    return settings


def settings_again(card: Card, scenario: Scenario, original: Scenario) -> list[Setting]:
    """What to set to switch the card on: what the scenario's file brings, else all that is there and off, else typical."""
    brought = {fault.id for fault in members(card, original) if fault.on}
    off = [fault.id for fault in members(card, scenario) if not fault.on]
    chosen = [name for name in off if name in brought] or off
    settings: list[Setting] = [(f"faults.{name}.on", True) for name in chosen]
    then = {knob.path: knob.now for knob in knobs(card, original, original)}
    settings += [
        (knob.path, then[knob.path])
        for knob in knobs(card, scenario, original)
        if knob.now == knob.idle != then.get(knob.path, knob.idle)
    ]
    if settings or card.faults is None:
        return settings
    return settings_on(card, scenario, "typical", original)


def all_off(scenario: Scenario, original: Scenario) -> list[Setting]:
    """What to set so that no failure is left; safeguards that are tried without stay as they are."""
    return [
        setting
        for card in CARDS.values()
        if card.faults is not None
        for setting in settings_off(card, scenario, original)
    ]


def members(card: Card, scenario: Scenario) -> list[Fault]:
    """The scenario's faults of the card's kinds, on or off, in the scenario's order."""
    return [fault for fault in scenario.faults if fault.kind in card.kinds]


def try_without(scenario: Scenario) -> list[TryWithout]:
    """The switches of all safeguards of the variant that has most of them."""
    name = max(scenario.variants, key=lambda each: (len(scenario.variants[each].safeguards), each))
    titles = {row.kind: row.title for row in ROWS}
    return [
        TryWithout(name, f"variants.{name}.safeguards.{each.id}.on", titles.get(each.kind, each.id), each.on)
        for each in scenario.variants[name].safeguards
    ]


def realised(card: Card, variants: Mapping[str, Any], scenario: Scenario) -> list[Realised]:
    """For each kind of the card that is on or has struck: what is configured, and what happened so far.

    `variants` are those of a run's summary. Messy data is counted over the requests of one variant, as it is the same
    for all of them; what strikes calls is counted over the calls of all. A share covers the whole run, also the time
    before a fault was switched on and the calls to targets that it spares.
    """
    found = []
    for kind in card.kinds:
        on = [fault for fault in members(card, scenario) if fault.on and fault.kind == kind]
        counts = [each["faults"].get(kind, 0) for each in variants.values()]
        if not on and not any(counts):
            continue
        title, words = KIND_WORDS[kind][0], "; ".join(configured(fault) for fault in on) or "off"
        if issubclass(KINDS[kind], MessFault):
            requests = max((each["requests"] for each in variants.values()), default=0)
            found.append(Realised(kind, title, words, max(counts, default=0), requests, "requests"))
        else:
            attempts = sum(each["attempts"] for each in variants.values())
            found.append(Realised(kind, title, words, sum(counts), attempts, "calls"))
    return found


def configured(fault: Fault) -> str:
    """A fault's trigger, scope and schedule in words."""
    unit = "requests" if fault.per == "request" else "calls"
    words = []
    if fault.first is not None:
        words.append(f"the first {fault.first:,} {unit}")
    elif fault.every is not None:
        words.append(f"every {fault.every:,}th of the {unit}")
    if fault.rate is not None and (fault.rate < 1 or not words):
        words.append(f"{percent(fault.rate)} of {unit}" if not words else f"{percent(fault.rate)} of them")
    if fault.targets:
        words.append(f"to {' and '.join(fault.targets)}")
    if fault.from_s or fault.to_s is not None:
        words.append(f"from {fault.from_s:g} s" + (f" to {fault.to_s:g} s" if fault.to_s is not None else ""))
    if fault.period_s is not None:
        words.append(f"for {fault.bad_s:g} s in every {fault.period_s:g} s")
    if fault.mean_between_s is not None:
        words.append(
            f"at random, about {fault.mean_duration_s:g} s long and {fault.mean_between_s:g} s apart"
        )
    return " ".join(words)


def percent(share: float) -> str:
    """A share as a percentage, to three digits."""
    return f"{share * 100:.3g} %"


def _faults(card: Card, severity: Severity, original: Scenario) -> Iterator[Fault]:
    if card.faults is None:
        return
    primary = next(iter(original.targets))
    for kind, settings in card.faults(original.duration_s)[severity].items():
        scope = {"targets": [primary]} if card.primary_only else {}
        yield KINDS[kind].model_validate(
            {"kind": kind, "id": f"card_{kind}", "label": KIND_WORDS[kind][0], **scope, **settings}
        )
