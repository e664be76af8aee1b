"""Traffic through the whole engine: traces with their sizes, bursts and gamma gaps, and changes while they run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.control import Control
from app.engine.recall import recall_request
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.scenario.edit import check_changeable
from app.scenario.files import ScenarioFile, parse_scenario
from app.scenario.model import Change
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.harness import Ran, run, simulation_of

SCENARIO = """
title = "Traffic"
duration_s = 60
[traffic]
repeat_rate = 0
{traffic}
[tokens]
input_tokens = 100
[targets.primary]
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }}
[variants.bare]
{rest}
"""
TRACE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,1090
2023-11-16 18:15:51.2224670,879,55
2023-11-16 18:16:46.6805890,91,16
2023-11-16 18:16:46.6805900,92,17
"""
REPLAYED = 'arrivals = "trace"\ntrace = { path = "trace.csv" }'
KINDS = {
    "gamma": 'arrivals = "gamma"\ngap_cv = 3\nrate_per_s = 8',
    "bursts": "rate_per_s = 8\nbursts = { factor = 10, mean_burst_s = 3, mean_quiet_s = 10 }",
    "day": "rate_per_s = 8\nday = { peak_at_s = 20, length_s = 40 }",
    "launch": "rate_per_s = 8\nlaunch = { at_s = 10, rise_s = 5, half_life_s = 5, peak_factor = 5 }",
    "trace": REPLAYED,
}


@pytest.fixture(scope="module")
def worker() -> Iterator[BoundedWorker]:
    with BoundedWorker() as ready:
        yield ready


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trace.csv").write_text(TRACE, encoding="utf-8")
    return tmp_path


def scenario(folder: Path, traffic: str, *settings: str, rest: str = "") -> ScenarioFile:
    return parse_scenario(SCENARIO.format(traffic=traffic, rest=rest), folder / "traffic.toml", settings)


def intended_us(ran: Ran) -> list[int]:
    return [request["intended_us"] for request in ran.requests("bare")]


def test_a_trace_plays_with_its_times_and_sizes(folder: Path, worker: BoundedWorker) -> None:
    ran = run(scenario(folder, REPLAYED), worker=worker)
    # the last one comes as the run's minute is over, the one before a microsecond earlier
    assert intended_us(ran) == [0, 4_314_579, 4_541_877, 59_999_999]
    sizes = [(each["input_tokens"], each["output_tokens"]) for each in ran.attempts("bare")]
    assert sizes == [(374, 44), (396, 1090), (879, 55), (91, 16)]


def test_a_trace_has_an_end(folder: Path, worker: BoundedWorker) -> None:
    ran = run(scenario(folder, REPLAYED, "duration_s=4000", "traffic.trace.speed=2"), worker=worker)
    assert intended_us(ran) == [0, 2_157_289, 2_270_938, 29_999_999, 30_000_000]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("traffic.factor", 3.0),
        ("traffic.rate_per_s", 30.0),
        ("traffic.spikes", [{"at_s": 20, "duration_s": 9, "factor": 0}]),
    ],
)
def test_traffic_changes_while_it_runs_as_a_planned_change_does(
    folder: Path, worker: BoundedWorker, kind: str, path: str, value: Any
) -> None:
    file = scenario(folder, KINDS[kind])
    at_us = 15_000_000
    with simulation_of(file, worker=worker) as (simulation, names):
        simulation.advance(at_us - 1)
        simulation.change(path, value)
        while not simulation.done:
            simulation.advance(simulation.horizon_us())
        simulation.finish()
        live = Ran(simulation, names, {})
    change = Change(at_s=at_us / 1e6, set=path, value=value)
    planned = file.scenario.model_copy(update={"changes": (change,)})
    written = run(ScenarioFile(planned, file.text, file.name, file.folder), worker=worker)
    assert intended_us(live) == intended_us(written)
    untouched = intended_us(run(file, worker=worker))
    assert intended_us(live) != untouched
    early = [us for us in untouched if us < at_us]
    assert intended_us(live)[: len(early)] == early


def test_a_longer_run_has_the_same_bursts_and_more(folder: Path, worker: BoundedWorker) -> None:
    short = intended_us(run(scenario(folder, KINDS["bursts"]), worker=worker))
    long = intended_us(run(scenario(folder, KINDS["bursts"], "duration_s=200"), worker=worker))
    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_a_run_made_longer_while_it_goes_goes_on_with_its_bursts(folder: Path, worker: BoundedWorker) -> None:
    file = scenario(folder, KINDS["bursts"])
    with simulation_of(file, worker=worker) as (simulation, names):
        simulation.advance(40_000_000)
        simulation.change("duration_s", 200)
        while not simulation.done:
            simulation.advance(simulation.horizon_us())
        simulation.finish()
        lengthened = intended_us(Ran(simulation, names, {}))
    assert lengthened == intended_us(run(scenario(folder, KINDS["bursts"], "duration_s=200"), worker=worker))


@pytest.mark.parametrize(
    "path", ["traffic.arrivals", "traffic.gap_cv", "traffic.trace", "traffic.trace.path"]
)
def test_which_request_comes_after_which_cannot_change(path: str) -> None:
    with pytest.raises(UserError, match="cannot change while a run goes"):
        check_changeable(path)


def test_an_opened_scenario_reads_no_trace_elsewhere_but_its_user_may(
    folder: Path, worker: BoundedWorker
) -> None:
    inner = folder / "inner"
    inner.mkdir()
    elsewhere = REPLAYED.replace("trace.csv", "../trace.csv")
    with pytest.raises(UserError, match="outside of the scenario's folder") as caught:
        prepare_inputs(scenario(inner, elsewhere), worker)
    assert caught.value.option == "--set traffic.trace.path=FILE"
    chosen = scenario(inner, REPLAYED, f"traffic.trace.path={folder / 'trace.csv'}")
    assert intended_us(run(chosen, worker=worker))[1] == 4_314_579


def test_a_trace_in_place_of_a_rate_by_settings_alone(folder: Path, worker: BoundedWorker) -> None:
    # given a scenario with a rate, when its user sets a trace and leaves the rate out, then the trace plays as it is
    settings = ["traffic.arrivals=trace", f"traffic.trace.path={folder / 'trace.csv'}", "traffic.rate_per_s="]
    assert intended_us(run(scenario(folder, "rate_per_s = 8", *settings), worker=worker))[1] == 4_314_579
    stretched = prepare_inputs(scenario(folder, "rate_per_s = 8", *settings[:2]), worker)
    assert any("stretched to the scenario's rate" in notice for notice in stretched.notices)


@pytest.mark.parametrize(
    ("traffic", "complaint"),
    [
        (
            "rate_per_s = 1\nday = { peak_at_s = 0, length_s = 1 }",
            "longer than 366 times traffic.day.length_s",
        ),
        (
            "rate_per_s = 1\nbursts = { mean_burst_s = 0.01, mean_quiet_s = 0.01 }",
            "more than 50,000 bursts",
        ),
    ],
)
def test_days_and_bursts_too_many_for_the_run_are_refused(folder: Path, traffic: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        scenario(folder, traffic, "duration_s=10000")


def test_the_draws_of_gamma_gaps_and_no_sizes_of_a_trace_are_recalled(folder: Path, tmp_path: Path) -> None:
    purposes = {}
    with SessionLog.open(tmp_path / "log.db") as log:
        for kind in ("gamma", "trace"):
            run_id = run_scenario(Order(scenario(folder, KINDS[kind])), log, Control(), Listener())
            (recalled,) = recall_request(RunReader(log, run_id), 1, with_draws=True)
            purposes[kind] = {draw.purpose for draw in recalled.draws}
    assert {"traffic.gap.boost", "traffic.gap.try0", "tokens.input", "provider.output_tokens"} <= purposes[
        "gamma"
    ]
    assert (
        not {"traffic.gap", "traffic.gap.try0", "tokens.input", "provider.output_tokens"} & purposes["trace"]
    )
