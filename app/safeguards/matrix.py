"""The safeguards as one matrix: a row for each kind, by the job it does; a column for each variant. Words and settings only.

A cell is on, off, or absent, which is a safeguard that the variant does not list. Switching an absent one on lists it at
its usual place, with the settings that another variant of the scenario has for it, or else the preset's or its defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.errors import UserError
from app.safeguards.base import KINDS, Safeguard
from app.safeguards.presets import SAFEGUARDED, USUAL_ORDER
from app.scenario.model import Scenario

State = Literal["on", "off", "absent"]


@dataclass(frozen=True)
class Row:
    """A kind of safeguard: the job it does, its title and what it does in one sentence.

    `main` tells its main setting in a few words. What is not `shown` is one step away.
    """

    kind: str
    job: str
    title: str
    explanation: str
    main: Callable[[Any], str]
    shown: bool = True


def _spend_limits(settings: Any) -> str:
    limits = (
        (settings.per_run_usd, "a run"),
        (settings.per_minute_usd, "a minute"),
        (settings.per_request_usd, "a request"),
    )
    return ", ".join(f"{_money(usd)} {what}" for usd, what in limits if usd is not None)


def _money(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else f"${usd:.2g}"


def _prepared_texts(settings: Any) -> str:
    own = f"{len(settings.texts)} by prompt" if settings.texts else ""
    general = f"a text of {len(settings.text.split())} words" if settings.text else ""
    return ", ".join(part for part in (general, own) if part) or "no text"


ROWS: Final = (
    Row(
        "cache",
        "Reuse",
        "Cached answers",
        "Gives the same answer to the same question again, for a while, without a call.",
        lambda s: f"kept for {_time(s.ttl_s)}",
    ),
    Row(
        "prompt_cache",
        "Reuse",
        "Prompt cache",
        "Has the provider keep the part of each prompt that is always the same, and bill it at a lower price.",
        lambda s: f"kept for {_time(s.ttl_s)}",
        shown=False,
    ),
    Row(
        "deadline",
        "Wait",
        "Deadline",
        "The longest a request may take, with all its calls and waits.",
        lambda s: f"{_time(s.total_s)} in all",
    ),
    Row(
        "attempt_timeout",
        "Wait",
        "Timeout",
        "The longest that one call may take before it is given up.",
        lambda s: f"{_time(s.attempt_s)} a call",
    ),
    Row(
        "retry",
        "Wait",
        "Retries",
        "Calls again after a failure that may pass, each time after a longer wait.",
        lambda s: f"up to {s.max_retries} {'retry' if s.max_retries == 1 else 'retries'}",
    ),
    Row(
        "retry_budget",
        "Wait",
        "Retry budget",
        "Bounds the retries of all requests together, so that they do not become a storm.",
        lambda s: f"{s.min_per_s:g} a second",
        shown=False,
    ),
    Row(
        "fallback",
        "Switch",
        "Fallback model",
        "Asks another model when the first gives no answer.",
        lambda s: f"to {', then '.join(s.targets)}",
    ),
    Row(
        "hedge",
        "Switch",
        "Hedged calls",
        "Asks a second time when an answer is slow, and takes whichever is first. Both are billed.",
        lambda s: f"after {_time(s.after_s)}" if s.after_s else f"after the p{s.after_percentile:g} of calls",
        shown=False,
    ),
    Row(
        "breaker",
        "Switch",
        "Circuit breaker",
        "Stops calling a model that keeps failing, and tries it again a little later.",
        lambda s: f"opens at {s.failure_ratio * 100:g} % failures",
    ),
    Row(
        "budget",
        "Cap",
        "Spend limit",
        "Bounds the money that a run, a minute or a request may cost.",
        _spend_limits,
    ),
    Row(
        "prompt_trim",
        "Cap",
        "Prompt trim",
        "Cuts the longest field of a question until the prompt is no larger than allowed.",
        lambda s: f"to {s.max_input_tokens:,} tokens",
        shown=False,
    ),
    Row(
        "concurrency",
        "Cap",
        "Calls at a time",
        "Bounds the calls in flight; the others wait their turn.",
        lambda s: f"{s.max_in_flight} at a time, {s.max_queue} in the queue",
        shown=False,
    ),
    Row(
        "rate_limit",
        "Cap",
        "Own rate limit",
        "Keeps calls below the provider's limits, so that it never turns one away.",
        lambda s: _rates(s.rpm, s.tpm),
        shown=False,
    ),
    Row(
        "adaptive_throttle",
        "Cap",
        "Adaptive throttling",
        "Turns calls back by itself while the provider turns many away.",
        lambda s: f"at {s.k:g} times what is accepted",
        shown=False,
    ),
    Row(
        "load_shedding",
        "Cap",
        "Load shedding",
        "Politely turns customers away at once while the own queue is old. Needs a limit with a queue.",
        lambda s: f"when the queue is older than {_time(s.max_queue_age_s)}",
        shown=False,
    ),
    Row(
        "input_check",
        "Check",
        "Input check",
        "Repairs what is wrong with a row before it is asked about, and asks back where it cannot.",
        lambda s: f"{len(s.by_field)} fields by own rules" if s.by_field else "all fields",
        shown=False,
    ),
    Row(
        "answer_check",
        "Check",
        "Answer check",
        "Looks at an answer before the customer does, and asks again when it cannot be used.",
        lambda s: f"{len(s.checks)} of the checks" if s.checks else "all checks",
        shown=False,
    ),
    Row(
        "hand_off",
        "Hand over",
        "Hand-off to a person",
        "Staff who take what no model answered, one at a time.",
        lambda s: f"{s.agents} {'person' if s.agents == 1 else 'people'}, {_time(s.handle_s)} each",
        shown=False,
    ),
    Row(
        "canned",
        "Hand over",
        "Canned answer",
        "A text prepared beforehand, for when nobody else answers.",
        _prepared_texts,
    ),
    Row(
        "monitoring",
        "Watch",
        "Monitoring",
        "Tells you by an alert when something is wrong. Without it customers must complain first.",
        lambda s: f"{len(s.rules)} alert {'rule' if len(s.rules) == 1 else 'rules'}",
    ),
)
"""By job, as they are listed in the window."""

_QUEUES: Final = frozenset({"concurrency", "rate_limit"})
_PLACE: Final = {kind: place for place, kind in enumerate(USUAL_ORDER)}
_PRESET: Final = {safeguard.kind: safeguard for safeguard in SAFEGUARDED}


def listed(scenario: Scenario, variant: str, kind: str) -> list[Safeguard]:
    """The variant's safeguards of this kind, outermost first."""
    return [each for each in scenario.variants[variant].safeguards if each.kind == kind]


def state(scenario: Scenario, variant: str, kind: str) -> State:
    """Whether the variant has a safeguard of this kind at work."""
    found = listed(scenario, variant, kind)
    if not found:
        return "absent"
    return "on" if any(each.on for each in found) else "off"


def in_words(row: Row, scenario: Scenario, variant: str) -> str:
    """The main setting of the variant's safeguard of this row; empty where it has none."""
    return "; ".join(row.main(each) for each in listed(scenario, variant, row.kind))


def settings_for(scenario: Scenario, variant: str, kind: str, on: bool) -> list[tuple[str, Any]]:
    """What to set, as (dotted path, value), to switch the kind on or off in the variant: nothing where it is so.

    Raises UserError where it cannot be added, since there is no model to fall back to.
    """
    found = listed(scenario, variant, kind)
    if found:
        return [(f"variants.{variant}.safeguards.{each.id}.on", on) for each in found if each.on != on]
    if not on:
        return []
    pipeline = scenario.variants[variant].safeguards
    place = next((at for at, each in enumerate(pipeline) if _PLACE[each.kind] > _PLACE[kind]), len(pipeline))
    entries = [each.model_dump(mode="json", exclude_none=True) for each in pipeline]
    entries.insert(place, _new(scenario, pipeline, kind).model_dump(mode="json", exclude_none=True))
    return [(f"variants.{variant}.safeguards", entries)]


def _new(scenario: Scenario, pipeline: Sequence[Safeguard], kind: str) -> Safeguard:
    """A safeguard of this kind for a variant that has none of it in its pipeline."""
    for variant in scenario.variants:
        for each in listed(scenario, variant, kind):
            return each.model_copy(update={"on": True, "id": kind})
    if kind == "load_shedding" and not any(each.kind in _QUEUES and each.on for each in pipeline):
        raise UserError(
            "there is no queue whose age it could look at",
            where="safeguards",
            do="Switch on 'Calls at a time' or 'Own rate limit' first.",
        )
    preset = _PRESET.get(kind) or KINDS[kind].model_validate({"kind": kind})
    if kind != "fallback":
        return preset
    others = list(scenario.targets)[1:]
    if not others:
        raise UserError(
            "there is no other model to fall back to",
            where="safeguards",
            do="Add a second model to the scenario's [targets].",
        )
    return preset.model_copy(update={"targets": others[:1]})


def _rates(rpm: float | None, tpm: float | None) -> str:
    own = [f"{rate:,.0f} {unit} a minute" for rate, unit in ((rpm, "calls"), (tpm, "tokens")) if rate]
    return " and ".join(own) or "as the provider's"


def _time(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:g} s"
