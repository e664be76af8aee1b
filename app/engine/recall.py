"""Makes again what the log does not store: a simulated request's texts, and every draw it depended on.

Prompts and rows are in the log once; what was rendered, how the row was messed up, and what the model said follow from
the scenario and the keys. Nothing is looked up outside of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.engine.draws import Draws, Role
from app.engine.questions import Key, QuestionBook
from app.faults.base import AttemptFault, Fault, Injection, MessFault
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.mapping import ColumnMap
from app.inputs.preparation import Inputs, fitted
from app.inputs.prompts import Message, Prompt
from app.safeguards.retry import Retry
from app.scenario.edit import with_setting
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord, RequestRecord


@dataclass(frozen=True)
class Texts:
    """What was asked and said: the row as it is in the data and as it came, the rendered prompt, the answer."""

    original: dict[str, object]
    mutated: dict[str, object]
    messages: list[list[str]] | str
    """[role, text] pairs, or why the prompt could not be rendered."""
    answer: str | None


@dataclass(frozen=True)
class Draw:
    """One keyed draw: what it was for, in which role, its value, and what it decided (in words, may be empty)."""

    purpose: str
    role: str
    value: float
    meaning: str = ""


class _LoggedRows:
    """The rows that the run asked about."""

    def __init__(self, reader: RunReader, count: int) -> None:
        self._reader = reader
        self._count = count

    def __len__(self) -> int:
        return self._count

    def row(self, index: int, /) -> dict[str, object]:
        found = self._reader.row(index)
        return {} if found is None else dict(found.values)

    def number(self, index: int, /) -> int:
        found = self._reader.row(index)
        return 0 if found is None else found.number


def scenario_at(reader: RunReader, at_us: int) -> Scenario:
    """The run's scenario with the changes that were in force at a time."""
    scenario = parse_scenario(reader.record().scenario_toml, Path("logged.toml")).scenario
    for event in reader.events():
        if event.kind == "change" and event.at_us <= at_us:
            scenario = with_setting(scenario, event.details["set"], event.details["value"])
    return scenario


class Recall:
    """Makes texts and draws of a logged run's requests. `worker` renders; close it when done."""

    def __init__(self, reader: RunReader, worker: BoundedWorker) -> None:
        self._reader = reader
        self._worker = worker
        self._draws = Draws(reader.record().seed)
        self._facts = reader.facts()["inputs"]

    def texts(self, request: RequestRecord, attempts: Sequence[AttemptRecord]) -> Texts:
        """What was asked and said."""
        scenario = scenario_at(self._reader, request.intended_us)
        faults = FaultSet(scenario.faults, self._draws, [True] * len(scenario.faults))
        book = self._book(fitted(scenario, self._facts["columns"]), request.row + 1)
        mess = set(request.mess.split(",")) - {""}
        bits = sum(1 << index for index, fault in enumerate(scenario.faults) if fault.id in mess)
        key: Key = (request.prompt, request.row, bits)
        (question,) = book.prepare([key], faults)
        answer = None
        if request.served_by in ("primary", "fallback", "hedge") and attempts:
            last = attempts[-1]
            answer = question.answer(self._answer_kind(last, request, question.qualities)).text
        elif request.served_by == "canned":
            variant = scenario.variants[request.variant]
            answer = next((s.text for s in variant.safeguards if s.kind == "canned" and s.on), None)
        logged = self._reader.row(request.row)
        original = {} if logged is None else dict(logged.values)
        return Texts(original, book.messy_row(key), book.messages(key), answer)

    def draws(self, request: RequestRecord, attempts: Sequence[AttemptRecord]) -> list[Draw]:
        """All draws that the request depended on."""
        scenario = scenario_at(self._reader, request.intended_us)
        number = request.number
        found = [
            self._draw("traffic.gap", None, number),
            self._draw(
                "traffic.repeat",
                None,
                number,
                f"repeats an earlier one if below {scenario.traffic.repeat_rate:g}",
            ),
            self._draw("traffic.repeat_of", None, number),
            self._draw("traffic.prompt", None, number),
        ]
        if scenario.tokens.input_tokens is not None:
            found += [self._draw(purpose, None, number) for purpose in ("tokens.input", "tokens.input.angle")]
        found += [
            self._fault_draw(f, None, number)
            for f in scenario.faults
            if isinstance(f, MessFault) and f.rate is not None
        ]
        for attempt in attempts:
            found += self._attempt_draws(scenario_at(self._reader, attempt.started_us), attempt, request)
        return found

    def _attempt_draws(
        self, scenario: Scenario, attempt: AttemptRecord, request: RequestRecord
    ) -> list[Draw]:
        role = Role(attempt.target, attempt.retry, attempt.hedge)
        number = request.number
        found = [
            self._draw(purpose, role, number)
            for purpose in (
                "provider.first_token",
                "provider.first_token.angle",
                "provider.output_tokens",
                "provider.output_tokens.angle",
                "provider.quality",
            )
        ]
        if scenario.targets[attempt.target].service not in ("tokens", "constant"):
            found.append(self._draw("provider.service", role, number))
        for fault in scenario.faults:
            if isinstance(fault, AttemptFault) and fault.rate is not None:
                found.append(self._fault_draw(fault, role if fault.per == "attempt" else None, number))
        found += [
            self._draw(f"safeguard:{each.id}.jitter", Role(attempt.target, attempt.retry), number)
            for each in scenario.variants[request.variant].safeguards
            if isinstance(each, Retry) and each.on and each.jitter != "none"
        ]
        return found

    def _draw(self, purpose: str, role: Role | None, number: int, meaning: str = "") -> Draw:
        shown = "" if role is None else f"{role.target} retry {role.retry} hedge {role.hedge}"
        return Draw(purpose, shown, self._draws.one(purpose, role, number), meaning)

    def _fault_draw(self, fault: Fault, role: Role | None, number: int) -> Draw:
        return self._draw(fault.purpose, role, number, f"fires if below {fault.rate:g}")

    def _answer_kind(self, attempt: AttemptRecord, request: RequestRecord, qualities: Sequence[float]) -> Any:
        """Which kind of answer the attempt got."""
        scenario = scenario_at(self._reader, attempt.started_us)
        injection = Injection()
        struck = set(attempt.fault.split(","))
        for fault in scenario.faults:
            if fault.id in struck and isinstance(fault, AttemptFault):
                fault.apply(injection, lambda _purpose: 1.0 - 2**-53)
        if injection.answer is not None:
            return injection.answer
        luck = self._draws.one(
            "provider.quality", Role(attempt.target, attempt.retry, attempt.hedge), request.number
        )
        target = list(scenario.targets).index(attempt.target)
        return "right" if luck < qualities[target] else "wrong"

    def _book(self, scenario: Scenario, rows: int) -> QuestionBook:
        prompts = tuple(
            Prompt(
                each.name, tuple(Message(role, text) for role, text in each.messages or ()), Path(each.name)
            )
            for each in self._reader.prompts()
        )
        inputs = Inputs(
            scenario,
            prompts,
            _LoggedRows(self._reader, rows),
            ColumnMap(dict(self._facts["columns"]), (), ()),
            tuple(self._facts["text_columns"]),
            None,
            (),
        )
        return QuestionBook(inputs, self._draws, self._worker, self._facts["expected_values"])
