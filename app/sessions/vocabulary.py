"""The words and codes of the session log: enumerations, row layouts, and the key that orders a run's rows.

What is stored as a small integer is named here, in the order of its code; nothing else decides on codes. It
holds no SQL (see `schema`) and no arithmetic on rows (see `rollups`). A code is never given a new meaning:
append only.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SERVED_BY: Final = ("primary", "hedge", "fallback", "cache", "canned", "human", "nobody")
OUTCOMES: Final = ("failed", "wrong", "degraded", "late", "good")
BAD_OUTCOMES: Final = ("failed", "wrong", "late")
"""What a customer may complain about."""
CACHE: Final = ("off", "miss", "hit", "shared", "stale", "miss_evicted", "stale_evicted")
"""What the cache did; `shared` is a follower of a single flight, and `_evicted` means that keeping the answer put out the
least recently used one."""

CLOCKS: Final = ("virtual", "wall")
STATES: Final = ("running", "finished", "stopped", "failed")
"""What the log holds. `interrupted` is what a reader makes of a `running` run whose process is gone."""
EVENT_KINDS: Final = (
    *("change", "incident_begin", "incident_end", "pause", "note"),
    *("alert", "alert_end", "trouble_begin", "trouble_end", "complaint_noticed"),
)
"""Those of the second line concern one variant (see `app.engine.watch`)."""

STEPS_S: Final = (1, 10, 60, 600)
"""Seconds of virtual time in a bucket of each level of rollups; each is a multiple of the one before."""

REQUEST_COLUMNS: Final = (
    "key",
    "row",
    "prompt",
    "intended_us",
    "started_us",
    "first_token_us",
    "finished_us",
    "served_by",
    "outcome",
    "reason_name",
    "attempts",
    "retries",
    "input_tokens",
    "output_tokens",
    "cost_pico",
    "cache",
    "faults_name",
    "service_us",
    "mess_name",
    "answer_tokens",
)
"""A request's row tuple, integers throughout. `started_us`, `first_token_us` and `service_us` (first send to
the end) may be None; `*_name` are ids of interned texts, 0 for none. `answer_tokens` are the output tokens of the one
call whose answer it got, 0 where none answered; `output_tokens` those of all its calls."""

ATTEMPT_COLUMNS: Final = (
    "key",
    "target",
    "retry",
    "hedge",
    "started_us",
    "queued_us",
    "first_token_us",
    "finished_us",
    "status",
    "error_name",
    "fault_name",
    "input_tokens",
    "output_tokens",
    "cost_pico",
    "billed",
    "reason_name",
)
"""An attempt's row tuple, integers throughout. `first_token_us` may be None; `queued_us` is a duration;
`status` is HTTP's, 0 for no answer; `billed` is 0 or 1; the reason says why it was made, empty for a first one."""

PRIVATE_FACT: Final = "private_inputs"
"""The fact of a run that holds texts of the user's: file names, values, notices. It is exported with texts only."""

REAL_CALLS_FACT: Final = "real_calls"
"""The fact of a run of real calls: where they went, what they might cost and did, how punctual they were."""

SERVED_FACT: Final = "served"
"""The fact of a run that an endpoint served: to which provider it passed calls on, if to any."""

NULLABLE: Final = frozenset({"started_us", "first_token_us", "service_us"})

SEQUENCE_BITS: Final = 8
NUMBER_BITS: Final = 32
VARIANT_BITS: Final = 3
VARIANT_SHIFT: Final = SEQUENCE_BITS + NUMBER_BITS
RUN_SHIFT: Final = VARIANT_SHIFT + VARIANT_BITS
MAX_VARIANTS: Final = 1 << VARIANT_BITS
MAX_ATTEMPTS: Final = 1 << SEQUENCE_BITS


class Key(NamedTuple):
    """The parts of a key: 20 bits of run, 3 of variant, 32 of request number, 8 of sequence."""

    run_id: int
    variant: int
    number: int
    sequence: int


def key_of(run_id: int, variant: int, number: int, sequence: int = 0) -> int:
    """The primary key of a request (`sequence` 0) or of its attempt `sequence` (0 to 255, in order of start).

    Rows of a run, of a variant, and of a request are each one range of keys, so no second index is needed. On
    the hot path add `(number << SEQUENCE_BITS) + sequence` to `key_of(run_id, variant, 0)`.
    """
    return (run_id << RUN_SHIFT) + (variant << VARIANT_SHIFT) + (number << SEQUENCE_BITS) + sequence


def parts_of(key: int) -> Key:
    """What `key_of` was given."""
    return Key(
        key >> RUN_SHIFT,
        key >> VARIANT_SHIFT & (MAX_VARIANTS - 1),
        key >> SEQUENCE_BITS & ((1 << NUMBER_BITS) - 1),
        key & (MAX_ATTEMPTS - 1),
    )
