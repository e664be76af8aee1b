"""Configured beside realised rates: counted over what a fault could strike, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.analysis.fault_rates import FaultRate, fault_rates, summary_with_rates
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import parse_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path_factory.mktemp("rates") / "log.db") as opened:
        yield opened


def ran(log: SessionLog, tables: str) -> RunReader:
    file = parse_scenario(STEADY.read_text(encoding="utf-8"), STEADY)
    scenario = parse_scenario(file.text + tables, STEADY)
    run_id = run_scenario(
        Order(replace(file, text=scenario.text, scenario=scenario.scenario)), log, Control(), Listener()
    )
    return RunReader(log, run_id)


def by_id(reader: RunReader, variant: str = "prototype") -> dict[str, FaultRate]:
    return {each.fault: each for each in fault_rates(reader, variant)}


def fault(kind: str, **settings: object) -> str:
    def toml(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else repr(value)

    return f'[[faults]]\nkind = "{kind}"\n' + "".join(
        f"{key} = {toml(value)}\n" for key, value in settings.items()
    )


def test_always_is_all_of_what_was_there_while_it_was_on(log: SessionLog) -> None:
    reader = ran(log, fault("server_error", rate=1.0, from_s=10, to_s=20))
    (rate,) = by_id(reader).values()
    started = [
        attempt.started_us
        for number in range(reader.record().offered)
        for attempt in (reader.request("prototype", number) or (None, []))[1]
    ]
    assert rate.of == sum(10_000_000 <= at < 20_000_000 for at in started) > 0
    assert (rate.struck, rate.unit, rate.configured) == (rate.of, "calls", 1.0)
    assert rate.interval[1] == 1.0


def test_never_is_never(log: SessionLog) -> None:
    (rate,) = by_id(ran(log, fault("server_error", rate=0.0))).values()
    assert (rate.struck, rate.interval[0]) == (0, 0.0)
    assert rate.of > 0


def test_a_rate_that_is_changed_counts_by_how_much_it_could_strike_at_each(log: SessionLog) -> None:
    tables = fault("server_error", rate=0.0, id="e")
    change = '[[changes]]\nat_s = 30\nset = "faults.e.rate"\nvalue = 1.0\n'
    (rate,) = by_id(ran(log, tables + change)).values()
    assert rate.configured == pytest.approx(rate.struck / rate.of)
    assert 0 < rate.configured < 1


def test_switched_off_it_could_strike_nothing(log: SessionLog) -> None:
    tables = fault("server_error", rate=1.0, id="e")
    change = '[[changes]]\nat_s = 30\nset = "faults.e.on"\nvalue = false\n'
    (rate,) = by_id(ran(log, tables + change)).values()
    assert rate.struck == rate.of > 0


def test_scopes_and_what_strikes_requests(log: SessionLog) -> None:
    tables = (
        fault("server_error", rate=0.3, id="each", per="request")
        + fault("hang", rate=0.1, id="other", variants=["bare"])
        + fault("typos", rate=0.4)
        + fault("empty", every=3)
        + fault("refusal", rate=0.5, id="some", match={"column": "category", "equals": "x"}).replace(
            "{'column': 'category', 'equals': 'x'}", '{ column = "question", contains = "a" }'
        )
    )
    reader = ran(log, tables)
    rates, others = by_id(reader), by_id(reader, "bare")
    assert list(rates) == ["each", "typos"]
    assert list(others) == ["each", "other", "typos"]
    offered = reader.record().offered
    assert (rates["each"].unit, rates["each"].of) == ("requests", offered)
    assert (rates["typos"].unit, rates["typos"].of) == ("requests", offered)
    for rate in rates.values():
        low, high = rate.interval
        assert low <= rate.configured <= high


def test_the_summary_has_them_by_id(log: SessionLog) -> None:
    found = summary_with_rates(ran(log, fault("server_error", rate=0.2, label="Bad day")))
    rate = found["variants"]["prototype"]["fault_rates"]["server_error"]
    assert rate["title"] == "Bad day"
    assert rate["configured"] == 0.2
    assert rate["low"] < rate["realised"] < rate["high"]
    assert rate["struck"] == found["variants"]["prototype"]["faults"]["server_error"]
