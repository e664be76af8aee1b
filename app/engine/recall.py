"""Makes again what the log does not store: a simulated request's texts, and every draw it depended on.

Prompts and rows are in the log once; what was rendered, how the row was messed up, and what the model said
follow from the scenario and the keys. Nothing is looked up outside of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.engine.draws import Draws, Role
from app.engine.question import Question
from app.engine.questions import QuestionBook
from app.engine.versions import Key
from app.errors import UserError
from app.faults.base import AttemptFault, Fault, Injection, MessFault
from app.faults.fault_set import FaultSet
from app.faults.schedule import Schedule
from app.inputs.bounded import BoundedWorker
from app.inputs.mapping import ColumnMap
from app.inputs.preparation import Inputs, fitted
from app.inputs.prompts import Message, Prompt
from app.inputs.treatment import Trim
from app.safeguards import input_check
from app.safeguards.adaptive_throttle import AdaptiveThrottle
from app.safeguards.base import Safeguard
from app.safeguards.canned import Canned
from app.safeguards.hand_off import HandOff
from app.safeguards.input_check import InputCheck
from app.safeguards.input_layer import treatments
from app.safeguards.retry import Retry
from app.scenario.edit import with_setting
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord, RequestRecord
from app.sessions.vocabulary import PRIVATE_FACT
from app.traffic.sequences import gap_purposes

_CALLED = ("primary", "fallback", "hedge")
"""Who answered by a call of this request's own; a cache's answer came with an earlier one."""

_NOT_KEPT = "this log holds no prompts and rows of the run: it was exported without --texts"


@dataclass(frozen=True)
class Texts:
    """What was asked and said: the row as it is in the data, and as it came; the prompt; the answer."""

    original: dict[str, object]
    mutated: dict[str, object]
    messages: list[list[str]] | str
    """[role, text] pairs, or why there are none."""
    answer: str | None


@dataclass(frozen=True)
class Draw:
    """One keyed draw: its purpose, role and entity, its value, and what it decided (in words, may be empty).

    `attempt` is the place of the attempt it was for among the request's, None where it was for the request.
    """

    purpose: str
    role: str
    entity: int
    value: float
    meaning: str = ""
    attempt: int | None = None


@dataclass(frozen=True)
class Recalled:
    """A request as one variant took it."""

    request: RequestRecord
    attempts: list[AttemptRecord]
    texts: Texts
    draws: list[Draw]


def recall_request(reader: RunReader, number: int, *, with_draws: bool = False) -> list[Recalled]:
    """`Recall.request` with a worker of its own, for a single request."""
    with BoundedWorker() as worker:
        return Recall(reader, worker).request(number, with_draws=with_draws)


def _said(attempts: Sequence[AttemptRecord]) -> str | None:
    """The answer that a real call gave: the last of several; None where it was not kept."""
    return next((each.text for each in reversed(attempts) if each.text and not each.error), None)


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


class _Noting(Draws):
    """The run's draws; each that is asked for one by one is noted."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._notes: list[Draw] = []

    def one(self, purpose: str, role: Role | None, entity: int) -> float:
        """The draw of one entity."""
        value = super().one(purpose, role, entity)
        self._notes.append(Draw(purpose, _shown(role), entity, value))
        return value

    def take(self) -> list[Draw]:
        """What was asked for since the last call."""
        notes, self._notes = self._notes, []
        return notes


class Recall:
    """Makes texts and draws of a logged run's requests. `worker` renders; close it when done."""

    def __init__(self, reader: RunReader, worker: BoundedWorker) -> None:
        self._reader = reader
        self._worker = worker
        self._real = reader.record().clock == "wall"
        self._draws = _Noting(reader.record().seed)
        facts = reader.facts()
        self._inputs = facts["inputs"]
        self._recorded = self._inputs.get("trace", {}).get("recorded", ())
        self._expected_values = facts.get(PRIVATE_FACT, {}).get("expected_values", {})
        self._prompts = reader.prompts()
        written = parse_scenario(reader.record().scenario_toml, Path("logged.toml")).scenario
        # What the data had no column for was left out before the run began, as `fitted` does here.
        self._written = fitted(written, self._inputs["columns"])
        self._changes = [event for event in reader.events() if event.kind == "change"]
        self._asked: dict[tuple[int, int, str, int], tuple[QuestionBook, Question]] = {}

    def request(self, number: int, *, with_draws: bool = False) -> list[Recalled]:
        """Request `number` as each variant took it; a variant where it has not ended is left out.

        Raises UserError when there is no such request, or it has ended nowhere.
        """
        offered = self._reader.record().offered
        where = f"run {self._reader.run_id}"
        if not 0 <= number < offered:
            there = f"Requests are numbered 0 to {offered - 1}." if offered else "It has no requests."
            raise UserError(f"there is no request {number}", where=where, do=there)
        found = []
        for variant in self._reader.variants:
            record = self._reader.request(variant.name, number)
            if record is not None:
                draws = self.draws(*record) if with_draws else []
                found.append(Recalled(*record, self.texts(*record), draws))
        if not found:
            raise UserError(f"request {number} has not ended", where=where, do="Show it when it has.")
        return found

    def scenario_at(self, at_us: int) -> Scenario:
        """The run's scenario with the changes that were in force at a time."""
        scenario = self._written
        for event in self._changes:
            if event.at_us <= at_us:
                scenario = with_setting(scenario, event.details["set"], event.details["value"])
        return scenario

    # -- texts ------------------------------------------------------------------------------------------

    def texts(self, request: RequestRecord, attempts: Sequence[AttemptRecord]) -> Texts:
        """What was asked and said; the canned answer alone where the log holds no prompts and rows."""
        canned = self._canned(request) if request.served_by == "canned" else None
        logged = self._reader.row(request.row)
        if logged is None or not self._has_prompts():
            return Texts({}, {}, _NOT_KEPT, canned or (_said(attempts) if self._real else None))
        book, question = self._question(request, attempts)
        answer = canned
        answered = [each for each in attempts if each.status == 200]
        if self._real:
            return Texts(
                dict(logged.values),
                book.messy_row(question.key),
                book.asked([question])[0],
                canned or _said(attempts),
            )
        if request.served_by in _CALLED and answered:
            answer = question.answer(self._answer_kind(request, answered[-1], question)).text
        return Texts(dict(logged.values), book.messy_row(question.key), book.asked([question])[0], answer)

    def _canned(self, request: RequestRecord) -> str | None:
        # A request keeps the pipeline that it began with.
        on = [
            each
            for each in self.scenario_at(request.intended_us).variants[request.variant].safeguards
            if each.on
        ]
        if request.reason.startswith(input_check.REASON):
            return next((each.reply for each in on if isinstance(each, InputCheck)), None)
        prompt = self._prompts[request.prompt].name
        texts = (each.text_for(prompt) for each in on if isinstance(each, Canned))
        return next((text for text in texts if text), None)

    def _answer_kind(self, request: RequestRecord, attempt: AttemptRecord, question: Question) -> Any:
        injection = self._injection(request, attempt, self.scenario_at(attempt.started_us))
        if injection.answer is not None:
            return injection.answer
        luck = self._draws.one("provider.quality", _role_of(attempt), request.number)
        return "right" if luck < question.qualities[self._target(attempt)] else "wrong"

    def _question(
        self, request: RequestRecord, attempts: Sequence[AttemptRecord]
    ) -> tuple[QuestionBook, Question]:
        """What the request asked, in whatever mess its row came, as the variant's safeguards had it."""
        book, question = self._as_it_came(request)
        scenario = self.scenario_at(request.intended_us)
        any_size = scenario.tokens.input_tokens is not None or "input_tokens" in self._recorded
        for by in treatments(scenario.variants[request.variant].safeguards):
            step = by.steps[-1]
            # Where sizes are not those of texts, one that was cut is exactly as large as allowed.
            untouched = (
                any_size
                and isinstance(step, Trim)
                and all(each.input_tokens != step.max_input_tokens for each in attempts)
            )
            if not untouched:
                question = question.versions.get(by, question)
        return book, question

    def _as_it_came(self, request: RequestRecord) -> tuple[QuestionBook, Question]:
        known = (request.prompt, request.row, request.mess, request.intended_us)
        if known not in self._asked:
            scenario = self.scenario_at(request.intended_us)
            faults = FaultSet(scenario.faults, self._draws, [True] * len(scenario.faults))
            book = self._book(scenario, request.row + 1)
            mess = set(request.mess.split(","))
            bits = sum(1 << index for index, fault in enumerate(scenario.faults) if fault.id in mess)
            key: Key = (request.prompt, request.row, bits)
            self._asked[known] = book, book.prepare([key], faults)[0]
        return self._asked[known]

    def _book(self, scenario: Scenario, rows: int) -> QuestionBook:
        prompts = tuple(
            Prompt(each.name, tuple(Message(role, text) for role, text in each.messages), Path(each.name))
            for each in self._prompts
        )
        inputs = Inputs(
            scenario,
            prompts,
            _LoggedRows(self._reader, rows),
            ColumnMap(dict(self._inputs["columns"]), (), ()),
            tuple(self._inputs["text_columns"]),
            None,
            (),
        )
        return QuestionBook(inputs, self._draws, self._worker, self._expected_values)

    def _has_prompts(self) -> bool:
        return all(each.messages is not None for each in self._prompts)

    # -- draws ------------------------------------------------------------------------------------------

    def draws(self, request: RequestRecord, attempts: Sequence[AttemptRecord]) -> list[Draw]:
        """All draws that decided something about the request, then those of each of its attempts."""
        self._draws.take()
        for purpose in gap_purposes(self._draws, self._written.traffic, request.number):
            self._draws.one(purpose, None, request.number)
        source = self._source(request)
        found = self._draws.take()
        if source is not None:
            found += self._question_draws(source, request)
        for index, attempt in enumerate(attempts):
            again = any(
                (each.target, each.hedge, each.retry) == (attempt.target, attempt.hedge, attempt.retry + 1)
                for each in attempts
            )
            drawn = self._attempt_draws(request, attempt, retried=again)
            found += [replace(each, attempt=index) for each in drawn]
        for safeguard in self._safeguards(request):
            if isinstance(safeguard, HandOff) and request.served_by == "human":
                purpose = f"safeguard:{safeguard.id}.handle"
                found.append(self._drawn(purpose, None, request.number, "how long the person needed"))
        return found

    def _safeguards(self, request: RequestRecord) -> list[Safeguard]:
        """Those at work on the request."""
        settings = self.scenario_at(request.intended_us).variants[request.variant].safeguards
        return [each for each in settings if each.on]

    def _source(self, request: RequestRecord) -> RequestRecord | None:
        """The request whose question this one asks again: itself, when the question is new.

        None when one on the way to it has not ended.
        """
        while True:
            number = request.number
            if number == 0:
                return request
            scenario = self.scenario_at(request.intended_us)
            doubles = [fault for fault in scenario.faults if fault.kind == "duplicate"]
            twice = bool({fault.id for fault in doubles} & set(request.faults.split(",")))
            repeats = self._draws.one("traffic.repeat", None, number) < scenario.traffic.repeat_rate
            if not repeats and not twice:
                return request
            back = 1
            if not twice:
                reach = min(number, scenario.traffic.repeat_window)
                back += int(self._draws.one("traffic.repeat_of", None, number) * reach)
            earlier = self._reader.request(request.variant, number - back)
            if earlier is None:
                return None
            request = earlier[0]

    def _question_draws(self, source: RequestRecord, request: RequestRecord) -> list[Draw]:
        """What decided which question it is, and in what mess: a repeated one has the draws of its source."""
        scenario, number = self.scenario_at(source.intended_us), source.number
        prompt = self._prompts[request.prompt].name
        found = [self._drawn("traffic.prompt", None, number, f"prompt '{prompt}'")]
        if scenario.traffic.order == "zipf":
            found.append(self._drawn("traffic.row", None, number))
        if scenario.tokens.input_tokens is not None and "input_tokens" not in self._recorded:
            found += [
                self._drawn(purpose, None, number) for purpose in ("tokens.input", "tokens.input.angle")
            ]
        struck = set(request.mess.split(","))
        for fault in scenario.faults:
            if isinstance(fault, MessFault) and fault.kind != "duplicate":
                found += self._trigger(fault, None, number, source.intended_us, fault.id in struck)
        if struck - {""} and self._reader.row(request.row) is not None and self._has_prompts():
            book, question = self._as_it_came(request)
            self._draws.take()
            book.messy_row(question.key)
            found += self._draws.take()
        return found

    def _attempt_draws(self, request: RequestRecord, attempt: AttemptRecord, *, retried: bool) -> list[Draw]:
        scenario = self.scenario_at(attempt.started_us)
        role, number = _role_of(attempt), request.number
        struck = set(attempt.fault.split(","))
        found: list[Draw] = []
        for fault in scenario.faults:
            if isinstance(fault, AttemptFault) and _concerns(fault, request.variant, attempt.target):
                its_role = role if fault.per == "attempt" else None
                found += self._trigger(fault, its_role, number, attempt.started_us, fault.id in struck)
        self._draws.take()
        injection = self._injection(request, attempt, scenario)
        found += self._draws.take()
        if attempt.billed:
            # It was worked on: how long that takes, and how much comes of it, was drawn.
            purposes = ["provider.output_tokens", "provider.output_tokens.angle"]
            if "output_tokens" in self._recorded:
                purposes = []
            service = scenario.targets[attempt.target].service
            if service == "tokens":
                purposes += ["provider.first_token", "provider.first_token.angle"]
            elif service == "lognormal":
                purposes += ["provider.service", "provider.service.angle"]
            elif service != "constant":
                purposes.append("provider.service")
            found += [self._drawn(purpose, role, number) for purpose in purposes]
        if attempt.status == 200 and injection.answer is None:
            found.append(self._drawn("provider.quality", role, number, self._odds(request, attempt)))
        for each in self._safeguards(request):
            if isinstance(each, Retry) and each.jitter != "none" and retried:
                meaning = "the wait before the next call, unless Retry-After told it"
                found.append(self._drawn(f"safeguard:{each.id}.jitter", role, number, meaning))
            elif isinstance(each, AdaptiveThrottle):
                meaning = "turned back if below the odds of that moment"
                found.append(self._drawn(f"safeguard:{each.id}.throttle", role, number, meaning))
        return found

    def _odds(self, request: RequestRecord, attempt: AttemptRecord) -> str:
        if self._reader.row(request.row) is None or not self._has_prompts():
            return ""
        odds = self._question(request, [attempt])[1].qualities[self._target(attempt)]
        return f"answers rightly if below {odds:g}"

    def _trigger(self, fault: Fault, role: Role | None, number: int, at_us: int, struck: bool) -> list[Draw]:
        """The draw that decides whether the fault strikes, if it could have struck then."""
        if fault.rate is None or not fault.on or not Schedule(fault, self._draws, at_us).on:
            return []
        return [
            self._drawn(
                fault.purpose,
                role,
                number,
                f"{'struck' if struck else 'did not strike'}, rate {fault.rate:g}",
            )
        ]

    def _injection(self, request: RequestRecord, attempt: AttemptRecord, scenario: Scenario) -> Injection:
        """What the faults that struck the attempt did to it."""
        injection = Injection()
        struck = set(attempt.fault.split(","))
        for fault in scenario.faults:
            if fault.id in struck and isinstance(fault, AttemptFault):
                role = _role_of(attempt) if fault.per == "attempt" else None
                fault.apply(injection, self._further_draws(fault, role, request.number))
        return injection

    def _further_draws(self, fault: Fault, role: Role | None, number: int) -> Callable[[str], float]:
        return lambda purpose: self._draws.one(f"{fault.purpose}.{purpose}", role, number)

    def _drawn(self, purpose: str, role: Role | None, number: int, meaning: str = "") -> Draw:
        value = self._draws.one(purpose, role, number)
        self._draws.take()
        return Draw(purpose, _shown(role), number, value, meaning)

    def _target(self, attempt: AttemptRecord) -> int:
        return list(self._written.targets).index(attempt.target)


def _role_of(attempt: AttemptRecord) -> Role:
    return Role(attempt.target, attempt.retry, attempt.hedge)


def _shown(role: Role | None) -> str:
    return "" if role is None else f"{role.target} retry {role.retry} hedge {role.hedge}"


def _concerns(fault: Fault, variant: str, target: str) -> bool:
    return (not fault.targets or target in fault.targets) and (
        not fault.variants or variant in fault.variants
    )
