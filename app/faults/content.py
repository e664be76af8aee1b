"""Answers that arrive, are billed and are no use: cut short, of the wrong shape, empty, refused, or simply wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from app.faults.base import AttemptFault, Injection, register
from app.providers.answers.kinds import AnswerKind
from app.scenario.numbers import SomeShare


class Spoiled(AttemptFault):
    """The call succeeds and the answer is of another kind; `keep_fraction` of its tokens are generated and billed."""

    answer: ClassVar[AnswerKind]
    keep_fraction: SomeShare = 1

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Change what the answer will say."""
        if injection.answer is None:
            injection.answer = self.answer
            injection.keep_fraction = self.keep_fraction


@register
class Truncated(Spoiled):
    """The answer stops in mid-sentence, and no finish reason tells."""

    kind: Literal["truncated"] = "truncated"
    answer = "truncated"
    keep_fraction: SomeShare = 0.6


@register
class MalformedJson(Spoiled):
    """The answer should be JSON and does not parse."""

    kind: Literal["malformed_json"] = "malformed_json"
    answer = "malformed_json"


@register
class Empty(Spoiled):
    """The answer has no text."""

    kind: Literal["empty"] = "empty"
    answer = "empty"
    keep_fraction: SomeShare = 0.01


@register
class Refusal(Spoiled):
    """The model declines to answer."""

    kind: Literal["refusal"] = "refusal"
    answer = "refusal"
    keep_fraction: SomeShare = 0.2


class Endless(Spoiled):
    """The answer has as many tokens as the call allows (`tokens.max_tokens`), all of them billed."""

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Change what the answer will say, and how long it goes on."""
        if injection.answer is None:
            injection.to_the_limit = True
        super().apply(injection, draw)


@register
class HitsMaxTokens(Endless):
    """The answer is cut at `max_tokens`; the finish reason says so, and a runtime check named `finish_reason` fails."""

    kind: Literal["hits_max_tokens"] = "hits_max_tokens"
    answer = "max_tokens"


@register
class RepetitionLoop(Endless):
    """The model says the same thing over and over, until `max_tokens` stops it."""

    kind: Literal["repetition_loop"] = "repetition_loop"
    answer = "repetition"


@register
class ContentFilter(Spoiled):
    """The provider's filter stops the answer; the finish reason says so, and a runtime check named `finish_reason` fails."""

    kind: Literal["content_filter"] = "content_filter"
    answer = "content_filter"
    keep_fraction: SomeShare = 0.3


@register
class WrongSchema(Spoiled):
    """JSON that can be read and is not what was asked for: a field missing, one too many, or of another type."""

    kind: Literal["wrong_schema"] = "wrong_schema"
    answer = "wrong_schema"


@register
class ProseAroundJson(Spoiled):
    """The right answer, with a greeting before it and an offer after it."""

    kind: Literal["prose_around_json"] = "prose_around_json"
    answer = "prose"


@register
class WrongLanguage(Spoiled):
    """The answer's texts are in a language that nobody asked for."""

    kind: Literal["wrong_language"] = "wrong_language"
    answer = "wrong_language"


@register
class PromptEcho(Spoiled):
    """The model says again what it was asked."""

    kind: Literal["prompt_echo"] = "prompt_echo"
    answer = "prompt_echo"


@register
class HallucinatedToolCall(Spoiled):
    """Instead of an answer, a call of a tool that does not exist."""

    kind: Literal["hallucinated_tool_call"] = "hallucinated_tool_call"
    answer = "tool_call"
    keep_fraction: SomeShare = 0.3


@register
class PlausibleWrong(Spoiled):
    """An answer in perfect shape that is wrong. No runtime check can tell."""

    kind: Literal["plausible_wrong"] = "plausible_wrong"
    answer = "wrong"
