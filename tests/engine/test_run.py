"""A run and its log: what was switched while it went is kept, and gives the same run again, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.engine.control import Control, Flip
from app.engine.events import Event
from app.engine.run import Listener, Order, Progress, StoppedEarlyError, run_scenario
from app.errors import UserError
from app.scenario.export import scenario_text
from app.scenario.files import open_scenario, parse_scenario
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog

MESSY = """
title = "Messy and switched about"
seed = 5
duration_s = 120
drain_s = 20

[prompts]
path = "sample:prompts"

[data]
path = "sample:support.csv"

[traffic]
rate_per_s = 12
repeat_rate = 0.2

[targets.primary]
slots = 20
quality = 0.9
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }

[targets.fallback]
slots = 20
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }

[[faults]]
kind = "typos"
rate = 0.5
severity = 0.1

[[faults]]
kind = "far_too_long"
rate = 0.1

[[faults]]
kind = "hang"
rate = 0.05

[[faults]]
kind = "outage"
mean_between_s = 20
mean_duration_s = 5

[variants.prototype]
preset = "prototype"

[variants.safeguarded]
preset = "safeguarded"

[[changes]]
at_s = 20
set = "patience_s"
value = 25
label = "Planned"
"""

FLIPS: list[tuple[str, Any]] = [
    ("traffic.rate_per_s", 30),
    ("faults.typos.severity", 0.9),
    ("faults.storm", {"kind": "overloaded", "rate": 0.3}),
    ("faults.far_too_long.rate", 0.4),
    ("targets.primary.rpm", 600),
    ("targets.primary.quality", 0.5),
    ("traffic.repeat_rate", 0.6),
    ("variants.safeguarded.safeguards.cache.on", False),
    ("variants.safeguarded.safeguards.retry.max_retries", 1),
    ("tokens.output_tokens", 60),
    ("faults.outage.on", False),
    ("faults.storm.on", False),
    ("traffic.rate_per_s", 8),
    ("variants.safeguarded.safeguards.cache.on", True),
    ("patience_s", 3),
    ("targets.primary.slots", 2),
]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.db") as opened:
        yield opened


def ordered(text: str, *settings: str) -> Order:
    return Order(parse_scenario(text, Path("messy.toml").resolve(), settings))


def steered(
    order: Order, log: SessionLog, speed: float | None, act: Callable[[Control, Progress], None]
) -> RunReader:
    """The run of an order; `act` is asked at every report of progress."""
    control = Control(speed)
    listener = Listener(progress=lambda progress: act(control, progress))
    return RunReader(log, run_scenario(order, log, control, listener))


def rows(log: SessionLog, reader: RunReader) -> dict[str, list[tuple[Any, ...]]]:
    """All that happened in a run, by table, without the run's number."""
    tables = {"requests": "variant, number", "attempts": "variant, number, attempt", "events": "seq"}
    return {
        table: [
            row[1:]
            for row in log.db.execute(
                f"select * from {table} where run_id = ? order by {order}", (reader.run_id,)
            )
        ]
        for table, order in tables.items()
    }


def again(log: SessionLog, reader: RunReader) -> RunReader:
    """The run that the exported scenario gives, at full speed and left alone."""
    return steered(ordered(scenario_text(reader)), log, None, lambda *_: None)


@pytest.mark.parametrize("speed", [40, 15], ids=["fast", "slower"])
def test_switches_flipped_while_it_went_give_the_same_run_again(speed: float, log: SessionLog) -> None:
    flips = list(FLIPS)

    def act(control: Control, progress: Progress) -> None:
        while flips and progress.virtual_us > 5_000_000 * (1 + len(FLIPS) - len(flips)):
            control.flip(*flips.pop(0))
        if not flips:
            control.set_speed(None)

    first = steered(ordered(MESSY), log, speed, act)
    second = again(log, first)

    assert not flips
    assert [event.details.get("set") for event in first.events() if event.kind == "change"].count(
        "patience_s"
    ) == 2
    one, two = rows(log, first), rows(log, second)
    assert len(one["requests"]) > 1000
    assert one["events"] == two["events"]
    assert one["requests"] == two["requests"]
    assert one["attempts"] == two["attempts"]


class Asked(Control):
    """Counts how often it is asked for what it wants."""

    times = 0

    def take_flips(self) -> list[Flip]:
        self.times += 1
        return super().take_flips()


def test_at_full_speed_a_slow_machine_is_asked_to_stop_as_often_as_a_quick_one(
    log: SessionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}
    for each_s in (0.0, 1.0):
        # Given a clock by which whatever is done takes no time, or a second
        seconds = count(0, each_s)
        monkeypatch.setattr("app.engine.run.time.monotonic", lambda seconds=seconds: next(seconds))
        # When requests are served as fast as it goes
        control = Asked()
        run_scenario(ordered(MESSY, "duration_s=400"), log, control, Listener())
        asked[each_s] = control.times
    # Then where they take long the stretches between two looks are short: 64 of 4,800 in place of thousands
    assert asked[0.0] < 10 + 30  # a look for each second in which the last are waited for
    assert asked[1.0] > 4800 / 64


@pytest.mark.parametrize("settings", [(), ("faults.hang.rate=0.5", "drain_s=3")], ids=["as it is", "hanging"])
@pytest.mark.parametrize("speed", [None, 60], ids=["max", "60"])
def test_a_stopped_run_gives_the_same_run_again(
    settings: tuple[str, ...], speed: float | None, log: SessionLog
) -> None:
    def act(control: Control, progress: Progress) -> None:
        if progress.offered > 300:
            control.stop()

    first = steered(ordered(MESSY, *settings), log, speed, act)
    second = again(log, first)

    assert (first.record().state, second.record().state) == ("stopped", "finished")
    assert rows(log, first) == rows(log, second)
    assert first.record().offered == second.record().offered
    for variant in ("prototype", "safeguarded"):
        assert first.totals(variant).requests == first.record().offered


def test_a_pause_changes_nothing(log: SessionLog) -> None:
    paused: list[Progress] = []

    def act(control: Control, progress: Progress) -> None:
        if progress.state == "paused":
            paused.append(progress)
            if len(paused) == 3:
                control.resume()
        elif not paused and progress.offered > 100:
            control.pause()

    first = steered(ordered(MESSY, "duration_s=40"), log, 100, act)
    second = steered(ordered(MESSY, "duration_s=40"), log, None, lambda *_: None)

    assert len({each.virtual_us for each in paused}) == 1
    assert rows(log, first) == rows(log, second)
    assert first.record().virtual_us == second.record().virtual_us


def test_a_refused_switch_leaves_no_trace(log: SessionLog) -> None:
    refused: list[UserError] = []
    control = Control()
    for path, value in (("traffic.rate_per_s", -1), ("seed", 3), ("targets.primary.nonsense", 1), ("", 1)):
        control.flip(path, value)

    run_id = run_scenario(ordered(MESSY, "duration_s=5"), log, control, Listener(refused=refused.append))

    assert len(refused) == 4
    assert [each.label for each in RunReader(log, run_id).events() if each.kind == "change"] == ["Planned"]


def test_a_run_ends_at_the_same_time_at_any_speed(log: SessionLog) -> None:
    ends = {
        steered(ordered(MESSY, "duration_s=10"), log, speed, lambda *_: None).record().virtual_us
        for speed in (None, 30, 77, 1e6)
    }

    assert len(ends) == 1


def test_stopped_before_it_began_there_is_no_run(log: SessionLog) -> None:
    control = Control()
    control.stop()

    with pytest.raises(StoppedEarlyError):
        run_scenario(ordered(MESSY), log, control, Listener())

    assert runs(log) == []


def test_a_change_that_needs_a_column_the_data_lacks_is_told_before_there_is_a_run(
    log: SessionLog, tmp_path: Path
) -> None:
    text = (
        MESSY
        + """
[[faults]]
kind = "server_error"
id = "picky"
match = { column = "colour", equals = "red" }

[[changes]]
at_s = 3
set = "faults.picky.on"
value = false
"""
    )

    with pytest.raises(UserError, match="picky"):
        run_scenario(ordered(text), log, Control(), Listener())

    assert runs(log) == []


def test_the_listener_is_told_what_the_log_keeps(log: SessionLog) -> None:
    told: list[Event] = []
    reports: list[Progress] = []
    order = Order(open_scenario("support-assistant", ["duration_s=90"]))

    run_id = run_scenario(order, log, Control(), Listener(happened=told.append, progress=reports.append))

    kept = RunReader(log, run_id).events()
    assert [(each.at_us, each.kind, each.label) for each in told] == [
        (e.at_us, e.kind, e.label) for e in kept
    ]
    assert reports[-1].state == "ended"
    assert reports[-1].offered == RunReader(log, run_id).record().offered
    assert reports[-1].in_flight == 0
