"""What is done to the texts of real calls, in a thread of its own: prompts rendered, answers checked, answers spoiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.engine.question import Question
from app.engine.questions import QuestionBook
from app.engine.verdicts import Verdicts
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs
from app.providers.answers.kinds import AnswerKind

Messages = list[list[str]]
Verdict = tuple[bool, frozenset[str]]


@dataclass(frozen=True)
class Desk:
    """What is done to texts, in a thread of its own.

    `render` gives questions' messages as (role, text), or why there are none, many at a time; `judge` says of an answer
    whether it passes the truth checks, and which runtime checks it fails; `judges`, on any thread, says whether a
    question's answers are checked at all; `spoil` makes of an answer one of a kind
    that a fault asks for.
    """

    render: Callable[[Sequence[Question]], list[Messages | str]]
    judges: Callable[[Question], bool]
    judge: Callable[[Question, str], Verdict]
    spoil: Callable[[Question, AnswerKind, str], str]


def desk_for(inputs: Inputs, book: QuestionBook, worker: BoundedWorker) -> Desk:
    """A desk for these inputs. As long as it is in use nobody else may use the book or the worker.

    Raises UserError if a check cannot be carried out.
    """
    verdicts = Verdicts(inputs.scenario.checks, [prompt.name for prompt in inputs.prompts], worker)

    def judge(question: Question, text: str) -> Verdict:
        values = inputs.row(question.row)
        by_name = {name: values[column] for name, column in inputs.columns.pairs.items() if column in values}
        return verdicts.of([(question.prompt, text, values | by_name)])[0]

    return Desk(book.asked, lambda question: verdicts.any_for(question.prompt), judge, book.spoil)
