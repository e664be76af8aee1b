"""What requests ask: answers that follow the checks, doubts that are told, mess that heeds prompts and rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.draws import Draws
from app.engine.questions import QuestionBook
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.mess import MESS_KINDS
from app.inputs.preparation import prepare_inputs
from app.scenario.files import ScenarioFile, parse_scenario
from tests.harness import run, simulation_of

HEAD = """
title = "Questions"
duration_s = 20
[traffic]
rate_per_s = 10
repeat_rate = 0
[prompts]
path = "prompts"
[data]
path = "rows.csv"
[targets.primary]
quality = 1
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
[variants.prototype]
preset = "prototype"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("questions")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "ask.j2").write_text("Ask: {{ question }}")
    (folder / "prompts" / "sort.j2").write_text("Sort: {{ question }}")
    rows = "\n".join(f"where is my order number {n} please,{('order', 'refund')[n % 2]}" for n in range(20))
    (folder / "rows.csv").write_text(f"question,intent\n{rows}\n")
    return folder


@pytest.fixture(scope="module")
def worker() -> Iterator[BoundedWorker]:
    with BoundedWorker() as worker:
        yield worker


def file_of(folder: Path, tables: str) -> ScenarioFile:
    return parse_scenario(HEAD + tables, folder / "questions.toml")


def book_of(folder: Path, worker: BoundedWorker, tables: str) -> QuestionBook:
    inputs = prepare_inputs(file_of(folder, tables), worker)
    return QuestionBook(inputs, Draws(1), worker)


def test_without_answers_the_simulated_model_says_what_the_checks_expect(
    folder: Path, worker: BoundedWorker
) -> None:
    checks = '[[checks]]\nkind = "equals_column"\ncolumn = "intent"\nfield = "label"\n'

    assert book_of(folder, worker, checks).doubts() == []
    ran = run(file_of(folder, checks), worker=worker)
    assert {request["outcome"] for request in ran.requests("prototype")} == {"good"}


def test_checks_that_no_right_answer_passes_are_told(folder: Path, worker: BoundedWorker) -> None:
    told = book_of(folder, worker, '[[checks]]\nkind = "contains"\ntext = "abracadabra"\n').doubts()

    assert len(told) == 2  # one for each prompt
    assert "prompt 'ask'" in told[0]
    assert "contains" in told[0]
    assert "[[answers]]" in told[0]


def test_a_mess_fault_strikes_only_the_prompts_that_it_names(folder: Path, worker: BoundedWorker) -> None:
    ran = run(file_of(folder, '[[faults]]\nkind = "typos"\nrate = 1\nprompts = ["sort"]\n'), worker=worker)

    requests = ran.requests("prototype")
    assert {(request["prompt"], request["mess"]) for request in requests} == {(0, ""), (1, "typos")}


def test_a_mess_fault_strikes_only_the_rows_that_its_rule_speaks_of(
    folder: Path, worker: BoundedWorker
) -> None:
    fault = '[[faults]]\nkind = "typos"\nmatch = { column = "intent", equals = "Refund" }\n'
    ran = run(file_of(folder, fault), worker=worker)

    assert {(request["row"] % 2, request["mess"]) for request in ran.requests("prototype")} == {
        (0, ""),
        (1, "typos"),
    }


def test_a_change_at_the_very_edge_of_a_schedule_keeps_the_edge(folder: Path, worker: BoundedWorker) -> None:
    faults = '[[faults]]\nkind = "outage"\nfrom_s = 5\nto_s = 10\n'
    with simulation_of(file_of(folder, faults), worker=worker) as (simulation, _):
        simulation.advance(4_999_999)
        simulation.change("patience_s", 20)

    assert [(event.at_us, event.kind) for event in simulation.events] == [
        (5_000_000, "incident_begin"),
        (5_000_000, "change"),
    ]


@pytest.mark.parametrize("columns", ["", ', columns = ["question", "intent"]'])
@pytest.mark.parametrize("kind", MESS_KINDS)
def test_no_mess_touches_the_truth_even_where_a_fault_names_it(
    folder: Path, worker: BoundedWorker, kind: str, columns: str
) -> None:
    # Given a column of expected answers, when every row comes in a mess, then that column comes as it is
    tables = f"""
[[checks]]
kind = "equals_column"
field = "intent"
column = "intent"
[[faults]]
kind = "{kind}"
rate = 1{columns.replace(", ", chr(10), 1)}
"""
    book = book_of(folder, worker, tables)
    faults = FaultSet(file_of(folder, tables).scenario.faults, Draws(1), [True])
    book.prepare([], faults)
    (index,) = [index for index, _ in faults.mess()]
    for row in range(20):
        came = book.messy_row((0, row, 1 << index))
        assert came["intent"] == book.messy_row((0, row, 0))["intent"]
        assert list(came)[-1] == "intent"
        assert came.get("question") != came["intent"]
