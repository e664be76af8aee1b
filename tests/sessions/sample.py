"""Runs made up for the tests, without an engine: every outcome, role and missing value, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import CACHE, OUTCOMES, SERVED_BY, key_of
from app.sessions.writer import NewRun, NewVariant, RunWriter

Row = tuple[Any, ...]
VARIANTS = ("prototype", "safeguarded")
NEW_RUN = NewRun(
    scenario="outage",
    title="An outage",
    scenario_toml='name = "outage"\n',
    seed=7,
    clock="virtual",
    duration_s=60.0,
    variants=(
        NewVariant("prototype", "Prototype"),
        NewVariant("safeguarded", "With safeguards", {"retry": 2}),
    ),
    targets=("main", "spare"),
)


@dataclass
class Batch:
    """What an engine would hand over between two flushes, by variant."""

    offered: list[int]
    requests: list[list[Row]] = field(default_factory=lambda: [[] for _ in VARIANTS])
    attempts: list[list[Row]] = field(default_factory=lambda: [[] for _ in VARIANTS])


def request(
    run_id: int, variant: int, number: int, *, intended_us: int, finished_us: int, **given: Any
) -> Row:
    """A request's row tuple; served by the primary and good unless told otherwise."""
    values = {
        "row": number % 10,
        "prompt": 0,
        "started_us": intended_us,
        "first_token_us": None,
        "served_by": SERVED_BY.index("primary"),
        "outcome": OUTCOMES.index("good"),
        "reason_name": 0,
        "attempts": 1,
        "retries": 0,
        "input_tokens": 700,
        "output_tokens": 150,
        "cost_pico": 12_345_678,
        "cache": 0,
        "faults_name": 0,
        "service_us": None,
        "mess_name": 0,
        "answer_tokens": 150,
        **given,
    }
    head = (key_of(run_id, variant, number), values["row"], values["prompt"], intended_us)
    times = (values["started_us"], values["first_token_us"], finished_us)
    middle = ("served_by", "outcome", "reason_name", "attempts", "retries", "input_tokens", "output_tokens")
    rest = ("cost_pico", "cache", "faults_name", "service_us", "mess_name", "answer_tokens")
    return (*head, *times, *(values[name] for name in (*middle, *rest)))


def attempt(run_id: int, variant: int, number: int, sequence: int, started_us: int, finished_us: int) -> Row:
    """An attempt's row tuple: the first by the primary, later ones retries by the spare."""
    key = key_of(run_id, variant, number, sequence)
    target = min(sequence, 1)
    first_token_us = None if sequence else started_us + 1_000
    return (
        key,
        target,
        sequence,
        0,
        started_us,
        250,
        first_token_us,
        finished_us,
        200,
        0,
        0,
        700,
        150,
        6_000_000,
        1,
        0,
    )


def varied(
    run_id: int, variant: int, number: int, intended_us: int, chance: random.Random
) -> tuple[Row, list[Row]]:
    """A request of any kind, and its attempts."""
    finished_us = intended_us + int(chance.lognormvariate(13, 1.2))
    tries = chance.choice((0, 1, 1, 2))
    row = request(
        run_id,
        variant,
        number,
        intended_us=intended_us,
        finished_us=finished_us,
        started_us=intended_us + 10 if tries else None,
        first_token_us=chance.choice((None, intended_us + 20_000)),
        service_us=finished_us - intended_us if tries else None,
        served_by=chance.randrange(len(SERVED_BY)),
        outcome=chance.randrange(len(OUTCOMES)),
        attempts=tries,
        retries=max(0, tries - 1),
        input_tokens=chance.randrange(2_000),
        cost_pico=chance.randrange(10**12),
        cache=chance.randrange(len(CACHE)),
        answer_tokens=chance.choice((0, 1, 2, 150)),
    )
    return row, [attempt(run_id, variant, number, s, intended_us + 10 + s, finished_us) for s in range(tries)]


def batches(
    run_id: int, *, duration_s: int, per_s: int, step_us: int = 250_000
) -> Iterator[tuple[int, Batch]]:
    """A run as an engine hands it over: (virtual_us, what finished and arrived since), to the last finish."""
    chance = random.Random(run_id)
    arrivals = sorted(chance.randrange(duration_s * 1_000_000) for _ in range(duration_s * per_s))
    waiting = [
        (row, attempts, variant)
        for variant in range(len(VARIANTS))
        for number, at in enumerate(arrivals)
        for row, attempts in [varied(run_id, variant, number, at, chance)]
    ]
    waiting.sort(key=lambda entry: entry[0][6], reverse=True)
    arrivals.reverse()
    now_us = 0
    while waiting or arrivals:
        now_us += step_us
        batch = Batch([])
        while arrivals and arrivals[-1] < now_us:
            batch.offered.append(arrivals.pop())
        while waiting and waiting[-1][0][6] < now_us:
            row, attempts, variant = waiting.pop()
            batch.requests[variant].append(row)
            batch.attempts[variant] += attempts
        yield now_us, batch


def hand_over(writer: RunWriter, batch: Batch) -> None:
    """Gives the writer all of a batch."""
    writer.add_offered(np.array(batch.offered, np.int64))
    for variant in range(len(VARIANTS)):
        writer.add(variant, request_rows(batch.requests[variant]), attempt_rows(batch.attempts[variant]))


def write_run(log: SessionLog, *, duration_s: int = 5, per_s: int = 20, texts: bool = False) -> int:
    """A finished run of both variants with an event, faults, a fact and, if asked for, texts: its id."""
    writer = RunWriter(log)
    run_id = writer.start(NEW_RUN)
    writer.add_prompts([("ask", [{"role": "user", "content": "Where is my parcel?"}] if texts else None)])
    if texts:
        writer.add_data_rows((number, number + 2, {"city": f"Town {number}"}) for number in range(10))
        writer.observe([(5, 0, {"start": "main"}, {"text": "It is on its way."})])
    writer.event(1_500_000, "change", "hang on", variant=1, details={"rate": 0.5})
    writer.fact("summary", {"good": 1})
    writer.add_faults(
        0, [(10, writer.name("hang")), (1_200_000, writer.name("typos")), (20, writer.name("hang"))]
    )
    now_us = 0
    for now_us, batch in batches(run_id, duration_s=duration_s, per_s=per_s):
        hand_over(writer, batch)
        writer.flush(now_us)
    writer.end("finished", now_us, drain_end_us=now_us)
    return run_id
