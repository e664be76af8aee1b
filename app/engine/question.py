"""What a request asks, as engine, provider and safeguards see it. `QuestionBook` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.versions import Key
from app.faults.base import Fault
from app.inputs.treatment import Treatment
from app.providers.answers.kinds import AnswerKind
from app.safeguards.commands import Answer

if TYPE_CHECKING:
    from app.engine.questions import QuestionBook


class Question:
    """A prompt filled with a row, in whatever mess the row came.

    tokens        the rendered prompt's estimated size
    extra_tokens  by how much the mess makes it longer than it would be
    qualities     for each target: how likely its answer is right
    error         why the prompt could not be rendered; empty when it could
    problem       why it cannot be asked about, as an input check has it; empty when it can
    steps         the steps of treatment by safeguards that it has had
    versions      what it becomes by those treatments that change it
    """

    __slots__ = (
        "_book",
        "answers",
        "error",
        "extra_tokens",
        "mess",
        "problem",
        "prompt",
        "prompt_name",
        "qualities",
        "row",
        "steps",
        "tokens",
        "treatment",
        "unaskable",
        "versions",
    )

    def __init__(
        self,
        book: QuestionBook,
        key: Key,
        *,
        tokens: int,
        extra_tokens: int,
        qualities: list[float],
        error: str,
    ) -> None:
        self._book = book
        self.prompt, self.row, self.mess = key
        self.tokens = tokens
        self.extra_tokens = extra_tokens
        self.qualities = qualities
        self.error = error
        self.unaskable = bool(error)
        self.prompt_name = book.prompt_names[self.prompt]
        self.answers: dict[str, Answer] = {}
        self.treatment: Treatment | None = None
        self.problem = ""
        self.steps = 0
        self.versions: dict[Treatment, Question] = {}

    @property
    def key(self) -> Key:
        """Its prompt, row and mess."""
        return self.prompt, self.row, self.mess

    def answer(self, kind: AnswerKind) -> Answer:
        """The answer of this kind (right, wrong, truncated, ...) to it."""
        found = self.answers.get(kind)
        if found is None:
            found = self.answers[kind] = self._book.answer(self, kind)
        return found

    def has(self, fault: Fault) -> bool:
        """Whether the fault's rules about prompts and rows speak of it."""
        return (not fault.prompts and fault.match is None) or self._book.concerns(
            fault, self.prompt, self.row
        )
