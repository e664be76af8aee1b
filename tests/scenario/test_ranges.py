"""Every number of a scenario has a range, and a run counts well at both of its ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.faults.base import Fault
from app.faults.registry import KINDS as FAULTS
from app.safeguards import monitoring
from app.safeguards.registry import KINDS as SAFEGUARDS
from app.scenario.base import Settings
from app.scenario.model import Scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.traffic import settings as traffic
from tests.harness import opened

OPEN_END = 1e-300
"""How near a number of a test comes to an end that is itself not allowed."""


class Number(NamedTuple):
    """A number of a table, and the ends of its range, where it has them. `plain` is one that is not in a list."""

    key: str
    kind: type
    least: float | None
    most: float | None
    plain: bool


def numbers_of(table: type[Settings]) -> list[Number]:
    """The numbers in a table, without those of the tables in it."""

    def walk(key: str, kind: Any, said: list[Any], plain: bool) -> Iterator[Number]:
        if get_origin(kind) is Annotated:
            bare, *more = get_args(kind)
            flat = [
                one for each in more for one in (each.metadata if isinstance(each, FieldInfo) else [each])
            ]
            yield from walk(key, bare, said + flat, plain)
        elif kind in (int, float):
            least = [float(str(each.ge)) for each in said if isinstance(each, Ge)]
            least += [float(str(each.gt)) + OPEN_END for each in said if isinstance(each, Gt)]
            most = [float(str(each.le)) for each in said if isinstance(each, Le)]
            most += [float(str(each.lt)) * (1 - 1e-15) for each in said if isinstance(each, Lt)]
            yield Number(key, kind, min(least, default=None), max(most, default=None), plain)
        elif get_origin(kind) in (Union, UnionType):
            for each in get_args(kind):
                yield from walk(key, each, said, plain)
        else:
            for each in get_args(kind):
                yield from walk(key, each, [], False)

    return [
        number
        for key, info in table.model_fields.items()
        for number in walk(key, info.annotation, list(info.metadata), True)
    ]


def tables_in(kind: Any) -> set[type[Settings]]:
    """All the tables that a type may hold."""
    if isinstance(kind, type) and issubclass(kind, Settings):
        return {kind}.union(*(tables_in(info.annotation) for info in kind.model_fields.values()))
    return set().union(*map(tables_in, get_args(kind)))


TABLES = sorted(tables_in(Scenario), key=lambda table: table.__name__)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_number_has_a_least_and_a_most(table: type[Settings]) -> None:
    for number in numbers_of(table):
        assert number.least is not None, number
        assert number.most is not None, number


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_true_is_no_number(table: type[Settings]) -> None:
    for number in numbers_of(table):
        told = set()
        for value in (True, [True], {"typos": True}):
            with pytest.raises(ValidationError) as refused:
                table.model_validate({number.key: value})
            told |= {each["type"] for each in refused.value.errors() if each["loc"][0] == number.key}
        assert f"{number.kind.__name__}_type" in told, number


HEAD = """
title = "Ranges"
duration_s = 20
drain_s = 20
[tokens]
input_tokens = 700
input_sigma = 0.3
[targets.primary]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
PRIMARY
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
[[checks]]
kind = "length"
max_chars = 500
[[faults]]
kind = "server_error"
id = "errors"
rate = 0.2
[variants.prototype]
preset = "prototype"
"""
PLAIN = "[traffic]\nrate_per_s = 3\nmax_requests = 40\n"
LIMITS = "slots = 2\nslowdown = 1\nrpm = 100\ntpm = 100000\non_cancel = 'finish'"
OWN = {"hedge": "after_s = 0.5\n", "budget": "per_run_usd = 1\n"}
EVERY = "".join(
    f'[[variants.everything.safeguards]]\nkind = "{kind}"\n{OWN.get(kind, "")}' for kind in SAFEGUARDS
)


@dataclass(frozen=True)
class Place:
    """Where a table stands in a scenario."""

    name: str
    table: type[Settings]
    path: str
    text: str

    def __str__(self) -> str:
        return self.name

    @property
    def numbers(self) -> list[Number]:
        """The table's own; what all faults have is tried with one of them."""
        inherited = {each.key for each in numbers_of(Fault)} if issubclass(self.table, Fault) else set()
        return [
            each
            for each in numbers_of(self.table)
            if each.plain and (each.key not in inherited or self.name.startswith("fault server_error"))
        ]


def in_traffic(name: str, table: type[Settings], path: str, keys: str) -> Place:
    return Place(name, table, path, HEAD.replace("PRIMARY", "") + f"[traffic]\nmax_requests = 40\n{keys}\n")


def of_fault(kind: str, table: type[Settings]) -> Iterator[Place]:
    schedules = {
        "": "",
        "flapping": "period_s = 4\nbad_s = 2\n",
        "incidents": "mean_between_s = 4\nmean_duration_s = 2\n",
    }
    for name, schedule in schedules.items():
        if name and kind != "server_error":
            continue
        fault = f'[[faults]]\nkind = "{kind}"\nid = "it"\nrate = 1\n{schedule}'
        text = HEAD.replace("PRIMARY", LIMITS) + PLAIN + EVERY + fault
        yield Place(" ".join(["fault", kind, name]).strip(), table, "faults.it", text)


def of_safeguard(kind: str, table: type[Settings]) -> Iterator[Place]:
    rest = "".join(
        f'[[variants.it.safeguards]]\nkind = "{each}"\n'
        for each in ("retry", "attempt_timeout")
        if each != kind
    )
    one = f'[[variants.it.safeguards]]\nkind = "{kind}"\n{OWN.get(kind, "")}{rest}'
    yield Place(
        f"safeguard {kind}",
        table,
        f"variants.it.safeguards.{kind}",
        HEAD.replace("PRIMARY", LIMITS) + PLAIN + one,
    )


def of_rule(table: type[Settings]) -> Place:
    kind = table.model_fields["kind"].default
    needs = {"cost_rate": ", above_usd_per_minute = 1", "budget_left": ", per_run_usd = 1"}.get(kind, "")
    text = f'[[variants.it.safeguards]]\nkind = "monitoring"\nrules = [{{ kind = "{kind}"{needs} }}]\n'
    return Place(
        f"rule {kind}",
        table,
        f"variants.it.safeguards.monitoring.rules.{kind}",
        HEAD.replace("PRIMARY", "") + PLAIN + text,
    )


def at(name: str, path: str, table: type[Settings], more: str = "", primary: str = "") -> Place:
    return Place(name, table, path, HEAD.replace("PRIMARY", primary) + PLAIN + EVERY + more)


def all_places() -> Iterator[Place]:
    by_name = {table.__name__: table for table in TABLES}
    yield Place("scenario", Scenario, "", HEAD.replace("PRIMARY", "") + PLAIN)
    yield at("tokens", "tokens", by_name["Tokens"])
    for service in ("tokens", "lognormal", "exponential", "constant"):
        yield at(
            f"target {service}",
            "targets.primary",
            by_name["Target"],
            primary=f"service = '{service}'\n{LIMITS}",
        )
    yield at("price", "targets.primary.price", by_name["Price"])
    yield at("length", "checks.length", by_name["LengthCheck"])
    yield at("complaints", "complaints", by_name["Complaints"], "[complaints]\n")
    yield at("field rule", "variants.everything.safeguards.input_check.every_field", by_name["FieldRule"])
    yield at(
        "change",
        "changes.[1]",
        by_name["Change"],
        '[[changes]]\nset = "traffic.factor"\nvalue = 2\nat_s = 1\n',
    )
    yield in_traffic("traffic", traffic.Traffic, "traffic", "rate_per_s = 3")
    yield in_traffic("gamma", traffic.Traffic, "traffic", 'rate_per_s = 3\narrivals = "gamma"\ngap_cv = 2')
    yield in_traffic("zipf", traffic.Traffic, "traffic", 'rate_per_s = 3\norder = "zipf"')
    yield in_traffic(
        "points", traffic.RatePoint, "traffic.points.[1]", "points = [{ at_s = 0, rate_per_s = 3 }]"
    )
    yield in_traffic(
        "spike",
        traffic.Spike,
        "traffic.spikes.[1]",
        "rate_per_s = 3\nspikes = [{ at_s = 1, duration_s = 2, factor = 3 }]",
    )
    for name in ("Day", "Launch", "Bursts"):
        key = name.lower()
        needs = {"day": "peak_at_s = 5", "launch": "at_s = 5"}.get(key, "")
        yield in_traffic(key, by_name[name], f"traffic.{key}", f"rate_per_s = 3\n{key} = {{ {needs} }}")
    yield in_traffic("users", traffic.Users, "traffic.users", 'arrivals = "closed"\nusers = { count = 3 }')
    yield in_traffic(
        "replay",
        traffic.Replay,
        "traffic.trace",
        'arrivals = "trace"\ntrace = { path = "trace.csv" }',
    )
    for kind, table in FAULTS.items():
        yield from of_fault(kind, table)
    for kind, guard in SAFEGUARDS.items():
        yield from of_safeguard(kind, guard)
    for rule in vars(monitoring).values():
        if (
            isinstance(rule, type)
            and issubclass(rule, monitoring.Rule)
            and rule.model_fields["kind"].default
            in ("error_rate", "answer_time", "wrong_rate", "cost_rate", "burn_rate", "budget_left")
        ):
            yield of_rule(rule)


PLACES = [place for place in all_places() if place.numbers]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path_factory.mktemp("ranges") / "log.db") as log:
        yield log


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_run_ends_well_with_every_number_at_its_ends(
    place: Place, log: SessionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trace.csv").write_text("timestamp\n0\n1\n2\n4\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    opened(place.text)
    for number, end in product(place.numbers, ("least", "most")):
        value = getattr(number, end)
        setting = f"{place.path}.{number.key}={value!r}".lstrip(".")
        try:
            file = opened(place.text, (setting,))
        except UserError:
            continue  # it does not go together with what else is there
        run_id = run_scenario(Order(file), log, Control(None), Listener())
        assert RunReader(log, run_id).record().state == "finished", setting
