"""Makes what requests ask: one `Question` for each prompt, row and mess, made once however many requests ask it.

Rendering, counting tokens and checking the answers happen here, ahead of the requests and in batches, through
the bounded worker. Questions are kept while they are asked often, and made again when they are not; making
one twice gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import Any

from app.engine.draws import Draws
from app.engine.question import Question
from app.engine.verdicts import Verdicts
from app.engine.versions import TRIMMED, Key, Version, VersionMaker
from app.faults.base import Fault, MessFault
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.mess import Parameters, mutate
from app.inputs.preparation import Inputs, load_job, render_job, truth_columns
from app.inputs.tokens import estimate_tokens, prefix_tokens
from app.inputs.treatment import Treatment, treatment
from app.providers.answers.kinds import FINISH_REASON, FINISH_REASONS, AnswerKind
from app.providers.answers.settings import Answers
from app.providers.answers.writer import AnswerWriter
from app.providers.profile import Target
from app.safeguards.commands import Answer
from app.safeguards.input_layer import treatments
from app.scenario.model import Scenario

KEPT = 20_000
"""Questions kept at a time."""


class QuestionBook:
    """Makes questions, and keeps the latest `KEPT`."""

    def __init__(
        self,
        inputs: Inputs,
        draws: Draws,
        worker: BoundedWorker,
        expected_values: dict[str, list[str]] | None = None,
    ) -> None:
        self._inputs = inputs
        self._draws = draws
        self._worker = worker
        self._kept: dict[Key, Question] = {}
        self._mess: list[tuple[int, MessFault]] = []
        self._logged = bytearray(inputs.row_count)
        self._unlogged: list[int] = []
        self.prompt_count = len(inputs.prompts)
        self.prompt_names = [prompt.name for prompt in inputs.prompts]
        self.prefix_tokens = [prefix_tokens(prompt) for prompt in inputs.prompts]
        """By prompt: the size of what stands before its first variable."""
        self._treatments: list[Treatment] = []
        self._any_size = False
        self.row_count = inputs.row_count
        self.trace = inputs.trace
        """When and how large requests were, if the run replays them."""
        worker.run([load_job(inputs.prompts)])
        self.expected_values: dict[str, list[str]] = dict(expected_values or {})
        """By expected column: the distinct values that wrong answers are taken from."""
        self.configure(inputs.scenario)
        self.treat(inputs.scenario)

    def configure(self, scenario: Scenario) -> None:
        """Take on changed settings: questions are made anew, with other odds of a right answer."""
        self._targets = tuple(scenario.targets.values())
        self._kept.clear()
        names = self.prompt_names
        styles = [_style(scenario, name) for name in names]
        pairs = self._inputs.columns.pairs
        asked = self._inputs.text_columns
        self._truth = {pairs.get(name, name) for name in truth_columns(scenario)}.difference(asked)
        self._expected_columns = [style.expected_column for style in styles]
        self._writers = [AnswerWriter(style, self._values_of(style.expected_column)) for style in styles]
        self._verdicts = Verdicts(scenario.checks, names, self._worker)

    def treat(self, scenario: Scenario) -> None:
        """Have ready what the variants' safeguards make of questions."""
        wanted: dict[Treatment, None] = {}
        for variant in scenario.variants.values():
            wanted |= dict.fromkeys(treatments(variant.safeguards))
        trace = self.trace
        any_size = scenario.tokens.input_tokens is not None or (
            trace is not None and trace.input_tokens is not None
        )
        if list(wanted) != self._treatments or any_size != self._any_size:
            self._treatments = list(wanted)
            self._any_size = any_size
            self._kept.clear()
        if wanted:
            self._maker = VersionMaker(self._inputs, self._worker, self, any_size=any_size)

    def prepare(self, keys: Sequence[Key], faults: FaultSet) -> list[Question]:
        """The questions for these keys, in their order; those not known yet are made in one batch."""
        self._faults = faults
        kept = self._kept
        if faults.mess() != self._mess:
            # Other settings make another text of the same row, and a key tells only which faults struck.
            self._mess = faults.mess()
            kept.clear()
        with suppress(KeyError):  # then some are new
            return list(map(kept.__getitem__, keys))
        found = {key: kept[key] for key in keys if key in kept}
        new = [key for key in dict.fromkeys(keys) if key not in found]
        if len(kept) + len(new) > KEPT:
            for key in list(kept)[: max(len(new), KEPT // 4)]:
                del kept[key]
        made = self._make(new)
        kept |= made
        found |= made
        return [found[key] for key in keys]

    def doubts(self) -> list[str]:
        """What the simulated models cannot do: for each prompt, the checks that even a right answer to the first row
        fails."""
        found = []
        for index, prompt in enumerate(self._inputs.prompts):
            clean = Question(self, (index, 0, 0), tokens=1, extra_tokens=0, qualities=[], error="")
            right = self.answer(clean, "right")
            failed = sorted(right.failed_checks)
            if not right.correct:
                failed.append("a truth check")
            if failed:
                found.append(
                    f"prompt '{prompt.name}': even a right answer of the simulated model fails {', '.join(failed)}; "
                    "say in [[answers]] what a right answer looks like"
                )
        return found

    def take_new_rows(self) -> list[tuple[int, int, dict[str, object]]]:
        """Rows asked about for the first time since the last call: index, number in the file, values."""
        rows, self._unlogged = self._unlogged, []
        return [(row, self._inputs.row_number(row), self._inputs.row(row)) for row in rows]

    def messages(self, key: Key) -> list[list[str]] | str:
        """The rendered prompt as [role, text] pairs, or why it cannot be rendered."""
        return self._messages([key])[key]

    def asked(self, questions: Sequence[Question]) -> list[list[list[str]] | str]:
        """What these questions, or versions of questions, ask, each as `messages` has it; rendered in one batch."""
        by_key = self._messages([each.key for each in questions if not each.problem])
        asked = [each.problem or by_key[each.key] for each in questions]
        for by in dict.fromkeys(each.treatment for each in questions):
            if by is not None:
                places = [n for n, each in enumerate(questions) if each.treatment == by and not each.problem]
                for place, treated in zip(
                    places, self._treated([questions[n] for n in places], by, by_key), strict=True
                ):
                    asked[place] = treated or asked[place]
        return asked

    def _messages(self, keys: Sequence[Key]) -> dict[Key, list[list[str]] | str]:
        """By key: as `messages` has it."""
        distinct = list(dict.fromkeys(keys))
        answers = self._worker.run([self._render_job(key[0], self.messy_row(key)) for key in distinct])
        return {
            key: str(answer["error"]) if "error" in answer else answer["messages"]
            for key, answer in zip(distinct, answers, strict=True)
        }

    def _treated(
        self, questions: Sequence[Question], by: Treatment, by_key: Mapping[Key, list[list[str]] | str]
    ) -> list[list[list[str]] | str]:
        """What comes of the prompts by a treatment; empty where it leaves one as it is."""
        versions = []
        for each in questions:
            messages = by_key[each.key]
            error = messages if isinstance(messages, str) else ""
            tokens = 1 if isinstance(messages, str) else max(1, _size({"messages": messages}))
            versions.append(self._maker.untreated(each.key, tokens, error))
        for count in range(1, len(by.steps) + 1):
            versions = self._maker.treat(versions, treatment(by.steps[:count]))
        return [each.error or each.messages for each in versions]

    def mess_faults(self, mess: int) -> list[tuple[int, MessFault]]:
        """The mess faults in a bit set, with their numbers."""
        return [(number, fault) for number, fault in self._faults.mess() if mess >> number & 1]

    def messy_row(self, key: Key) -> dict[str, object]:
        """The row as it comes, mess and all."""
        _, row, mess = key
        values = self._inputs.row(row)
        for index, fault in self._faults.mess():
            if mess >> index & 1:
                values = self._in_a_mess(values, row, fault)
        return values

    def write(self, cases: Sequence[tuple[Question, AnswerKind]]) -> None:
        """Have the answers of these kinds to these questions ready: in one batch, and not one by one later."""
        new = [case for case in dict.fromkeys(cases) if case[1] not in case[0].answers]
        for (question, kind), answer in zip(new, self._answers(new), strict=True):
            question.answers[kind] = answer

    def answer(self, question: Question, kind: AnswerKind) -> Answer:
        """The answer of a kind to a question, checked."""
        return self._answers([(question, kind)])[0]

    def spoil(self, question: Question, kind: AnswerKind, said: str) -> str:
        """What becomes of a real model's answer to a question, where a fault makes it one of this kind."""
        about = self._about(question, kind, self._by_wanted_name(question.row))
        return self._writers[question.prompt].spoil(kind, said, **about)

    def concerns(self, fault: Fault, prompt: int, row: int) -> bool:
        """Whether the fault's rules about prompts and rows speak of this prompt with this row."""
        if fault.prompts and self._inputs.prompts[prompt].name not in fault.prompts:
            return False
        return fault.match is None or fault.match.holds(self._by_wanted_name(row))

    def _make(self, keys: Sequence[Key]) -> dict[Key, Question]:
        jobs = []
        for key in keys:
            prompt, row, mess = key
            jobs.append(self._render_job(prompt, self.messy_row(key)))
            if mess:
                jobs.append(self._render_job(prompt, self._inputs.row(row)))
            if not self._logged[row]:
                self._logged[row] = 1
                self._unlogged.append(row)
        rendered = iter(self._worker.run(jobs))
        made: dict[Key, Question] = {}
        for key in keys:
            messy = next(rendered)
            clean = next(rendered) if key[2] else messy
            tokens = _size(messy)
            made[key] = Question(
                self,
                key,
                tokens=max(1, tokens),
                extra_tokens=max(0, tokens - _size(clean)),
                qualities=self._odds([fault.kind for fault in self._faults.chosen(key[2])]),
                error=messy.get("error", ""),
            )
        # The answers that most requests will get.
        self.write(
            [(each, kind) for each in made.values() if not each.unaskable for kind in ("right", "wrong")]
        )
        if self._treatments:
            self._treat(list(made.values()))
        return made

    def _treat(self, made: Sequence[Question]) -> None:
        """Make the versions of these questions, all of them for each treatment at once."""
        start = [self._maker.untreated(each.key, each.tokens, each.error) for each in made]
        reached: dict[Treatment | None, tuple[list[Version], list[Question]]] = {None: (start, list(made))}
        for by in self._treatments:
            versions, questions = reached[by.before]
            treated = self._maker.treat(versions, by)
            then = [
                before if version is earlier else self._version(question, version, by)
                for question, before, version, earlier in zip(made, questions, treated, versions, strict=True)
            ]
            for question, before, after in zip(made, questions, then, strict=True):
                if after is not before:
                    before.versions[by] = question.versions[by] = after
            reached[by] = treated, then

    def _version(self, question: Question, version: Version, by: Treatment) -> Question:
        made = Question(
            self,
            question.key,
            tokens=version.tokens,
            extra_tokens=0,
            qualities=self._odds(version.kinds),
            error=version.error,
        )
        made.answers = question.answers
        made.treatment = by
        made.problem = version.problem
        made.steps = version.steps
        return made

    def _answers(self, cases: Sequence[tuple[Question, AnswerKind]]) -> list[Answer]:
        rows = {row: self._by_wanted_name(row) for row in dict.fromkeys(each.row for each, _ in cases)}
        texts = [
            self._writers[question.prompt].text(kind, **self._about(question, kind, rows[question.row]))
            for question, kind in cases
        ]
        verdicts = self._verdicts.of(
            [
                (question.prompt, text, rows[question.row])
                for (question, _), text in zip(cases, texts, strict=True)
            ]
        )
        # The simulated model knows whether it meant to be right; the truth checks may find that it was not.
        return [
            Answer(
                kind,
                text=text,
                correct=true and kind == "right",
                failed_checks=failed | {FINISH_REASON} if kind in FINISH_REASONS else failed,
            )
            for (_, kind), text, (true, failed) in zip(cases, texts, verdicts, strict=True)
        ]

    def _about(self, question: Question, kind: AnswerKind, row: dict[str, object]) -> dict[str, Any]:
        """What the writer of an answer must know: expected value, key, and what was asked."""
        column = self._expected_columns[question.prompt]
        value = None if column is None else row.get(column)
        entity = question.row * self.prompt_count + question.prompt
        return {
            "expected": None if value is None else str(value),
            "key": int(self._draws.one(f"answer.{kind}", None, entity) * 2**53),
            "asked": self._asked(question.row) if kind == "prompt_echo" else "",
        }

    def _asked(self, row: int) -> str:
        """What of the row the prompts say, for a model that says it again."""
        values = self._inputs.row(row)
        return "\n".join(str(values[column]) for column in self._inputs.text_columns if column in values)

    def _render_job(self, prompt: int, row: dict[str, object]) -> dict[str, Any]:
        return render_job(self._inputs.prompts[prompt], row, self._inputs.columns)

    def _by_wanted_name(self, row: int) -> dict[str, object]:
        """A clean row by the names that the scenario has for its columns."""
        values = self._inputs.row(row)
        return values | {
            name: values[column] for name, column in self._inputs.columns.pairs.items() if column in values
        }

    def _in_a_mess(self, values: dict[str, object], row: int, fault: MessFault) -> dict[str, object]:
        columns: Sequence[str] = self._inputs.text_columns
        if fault.columns:
            pairs = self._inputs.columns.pairs
            columns = [pairs.get(column, column) for column in fault.columns]

        def draw(purpose: str) -> float:
            return self._draws.one(f"{fault.purpose}.{purpose}", None, row)

        # The truth stays as it is, whatever columns a fault names, and never gets into what the prompt asks.
        truth = {column: value for column, value in values.items() if column in self._truth}
        others = {column: value for column, value in values.items() if column not in truth}
        came = mutate(fault.kind, others, columns, draw, mess_parameters(fault)) | truth
        return {column: came[column] for column in dict.fromkeys([*values, *came]) if column in came}

    def _odds(self, kinds: Sequence[str]) -> list[float]:
        """For each target: how likely it answers a question with these kinds of mess in it rightly."""
        return [target.quality * prod(_factor(target, kind) for kind in kinds) for target in self._targets]

    def _values_of(self, column: str | None) -> list[str]:
        """The distinct values of the expected column."""
        if column is None:
            return []
        if column not in self.expected_values:
            name = self._inputs.columns.pairs[column]
            seen = dict.fromkeys(
                str(self._inputs.row(row).get(name)) for row in range(min(self.row_count, 20_000))
            )
            self.expected_values[column] = list(seen)[:1000]
        return self.expected_values[column]


def _style(scenario: Scenario, prompt: str) -> Answers:
    """What answers to a prompt look like: as the scenario says, else as its checks expect them."""
    for each in scenario.answers:
        if not each.prompts or prompt in each.prompts:
            return each
    checks = [check for check in scenario.checks if not check.prompts or prompt in check.prompts]
    expected = next((check for check in checks if check.kind == "equals_column"), None)
    schema = next((check.schema_ for check in checks if check.kind == "json_schema"), None)
    return Answers(
        expected_column=None if expected is None else expected.column,
        field=None if expected is None else expected.field,
        schema=schema,
    )


def mess_parameters(fault: MessFault) -> Parameters:
    """What the fault's settings tell the mutation."""
    default = Parameters()
    return Parameters(
        severity=getattr(fault, "severity", default.severity),
        repeat_to_chars=getattr(fault, "repeat_to_chars", default.repeat_to_chars),
    )


def _factor(target: Target, kind: str) -> float:
    """How much of the target's quality one kind of mess leaves, or trimming."""
    return target.quality_when_trimmed if kind == TRIMMED else target.quality_by_mess.get(kind, 1.0)


def _size(rendered: dict[str, Any]) -> int:
    return sum(estimate_tokens(text) for _, text in rendered.get("messages", ()))
