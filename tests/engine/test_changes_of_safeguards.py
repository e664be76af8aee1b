"""Each safeguard's settings changed while the run goes: the same as planned ones, to the last row, and the change shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.safeguards.base import KINDS
from tests.engine.small import Small, small_runs
from tests.engine.test_changes import busy, equal, flipped, planned

TABLES = """
[targets.fallback]
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }}
first_token_s = 0.2

[[faults]]
kind = "server_error"
rate = 0.3

[[faults]]
kind = "slow_first_token"
rate = 0.2

[[faults]]
kind = "empty"
rate = 0.1

[[faults]]
kind = "missing_field"
rate = 0.2

[[checks]]
kind = "length"
id = "not_empty"
min_chars = 1
scores = "runtime"

[variants.any]
safeguards = [{safeguards}]
"""

FLIPS: list[tuple[str, str, str, Any]] = [
    ("hedge", "after_s = 2", "after_s", 0.3),
    ("hedge", "after_s = 0.3", "max_hedges", 3),
    ("hedge", "after_percentile = 90", "after_percentile", 20),
    ("concurrency", "max_in_flight = 9", "max_in_flight", 2),
    ("concurrency", "max_in_flight = 2", "max_in_flight", 9),
    ("concurrency", "max_in_flight = 2", "max_queue", 1),
    ("concurrency", "max_in_flight = 2", "max_wait_s", 0.1),
    ("rate_limit", "rpm = 6000", "rpm", 120),
    ("rate_limit", "tpm = 60000", "tpm", 12000),
    ("rate_limit", "rpm = 240, burst_s = 1", "burst_s", 3),
    ("rate_limit", "rpm = 240, burst_s = 1", "max_wait_s", 0.1),
    ("adaptive_throttle", "k = 2", "k", 1),
    ("adaptive_throttle", "k = 1", "window_s", 2),
    ("hand_off", "handle_s = 1", "agents", 1),
    ("hand_off", "handle_s = 1", "handle_s", 9),
    ("hand_off", "handle_s = 9", "patience_s", 0),
    ("hand_off", "handle_s = 1", "cost_usd", 0.5),
    ("input_check", "every_field = { max_chars = 99 }", "every_field.max_chars", 3),
    ("input_check", "every_field = { not_empty = false }", "every_field.required", False),
    ("prompt_trim", "max_input_tokens = 100", "max_input_tokens", 9),
    ("prompt_trim", "max_input_tokens = 90", "max_input_tokens", 200),
    ("prompt_cache", "min_tokens = 1, prefix_tokens = 50", "prefix_tokens", 90),
    ("prompt_cache", "min_tokens = 1, prefix_tokens = 50", "read_factor", 0.5),
    ("prompt_cache", "min_tokens = 1, prefix_tokens = 50", "ttl_s", 0.01),
    ("prompt_cache", "min_tokens = 1, prefix_tokens = 50", "min_tokens", 60),
    ("budget", "per_minute_usd = 1", "per_minute_usd", 0.002),
    ("budget", "per_minute_usd = 1", "per_run_usd", 0.004),
    ("budget", "per_request_usd = 1", "per_request_usd", 0.0001),
    ("answer_check", "", "on", False),
    ("attempt_timeout", "attempt_s = 5", "attempt_s", 0.5),
    ("fallback", "", "on", False),
    ("retry_budget", "ratio = 0, max_tokens = 2", "min_per_s", 0.1),
    ("canned", "", "on", False),
    *(
        (kind, settings, "on", False)
        for kind, settings in {
            "hedge": "after_s = 0.5",
            "concurrency": "max_in_flight = 2",
            "rate_limit": "rpm = 120",
            "adaptive_throttle": "k = 1",
            "hand_off": "handle_s = 1",
            "input_check": "",
            "prompt_trim": "max_input_tokens = 50",
            "prompt_cache": "min_tokens = 1, prefix_tokens = 50",
            "budget": "per_minute_usd = 0.001",
        }.items()
    ),
]
ELSEWHERE = {"deadline", "cache", "breaker", "retry", "load_shedding", "monitoring"}
"""Kinds that are tried in `test_changes`, below, or that touch no request."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def shown_alike(small: Small, safeguards: str, path: str, value: Any) -> bool:
    """Whether the change shows; flipped as the run goes, in pieces of another size, it must be as planned."""
    file = busy(TABLES.format(safeguards=safeguards))
    flips = [(4.321, f"variants.any.safeguards.{path}", value)]
    written = small.run(planned(file, flips))
    equal(flipped(small, file, flips, steps_us=range(0, 10_000_000, 777_777)), written)
    untouched = small.run(file)
    before = [row for row in untouched.attempts("any") if row["finished_us"] < 4_321_000]
    assert [row for row in written.attempts("any") if row["finished_us"] < 4_321_000] == before
    return written.requests("any") != untouched.requests("any")


@pytest.mark.parametrize(
    ("kind", "settings", "name", "value"),
    FLIPS,
    ids=[f"{f[0]}-{f[2]}-{f[3]}-{n}" for n, f in enumerate(FLIPS)],
)
def test_a_setting_changed_in_mid_run_is_as_planned(
    small: Small, kind: str, settings: str, name: str, value: Any
) -> None:
    table = f'{{ kind = "{kind}", {settings} }}' if settings else f'{{ kind = "{kind}" }}'
    around = '{ kind = "retry", max_retries = 1, base_s = 0.1 }'
    assert shown_alike(small, f"{table}, {around}", f"{kind}.{name}", value)


@pytest.mark.parametrize(("name", "value"), [("max_queue_age_s", 0.1), ("on", False)])
def test_so_is_one_of_shedding(small: Small, name: str, value: Any) -> None:
    shed = '{ kind = "load_shedding", max_queue_age_s = 0.5 }, { kind = "concurrency", max_in_flight = 2 }'
    assert shown_alike(small, shed, f"load_shedding.{name}", value)


def test_no_kind_is_forgotten() -> None:
    assert {flip[0] for flip in FLIPS} | ELSEWHERE == set(KINDS)
