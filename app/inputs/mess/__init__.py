"""Messy data: what happens to rows on their way into a prompt, on the user's own data.

A mutation is a pure function of the row and of keyed draws, so the same row always gets the same mess.
Whether a request is hit at all is the fault's decision, and repeating requests is the traffic's; neither is
here. Nor is the truth: whoever calls keeps the expected answer out of the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from app.errors import UserError
from app.inputs.mess.absent import empty_field, missing_field, null_text
from app.inputs.mess.formats import mixed_formats
from app.inputs.mess.mojibake import mojibake
from app.inputs.mess.off_topic import off_topic
from app.inputs.mess.planted import naughty_strings, personal_data, prompt_injection
from app.inputs.mess.row import Draw, Mutation, Parameters, Row
from app.inputs.mess.surface import (
    cut_off,
    emoji,
    html_left_in,
    mixed_language,
    shouting,
    stray_characters,
)
from app.inputs.mess.swapped import swapped_columns
from app.inputs.mess.too_long import far_too_long
from app.inputs.mess.typos import typos

MessKind = Literal[
    "missing_field",
    "null_text",
    "mojibake",
    "typos",
    "far_too_long",
    "mixed_formats",
    "off_topic",
    "empty_field",
    "swapped_columns",
    "stray_characters",
    "html_left_in",
    "shouting",
    "emoji",
    "mixed_language",
    "cut_off",
    "personal_data",
    "prompt_injection",
    "naughty_strings",
]

MESS_KINDS: Mapping[MessKind, str] = {
    "missing_field": "a field that the prompt uses is not there",
    "null_text": "a field that the prompt uses is null",
    "mojibake": "wrong encoding: UTF-8 read as Windows-1252",
    "typos": "swapped, dropped, doubled and neighbouring letters",
    "far_too_long": "the question with a whole e-mail thread pasted below it, quoted several times",
    "mixed_formats": "dates, numbers, money, phone numbers and names written in other formats",
    "off_topic": "a question about something else entirely",
    "empty_field": "a field that the prompt uses is an empty text",
    "swapped_columns": "two fields have each other's value",
    "stray_characters": "a byte order mark, control and invisible characters",
    "html_left_in": "the text as HTML, tags and entities and all",
    "shouting": "the text in capitals",
    "emoji": "emoji after every sentence",
    "mixed_language": "the text with a greeting and thanks in another language",
    "cut_off": "the text breaks off in its middle",
    "personal_data": "made-up card numbers, addresses and the like below the text",
    "prompt_injection": "an order to the model below the text",
    "naughty_strings": "a field that the prompt uses holds a string that programs trip over",
}

MUTATIONS: Mapping[str, Mutation] = {
    "missing_field": missing_field,
    "null_text": null_text,
    "mojibake": mojibake,
    "typos": typos,
    "far_too_long": far_too_long,
    "mixed_formats": mixed_formats,
    "off_topic": off_topic,
    "empty_field": empty_field,
    "swapped_columns": swapped_columns,
    "stray_characters": stray_characters,
    "html_left_in": html_left_in,
    "shouting": shouting,
    "emoji": emoji,
    "mixed_language": mixed_language,
    "cut_off": cut_off,
    "personal_data": personal_data,
    "prompt_injection": prompt_injection,
    "naughty_strings": naughty_strings,
}

__all__ = ["MESS_KINDS", "MUTATIONS", "Draw", "MessKind", "Mutation", "Parameters", "Row", "mutate"]

_DEFAULTS = Parameters()


def mutate(
    kind: str, row: Row, text_columns: Sequence[str], draw: Draw, parameters: Parameters = _DEFAULTS
) -> Row:
    """The row after the mess of that kind; the original stays untouched.

    `text_columns` hold the free text that the prompt uses, the main one first. `draw(purpose)` is a keyed
    uniform in [0, 1). Where the mess cannot apply (no dates to rewrite), the new row equals the old one.
    Raises UserError for an unknown kind.
    """
    mutation = MUTATIONS.get(kind)
    if mutation is None:
        known = ", ".join(MESS_KINDS)
        raise UserError(f'There is no kind of messy data called "{kind}"', do=f"Known are {known}.")
    return mutation(row, text_columns, draw, parameters)
