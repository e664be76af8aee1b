"""What the log does not store is made again exactly: the row's mess, the prompt, the answer, and every draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.engine.control import Control
from app.engine.draws import Draws, Role
from app.engine.plan import Plan
from app.engine.questions import QuestionBook
from app.engine.recall import Recall, Recalled, recall_request
from app.engine.run import Listener, Order, run_scenario
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.scenario.edit import with_setting
from app.scenario.files import ScenarioFile, open_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog

MESS = """faults=[
  {kind = "typos", rate = 0.6, severity = 0.3}, {kind = "missing_field", rate = 0.1},
  {kind = "null_text", rate = 0.1}, {kind = "mojibake", rate = 0.2}, {kind = "far_too_long", rate = 0.1},
  {kind = "mixed_formats", rate = 0.3}, {kind = "off_topic", rate = 0.1}, {kind = "duplicate", rate = 0.1},
  {kind = "truncated", rate = 0.1}, {kind = "malformed_json", rate = 0.1}, {kind = "empty", rate = 0.1},
  {kind = "refusal", rate = 0.1, per = "request"}, {kind = "server_error", rate = 0.1},
  {kind = "slow_first_token", rate = 0.1}, {kind = "brownout", from_s = 10, to_s = 20},
]""".replace("\n", "")
SWITCH = ("faults.typos.severity", 0.95)
SWITCHED_S = 15
SETTINGS = (
    MESS,
    "duration_s=30",
    "traffic.rate_per_s=12",
    "traffic.repeat_rate=0.3",
    "targets.primary.quality=0.7",
    f'changes=[{{at_s = {SWITCHED_S}, set = "{SWITCH[0]}", value = {SWITCH[1]}}}]',
)


@dataclass(frozen=True)
class Logged:
    """A messy run in the log, and what each of its requests was really asked, by number."""

    recall: Recall
    reader: RunReader
    asked: dict[int, tuple[dict[str, object], list[list[str]] | str]]
    sources: dict[int, int]

    def recalled(self, numbers: range, *, with_draws: bool = False) -> Iterator[Recalled]:
        for number in numbers:
            yield from self.recall.request(number, with_draws=with_draws)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    file = open_scenario("support-assistant", SETTINGS)
    with SessionLog.open(tmp_path_factory.mktemp("recall") / "log.db") as log:
        run_id = run_scenario(Order(file), log, Control(), Listener())
        reader = RunReader(log, run_id)
        with BoundedWorker() as worker:
            yield Logged(Recall(reader, worker), reader, *_planned(file))


def _planned(
    file: ScenarioFile,
) -> tuple[dict[int, tuple[dict[str, object], list[list[str]] | str]], dict[int, int]]:
    """Every request's messy row and rendered prompt, and whose question it asks, from the plan itself."""
    draws = Draws(file.scenario.seed)
    asked, sources = {}, {}
    with BoundedWorker() as worker:
        inputs = prepare_inputs(file, worker)
        book = QuestionBook(inputs, draws, worker)
        scenario = inputs.scenario
        plan = Plan(scenario, draws, book, FaultSet(scenario.faults, draws, [True] * len(scenario.faults)))
        for until_us in (SWITCHED_S * 1_000_000 - 1, 30_000_000):
            for number, _, question, source, *_ in plan.take(until_us):
                key = (question.prompt, question.row, question.mess)
                asked[number] = book.messy_row(key), book.messages(key)
                assert isinstance(source, int)
                sources[number] = source
            scenario = with_setting(scenario, *SWITCH)
            faults = FaultSet(scenario.faults, draws, [True] * len(scenario.faults))
            plan.change(scenario, faults, SWITCHED_S * 1_000_000)
    return asked, sources


def test_the_texts_are_those_that_were_rendered(logged: Logged) -> None:
    numbers = [*range(0, 350, 5)]
    mutated = 0

    for number in numbers:
        row, messages = logged.asked[number]
        for each in logged.recall.request(number):
            assert each.texts.mutated == row
            assert each.texts.messages == messages
            mutated += each.texts.original != row

    assert mutated > len(numbers)  # of two variants: most rows came in some mess


def test_a_prompt_that_could_not_be_made_says_why(logged: Logged) -> None:
    unaskable = [number for number, (_, messages) in logged.asked.items() if isinstance(messages, str)]

    for number in unaskable[:3]:
        for each in logged.recall.request(number):
            assert each.texts.messages == logged.asked[number][1]
            assert each.texts.answer is None or each.request.served_by == "canned"
            assert each.attempts == []
    assert unaskable


def test_the_answers_agree_with_the_outcomes(logged: Logged) -> None:
    seen = set()
    for each in logged.recalled(range(0, 240, 2)):
        answer = each.texts.answer
        if each.request.served_by not in ("primary", "fallback"):
            assert (answer is not None) == (each.request.served_by == "canned")
            continue
        assert answer is not None
        try:
            right = json.loads(answer)["intent"] == each.texts.original["expected_intent"]
        except (ValueError, TypeError):
            right = False
        assert right == (each.request.outcome in ("good", "late"))
        seen.add((right, answer == ""))

    assert seen == {(True, False), (False, False), (False, True)}


def test_every_draw_has_the_value_its_key_gives(logged: Logged) -> None:
    draws = Draws(logged.reader.record().seed)
    purposes = set()
    for each in logged.recalled(range(100, 180), with_draws=True):
        assert each.draws
        for draw in each.draws:
            if draw.role:
                target, _, retry, _, hedge = draw.role.split()
                role = Role(target, int(retry), int(hedge))
            else:
                role = None
            assert draw.value == draws.one(draw.purpose, role, draw.entity)
            purposes.add(draw.purpose)

    assert {
        "traffic.gap",
        "traffic.repeat",
        "traffic.repeat_of",
        "traffic.prompt",
        "tokens.input",
    } <= purposes
    assert {"fault:typos", "fault:typos.typos.question.0.hit", "fault:brownout.error"} <= purposes
    assert {"provider.quality", "fault:refusal", "safeguard:retry.jitter"} <= purposes


def test_the_draws_of_triggers_tell_what_struck(logged: Logged) -> None:
    told = 0
    for each in logged.recalled(range(100, 180), with_draws=True):
        rates = {"fault:typos": 0.6, "fault:server_error": 0.1, "fault:empty": 0.1}
        for draw in each.draws:
            if draw.purpose in rates:
                told += 1
                assert draw.meaning.startswith("struck") == (draw.value < rates[draw.purpose])

    assert told > 100


def test_a_repeated_question_has_the_draws_of_the_one_it_repeats(logged: Logged) -> None:
    repeats = [number for number, source in logged.sources.items() if source != number][:20]

    for number in repeats:
        for each in logged.recall.request(number, with_draws=True):
            (prompt,) = [draw for draw in each.draws if draw.purpose == "traffic.prompt"]
            assert prompt.entity == logged.sources[number]
    assert len(repeats) == 20


def test_a_fault_that_was_not_on_has_no_draw(logged: Logged) -> None:
    for each in logged.recalled(range(4), with_draws=True):
        assert not [draw for draw in each.draws if draw.purpose.startswith("fault:brownout")]


def test_one_request_can_be_made_again_by_itself(logged: Logged) -> None:
    assert recall_request(logged.reader, 7, with_draws=True) == logged.recall.request(7, with_draws=True)


def test_another_severity_makes_another_question_of_the_same_row() -> None:
    file = open_scenario("support-assistant", ['faults=[{kind = "far_too_long", rate = 1}]'])
    longer = with_setting(file.scenario, "faults.far_too_long.repeat_to_chars", 50_000)
    draws = Draws(1)
    with BoundedWorker() as worker:
        book = QuestionBook(prepare_inputs(file, worker), draws, worker)
        before, after, again = (
            book.prepare([(0, 5, 1)], FaultSet(scenario.faults, draws, [True]))[0].tokens
            for scenario in (file.scenario, longer, file.scenario)
        )

    assert after > 1.5 * before
    assert again == before
