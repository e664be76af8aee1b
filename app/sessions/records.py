"""What a reader hands out: the rows of the log with names for codes. Times stay microseconds, money
picodollars."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class RunRecord:
    """A run. `state` is one of `vocabulary.STATES` or `interrupted`; times of day are UTC, ISO 8601.

    `virtual_us` is how far the run got, `offered` how many requests had arrived by then; `name`, `note` and
    `tags` are the user's.
    """

    run_id: int
    scenario: str
    title: str
    scenario_toml: str
    seed: int
    clock: str
    duration_s: float
    created_at: str
    ended_at: str | None
    state: str
    virtual_us: int
    drain_end_us: int | None
    offered: int
    app_version: str
    numpy_version: str
    platform: str
    name: str
    note: str
    tags: str

    @property
    def closed_loop(self) -> bool:
        """Whether users asked again once they had their answers: then no two variants were asked alike."""
        return _arrivals(self.scenario_toml) == "closed"

    @property
    def badge(self) -> str:
        """What every view of the run must say of it."""
        badge = "SIMULATED" if self.clock == "virtual" else "REAL CALLS"
        return f"{badge}, CLOSED LOOP" if self.closed_loop else badge


@lru_cache(maxsize=32)
def _arrivals(scenario_toml: str) -> str:
    """The scenario's kind of arrivals; empty where the text cannot be read."""
    try:
        traffic = tomllib.loads(scenario_toml).get("traffic", {})
    except (ValueError, RecursionError):
        return ""
    return str(traffic.get("arrivals", "")) if isinstance(traffic, dict) else ""


@dataclass(frozen=True)
class VariantRecord:
    """A variant of a run, with its configuration as the run began."""

    index: int
    name: str
    title: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class PromptRecord:
    """A prompt of a run; `messages` is None where its text was not kept."""

    index: int
    name: str
    messages: Any


@dataclass(frozen=True)
class DataRow:
    """A data row of a run; `number` is its place in the user's file."""

    row: int
    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class EventRecord:
    """An event; `variant` is None where it concerns all of them."""

    sequence: int
    at_us: int
    kind: str
    label: str
    variant: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True)
class ObservationRecord:
    """One resume of a request by the live driver."""

    sequence: int
    now_us: int
    number: int
    command: Mapping[str, Any]
    outcome: Mapping[str, Any]


@dataclass(frozen=True)
class RequestRecord:
    """A finished request. `faults` and `mess` name the kinds injected, separated by commas."""

    variant: str
    number: int
    row: int
    prompt: int
    intended_us: int
    started_us: int | None
    first_token_us: int | None
    finished_us: int
    served_by: str
    outcome: str
    reason: str
    attempts: int
    retries: int
    input_tokens: int
    output_tokens: int
    cost_pico: int
    cache: str
    faults: str
    service_us: int | None
    mess: str
    answer_tokens: int = 0


@dataclass(frozen=True)
class AttemptRecord:
    """A finished attempt. `queued_us` is the time it waited in the provider's queue; `status` 0 means no
    answer."""

    sequence: int
    target: str
    retry: int
    hedge: int
    started_us: int
    queued_us: int
    first_token_us: int | None
    finished_us: int
    status: int
    error: str
    fault: str
    input_tokens: int
    output_tokens: int
    cost_pico: int
    billed: bool
    reason: str = ""
    """Why it was made, in the words of the safeguard that decided; empty for a first one."""
    estimated: bool = False
    """Whether a real call's tokens are by our own count, as the provider did not tell."""
    text: str | None = None
    """What came of a real call's answer, where it was kept."""
