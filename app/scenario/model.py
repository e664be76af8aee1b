"""The scenario: what fully defines a run. Each feature's settings live with the feature; here they come together."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from app.faults.fault_set import MAX_FAULTS
from app.faults.registry import AnyFault
from app.inputs.checks.settings import AnyCheck
from app.providers.answers.settings import Answers
from app.providers.profile import Target, Tokens
from app.safeguards.fallback import Fallback
from app.safeguards.hedge import Hedge
from app.safeguards.presets import PRESETS, TITLES
from app.safeguards.registry import AnySafeguard
from app.safeguards.retry import Retry
from app.scenario.base import Settings
from app.scenario.complaints import Complaints
from app.scenario.numbers import Duration, Number, Seconds, WholeNumber, WithinDay
from app.sessions.vocabulary import MAX_ATTEMPTS, MAX_VARIANTS
from app.traffic.settings import Traffic
from app.traffic.shapes import MAX_DAYS

MAX_BURSTS = 50_000
"""In a run, on average: each is two pieces of the rate."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Prompts(Settings):
    """Where the prompts are."""

    path: str = "sample:prompts"
    """A file or a folder beside the scenario, or 'sample:…' for what comes with Seatrial."""
    only: tuple[str, ...] = ()
    """Names of the prompts to use; all, when empty."""


class Data(Settings):
    """Where the sample data is, and how to read it."""

    path: str = "sample:support.csv"
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column a prompt's variable takes, where the names differ and the guess is wrong: variable = "column"."""


class Variant(Settings):
    """A named pipeline of safeguards, outermost first."""

    title: str = ""
    preset: Literal["prototype", "safeguarded"] | None = None
    """Take the preset's safeguards instead of listing them."""
    safeguards: tuple[AnySafeguard, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("preset") in PRESETS:
            if values.get("safeguards"):
                raise ValueError(
                    "give either 'preset' or 'safeguards'; a preset is a starting point to be spelled out"
                )
            preset = [safeguard.model_dump() for safeguard in PRESETS[values["preset"]]]
            return {**values, "preset": None, "safeguards": preset}
        return values

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _unique("safeguards", [safeguard.id for safeguard in self.safeguards])
        calls = 1
        for safeguard in self.safeguards:
            if isinstance(safeguard, Retry):
                calls *= safeguard.max_retries + 1
            elif isinstance(safeguard, Fallback):
                calls *= len(safeguard.targets) + 1
            elif isinstance(safeguard, Hedge):
                calls *= safeguard.max_hedges + 1
        if calls > MAX_ATTEMPTS:
            raise ValueError(
                f"retries, fallbacks and hedges multiply to {calls} calls for one request; "
                f"at most {MAX_ATTEMPTS} are allowed"
            )
        return self


class Switch(Settings):
    """A switch flipped while the run goes: the setting at the dotted path `set` has `value` from then on."""

    set: str = Field(min_length=1)
    value: JsonValue = None
    """Null takes the setting back to its default."""
    label: str = ""


class Change(Switch):
    """A switch that is flipped at a time known beforehand."""

    at_s: Seconds


class Act(Settings):
    """A step of a presentation: what the audience reads, and the switches that are flipped as it begins."""

    title: str = Field(min_length=1, max_length=120)
    text: str = Field(default="", max_length=600)
    notes: str = ""
    """For the presenter alone."""
    for_s: Duration | None = None
    """So much virtual time passes, then the run waits for the next act; without it the run goes on."""
    changes: tuple[Switch, ...] = ()


class Scenario(Settings):
    """A run, fully defined."""

    title: str = Field(min_length=1, max_length=200)
    about: str = ""
    seed: WholeNumber = Field(default=1, ge=0, lt=2**63)
    duration_s: Number = Field(default=300, gt=0, le=31_536_000)
    """Requests arrive for so long."""
    drain_s: WithinDay = 60
    """How long the run waits for the last requests; what has no answer then has failed."""
    patience_s: Duration = 30
    """A later answer is `late`."""

    prompts: Prompts = Prompts()
    data: Data = Data()
    answers: tuple[Answers, ...] = ()
    """What the simulated models say, by prompt; the first that fits a prompt counts."""
    checks: tuple[AnyCheck, ...] = ()
    traffic: Traffic
    tokens: Tokens = Tokens()
    targets: dict[str, Target] = Field(min_length=1, max_length=8)
    """The models behind the product; the first is the primary."""
    faults: tuple[AnyFault, ...] = Field(default=(), max_length=MAX_FAULTS)
    variants: dict[str, Variant] = Field(min_length=1, max_length=MAX_VARIANTS)
    complaints: Complaints | None = None
    """How customers complain. When left out, nothing is said of complaints unless a variant has monitoring."""
    changes: tuple[Change, ...] = Field(default=(), max_length=100_000)
    acts: tuple[Act, ...] = Field(default=(), max_length=50)
    """The presentation; it takes the place of `changes`, which are left out when it is given."""
    assumptions: dict[str, str] = Field(default_factory=dict)
    """Source and date of numbers that a simulation cannot measure, by dotted path; what is not listed is "assumed"."""

    @field_validator("targets", "variants")
    @classmethod
    def _plain_names(cls, tables: dict[str, Any]) -> dict[str, Any]:
        for name in tables:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"'{name}' is no good name: use letters, digits, '_' and '-', a letter first"
                )
        return tables

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _covers_run(self.traffic, self.duration_s)
        _unique("faults", [fault.id for fault in self.faults])
        _unique("checks", [check.id for check in self.checks])
        for fault in self.faults:
            _known(f"fault '{fault.id}', targets", fault.targets, self.targets)
            _known(f"fault '{fault.id}', variants", fault.variants, self.variants)
        checks = [check.id for check in self.checks if check.scores == "runtime"]
        for name, variant in self.variants.items():
            for safeguard in variant.safeguards:
                where = f"variant '{name}', safeguard '{safeguard.id}'"
                _known(f"{where}, targets", getattr(safeguard, "targets", ()), self.targets)
                _known(f"{where}, checks", getattr(safeguard, "checks", ()), checks)
        return self


def variant_title(name: str, variant: Variant) -> str:
    """What a variant is called in front of people."""
    return variant.title or TITLES.get(name, name)


def _covers_run(traffic: Traffic, duration_s: float) -> None:
    """Raise ValueError where days or bursts are too short to be laid out for a run so long."""
    if traffic.day is not None and traffic.day.length_s * MAX_DAYS < duration_s:
        raise ValueError(
            f"the run is longer than {MAX_DAYS} times traffic.day.length_s; make it shorter, or the days longer"
        )
    if traffic.bursts is not None:
        both_s = traffic.bursts.mean_burst_s + traffic.bursts.mean_quiet_s
        if duration_s > MAX_BURSTS * both_s:
            raise ValueError(
                f"the run would have more than {MAX_BURSTS:,} bursts; make it shorter, or the bursts longer"
            )


def _unique(what: str, names: list[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"the id '{name}' among the {what} is no good: use letters, digits, '_' and '-', a letter first"
            )
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise ValueError(f"two of the {what} are called '{doubles[0]}'; give one of them another 'id'")


def _known(where: str, names: Any, allowed: Any) -> None:
    for name in names:
        if name not in allowed:
            raise ValueError(f"{where}: there is no '{name}' here; there is {', '.join(allowed) or 'none'}")
