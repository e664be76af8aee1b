"""Which of the scenario's questions a client asks, told by the texts it sends.

The simulated models know what is right for a row of the sample data. A call that holds a row's text, in the scenario's
prompt or another one, is answered as that row would be; any other gets the answer of a row chosen by its texts, always the
same one, and no rule of a fault about prompts or rows speaks of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from app.engine.draws import Draws
from app.engine.question import Question
from app.engine.questions import QuestionBook
from app.faults.base import Fault
from app.faults.fault_set import FaultSet
from app.inputs.preparation import Inputs
from app.providers.answers.kinds import AnswerKind
from app.safeguards.commands import Answer

_ROWS = 5_000
"""Rows that are looked for; that takes a few milliseconds for so many."""
_LOOKED_AT = 50_000
"""Characters of a call that are looked at: the last ones, where the customer's own text stands."""
_SHORTEST = 12
"""A shorter text, in characters, may stand in any message."""


NO_ROW = -1
"""In the log: the call is about no row of the scenario's."""


class Unrecognized:
    """A call that is about no row of the scenario's."""

    row = NO_ROW
    mess = 0

    def __init__(self, question: Question) -> None:
        self.stands_for = question
        """The question whose answers it gets."""
        self.prompt = question.prompt
        self.qualities = question.qualities
        self.answers = question.answers
        self.unaskable = False

    def answer(self, kind: AnswerKind) -> Answer:
        """The answer of this kind to it."""
        return self.stands_for.answer(kind)

    def has(self, fault: Fault) -> bool:
        """Whether the fault strikes it: not if it is choosy."""
        return not fault.prompts and fault.match is None


class Recognizer:
    """Knows the sample data by its texts, and the prompts by what stands before their first variable."""

    def __init__(self, inputs: Inputs, questions: QuestionBook, draws: Draws) -> None:
        self._questions = questions
        self._no_mess = FaultSet((), draws, [])
        self._openings = [_opening(prompt.messages[0].template) for prompt in inputs.prompts]
        texts: dict[str, int] = {}
        for row in range(min(inputs.row_count, _ROWS)):
            # The column with the longest texts is the first.
            text = next(
                (str(inputs.row(row).get(column) or "").strip() for column in inputs.text_columns), ""
            )
            if len(text) >= _SHORTEST:
                texts.setdefault(text, row)
        # A text may be part of another: the longest that is there counts.
        self._texts = sorted(texts.items(), key=lambda pair: len(pair[0]), reverse=True)

    def question(self, texts: Sequence[str]) -> Question | Unrecognized:
        """The question that a call with these texts asks."""
        said = "\n".join(texts)[-_LOOKED_AT:]
        prompt = next((at for at, opening in enumerate(self._openings) if opening and opening in said), None)
        row = next((row for text, row in self._texts if text in said), None)
        chosen = crc32(said.encode(errors="replace")) % self._questions.row_count if row is None else row
        question = self._questions.prepare([(prompt or 0, chosen, 0)], self._no_mess)[0]
        return Unrecognized(question) if row is None else question


def _opening(template: str) -> str:
    """What stands before a template's first variable, tag or comment."""
    return template.split("{", 1)[0].strip()
