"""Messy data: the kinds of mess that real rows come in. What each does to a row is in `app.inputs.mess`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from app.faults.base import MessFault, register
from app.scenario.numbers import SomeShare, WholeNumber


@register
class MissingField(MessFault):
    """A field that the prompt needs is not there."""

    kind: Literal["missing_field"] = "missing_field"


@register
class NullText(MessFault):
    """A text is null."""

    kind: Literal["null_text"] = "null_text"


@register
class Mojibake(MessFault):
    """UTF-8 read as Windows-1252."""

    kind: Literal["mojibake"] = "mojibake"


@register
class Typos(MessFault):
    """Words mistyped, `severity` of them."""

    kind: Literal["typos"] = "typos"
    severity: SomeShare = 0.15


@register
class FarTooLong(MessFault):
    """A whole mail thread pasted in."""

    kind: Literal["far_too_long"] = "far_too_long"
    repeat_to_chars: WholeNumber = Field(default=24_000, ge=100, le=1_000_000)


@register
class MixedFormats(MessFault):
    """Dates, numbers and money in other formats."""

    kind: Literal["mixed_formats"] = "mixed_formats"


@register
class OffTopic(MessFault):
    """A question about something else altogether."""

    kind: Literal["off_topic"] = "off_topic"


@register
class Duplicate(MessFault):
    """The same request sent twice: it asks again, verbatim, what the one before it asked."""

    kind: Literal["duplicate"] = "duplicate"

    @model_validator(mode="after")
    def _of_all(self) -> Self:
        if self.prompts or self.match is not None:
            raise ValueError(
                "a duplicate repeats whatever came before it: it takes no 'prompts' and no 'match'"
            )
        return self


@register
class EmptyField(MessFault):
    """A text is empty."""

    kind: Literal["empty_field"] = "empty_field"


@register
class SwappedColumns(MessFault):
    """Two fields have each other's value."""

    kind: Literal["swapped_columns"] = "swapped_columns"


@register
class StrayCharacters(MessFault):
    """A byte order mark, control and invisible characters."""

    kind: Literal["stray_characters"] = "stray_characters"


@register
class HtmlLeftIn(MessFault):
    """The text is HTML, tags and entities and all."""

    kind: Literal["html_left_in"] = "html_left_in"


@register
class Shouting(MessFault):
    """The text is in capitals."""

    kind: Literal["shouting"] = "shouting"


@register
class Emoji(MessFault):
    """Emoji after every sentence."""

    kind: Literal["emoji"] = "emoji"


@register
class MixedLanguage(MessFault):
    """A greeting and thanks in another language around the text."""

    kind: Literal["mixed_language"] = "mixed_language"


@register
class CutOff(MessFault):
    """The text breaks off in its middle."""

    kind: Literal["cut_off"] = "cut_off"


@register
class PersonalData(MessFault):
    """Something personal is added, made up and fixed."""

    kind: Literal["personal_data"] = "personal_data"


@register
class PromptInjection(MessFault):
    """An order to the model is added."""

    kind: Literal["prompt_injection"] = "prompt_injection"


@register
class NaughtyStrings(MessFault):
    """A field holds a string that programs trip over."""

    kind: Literal["naughty_strings"] = "naughty_strings"
