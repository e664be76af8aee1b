"""What the simulated model says: answers that are right, or wrong in a way that a check can tell.

Everything is chosen by the key that the caller draws, so an answer need not be stored to be shown again. When
an answer comes, and of which kind it is, is the provider's and the faults' business.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.errors import UserError
from app.inputs.checks.refusals import REFUSALS
from app.inputs.checks.values import same, shorten
from app.providers.answers import spoiled
from app.providers.answers.kinds import AnswerKind
from app.providers.answers.settings import EXPECTED, Answers

if TYPE_CHECKING:
    from app.providers.answers.schema import SchemaFiller

_RIGHT_TEXTS = (
    "Thank you for your message. Here is what I found.",
    "I have looked into this for you, and it is settled.",
    "Yes, that is possible. The next step is described below.",
)
_WRONG_TEXTS = (
    "Your parcel is on its way to a lighthouse that nobody asked about.",
    "No, that was never possible, and there is no next step.",
    "As we agreed last year, the opposite is the case.",
)
_WRONG_VALUES = ("unknown", "other", "none of these", "both")
_FITTING_KEPT = 1000  # values remembered as the field takes them
_TRIES = 64  # neighbouring keys looked at for a value other than the expected one


class AnswerWriter:
    """Writes answers of every kind.

    `expected_values` are the distinct values of the expected column; without `wrong_values` in the settings,
    wrong answers say one of them. Raises UserError where the schema cannot be filled, has no room for the
    field, or does not allow one of these values in it.

    Without an expected column nothing but a text check can tell a wrong answer from a right one.
    """

    def __init__(self, answers: Answers, expected_values: Sequence[str] = ()) -> None:
        self._answers = answers
        self._filler: SchemaFiller | None = None
        self._part: dict[str, Any] | None = None
        self._fits: dict[str, object] = {}
        if answers.schema_ is not None:
            from app.providers.answers.schema import SchemaFiller  # jsonschema takes its time to import

            self._filler = SchemaFiller(dict(answers.schema_))
            if answers.field is not None:
                self._part = self._filler.part_at(answers.field)
        fitting = [self._fitting(value) for value in dict.fromkeys(expected_values)]
        self._wrong_values = [self._fitting(value) for value in answers.wrong_values] or fitting

    def text(self, kind: AnswerKind, *, expected: str | None, key: int, asked: str = "") -> str:
        """The answer of that kind, for a row's `expected` value (None: not known) and a 64-bit `key`.

        `asked` is the question's text, for an answer that says it again.

        Raises UserError where the schema leaves no such answer: the expected value does not fit the field, or
        no other value does.
        """
        return self._text(kind, None, expected, key, asked)

    def spoil(self, kind: AnswerKind, said: str, *, expected: str | None, key: int, asked: str = "") -> str:
        """What becomes of `said`, a real model's answer, as an answer of that kind; the rest is as for `text`.

        One that has nothing of the right answer in it, as a refusal, is the simulated model's.
        """
        return self._text(kind, said, expected, key, asked)

    def _text(self, kind: AnswerKind, said: str | None, expected: str | None, key: int, asked: str) -> str:
        if self._answers.expected_column is None:
            expected = None
        match kind:
            case "right":
                return self._right(expected, key) if said is None else said
            case "wrong":
                return self._wrong(expected, key)
            case "empty":
                return ""
            case "refusal":
                return REFUSALS[key % len(REFUSALS)]
            case "prompt_echo":
                return asked or "You asked me a question."
            case "tool_call":
                return spoiled.tool_call(key)
            case "wrong_language":
                return self._foreign(expected, key)
        return self._spoiled(kind, self._right(expected, key) if said is None else said, key)

    def _spoiled(self, kind: AnswerKind, right: str, key: int) -> str:
        """What comes of a right answer."""
        match kind:
            case "malformed_json":
                return spoiled.malformed(right, key)
            case "wrong_schema":
                return spoiled.misshapen(right, key, self._fits_whole)
            case "prose":
                return spoiled.with_prose(right, key)
            case "repetition":
                return spoiled.looping(right)
            case "content_filter":
                return right[: len(right) * 3 // 10]
            case _:  # cut short, with or without a word of it
                return right[: len(right) * 3 // 5]

    def _foreign(self, expected: str | None, key: int) -> str:
        """Right in its value, if a field of its own carries that, and in another language."""
        if self._filler is None and self._answers.field is None:
            return spoiled.FOREIGN_TEXTS[key % len(spoiled.FOREIGN_TEXTS)]
        value = None if expected is None or self._answers.field is None else self._fitting(expected)
        return self._answer(value, spoiled.FOREIGN_TEXTS, key)

    def _fits_whole(self, value: object) -> bool:
        """Whether a JSON value satisfies the schema; without one, none does."""
        return self._filler is not None and self._filler.fits_whole(value)

    def _right(self, expected: str | None, key: int) -> str:
        value = None if expected is None else self._fitting(expected)
        return self._answer(value, self._answers.templates or _RIGHT_TEXTS, key)

    def _wrong(self, expected: str | None, key: int) -> str:
        if self._answers.expected_column is None:
            return self._answer(None, _WRONG_TEXTS, key)
        return self._answer(self._other_value(expected, key), self._answers.templates or _WRONG_TEXTS, key)

    def _answer(self, value: object, texts: Sequence[str], key: int) -> str:
        """The answer that carries `value` (None: there is none), in its field or in its texts."""
        field = self._answers.field
        if field is None and value is not None:
            texts = self._answers.templates or (EXPECTED,)
        if value is None:
            texts = [text for text in texts if EXPECTED not in text] or _RIGHT_TEXTS
        written = value if isinstance(value, str) else json.dumps(value)

        def say(key: int) -> str:
            return texts[key % len(texts)].replace(EXPECTED, written)

        if self._filler is None and field is None:
            return say(key)
        answer = {} if self._filler is None else self._filler.fill(key, say)
        if field is not None and self._filler is None:
            _place(answer, field, say(key) if value is None else value)
        elif field is not None and value is not None:
            _place(answer, field, value)
        return json.dumps(answer, ensure_ascii=False)

    def _fitting(self, value: str) -> object:
        """The value as the field takes it: "42" becomes a number where the schema asks for one."""
        found = self._fits.get(value)
        if found is None:
            if len(self._fits) >= _FITTING_KEPT:
                self._fits.clear()
            found = self._fits[value] = self._as_the_field_takes(value)
        return found

    def _as_the_field_takes(self, value: str) -> object:
        if self._filler is None or self._part is None:
            return value
        members = [*self._part.get("enum", ()), self._part.get("const")]
        for candidate in [*members, value, *_as_scalar(value)]:
            if candidate is not None and same(candidate, value) and self._filler.fits(candidate, self._part):
                return candidate
        raise UserError(
            f'"{shorten(value, 60)}" does not satisfy the JSON schema of the field "{self._answers.field}"',
            do="Change the schema, or take the rows with that value out of the data.",
        )

    def _other_value(self, expected: str | None, key: int) -> object:
        """A value that is not the expected one, and that the field allows."""
        pool = self._wrong_values or (list(_WRONG_VALUES) if self._part is None else [])
        for step in range(min(_TRIES, len(pool))):
            value = pool[(key + step) % len(pool)]
            if not same(value, expected):
                return value
        if self._filler is None or self._part is None:
            return next(value for value in _WRONG_VALUES if not same(value, expected))
        for step in range(_TRIES):
            value = self._filler.fill(
                key + step, lambda key: _WRONG_VALUES[key % len(_WRONG_VALUES)], self._part
            )
            if value is not None and not same(value, expected):
                return value
        raise UserError(
            f'No wrong answer can be made: the field "{self._answers.field}" allows one value only',
            do="Let the answers' field be one that can have several values.",
        )


def _place(answer: Any, path: str, value: object) -> None:
    """Put a value at a dotted path; objects on the way are made."""
    *way, last = path.split(".")
    for step in way:
        answer = answer[int(step)] if isinstance(answer, list) else answer.setdefault(step, {})
    answer[int(last) if isinstance(answer, list) else last] = value


def _as_scalar(text: str) -> list[object]:
    """The JSON numbers and truth values that a text may stand for."""
    word = text.strip().casefold()
    found: list[object] = [word == "true"] if word in {"true", "false"} else []
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            found.append(kind(word))
    return [value for value in found if not isinstance(value, float) or math.isfinite(value)]
