"""What is asked by calls that are passed on: which API they speak, and what of the scenario they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from types import MappingProxyType

from app.engine.question import Question
from app.engine.questions import QuestionBook
from app.faults.base import Fault
from app.inputs.tokens import estimate_tokens
from app.inputs.treatment import Treatment
from app.providers.address import Api
from app.providers.answers.kinds import AnswerKind
from app.serve.anthropic_bytes import Anthropic
from app.serve.dialect import Asked, BadRequestError, Dialect
from app.serve.openai_bytes import OpenAi
from app.serve.recognition import NO_ROW, Recognizer, Unrecognized
from app.serve.responses_bytes import Responses

DIALECTS: dict[Api, Dialect] = {
    "openai-chat": OpenAi(),
    "openai-responses": Responses(),
    "anthropic-messages": Anthropic(),
}
_ENDS: dict[str, Api] = {
    "/chat/completions": "openai-chat",
    "/responses": "openai-responses",
    "/v1/messages": "anthropic-messages",
}
_BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_MOST_CHOICES = 1_000


def api_of(method: str, path: str) -> Api | None:
    """The API that a call to this path speaks; None where it is none that is known."""
    if method != "POST":
        return None
    return next((api for end, api in _ENDS.items() if path.endswith(end)), None)


def asked_by(api: Api, body: bytes) -> Asked:
    """What a body asks, as far as can be told: whether it makes sense is the upstream's to say."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        told = {}
    try:
        return DIALECTS[api].asked(told)
    except BadRequestError:
        model = told.get("model")
        # The upstream may well take it, and charge for it: then all of it counts, up to the highest bound in it.
        bounds = [told.get(name) for name in _BOUNDS]
        most = max((each for each in bounds if type(each) is int and each > 0), default=None)
        text = body.decode(errors="replace")
        return Asked(model if isinstance(model, str) else "", (text,), most, told.get("stream") is True)


def choices_of(body: bytes) -> int:
    """How many answers it asks for, each of which is charged."""
    if b'"n"' not in body:
        return 1
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return 1
    count = told.get("n") if isinstance(told, dict) else None
    return count if type(count) is int and 1 < count <= _MOST_CHOICES else 1


class Passed:
    """What a call asks, for faults that are choosy about rows and prompts, or spoil answers: looked up when one does."""

    mess = 0
    prompt_name = ""
    problem = ""
    unaskable = False
    steps = 0
    versions: Mapping[Treatment, Question] = MappingProxyType({})
    treatment = None

    def __init__(self, asked: Asked, recognizer: Recognizer, questions: QuestionBook, lock: Lock) -> None:
        """`lock` is held by whoever uses the worker behind `questions`, which several threads do."""
        self.asked = asked
        self.tokens = max(1, sum(estimate_tokens(text) for text in asked.texts))
        self._recognizer = recognizer
        self._questions = questions
        self._lock = lock
        self._found: Question | Unrecognized | None = None

    @cached_property
    def _question(self) -> Question | Unrecognized:
        with self._lock:
            self._found = self._recognizer.question(self.asked.texts)
        return self._found

    @property
    def row(self) -> int:
        """The row that it is about, as far as anybody has asked."""
        return NO_ROW if self._found is None else self._found.row

    @property
    def prompt(self) -> int:
        """The prompt that it comes in; the first, unless another is known."""
        return 0 if self._found is None else self._found.prompt

    def has(self, fault: Fault) -> bool:
        """Whether the fault's rules about rows and prompts speak of it."""
        return self._question.has(fault)

    def spoil(self, kind: AnswerKind, said: str) -> str:
        """What becomes of an answer to it, where a fault makes it one of this kind."""
        found = self._question
        question = found.stands_for if isinstance(found, Unrecognized) else found
        with self._lock:
            return self._questions.spoil(question, kind, said)
