"""The same message on another surface: markup, stray characters, capitals, emoji, words of another language, or only half
of it. What it says stays, as far as it goes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence

from app.inputs.mess.row import Draw, Parameters, Row, pick, texts

_STRAY = ("\u200b", "\u00ad", "\x0b", "\x1f", "\x07", "\u2028")
"""Zero-width space, soft hyphen, vertical tab, unit separator, bell, line separator."""
_EMOJI = ("😡", "🙏", "😭", "👍", "🤷‍♀️", "❗️", "👩‍👩‍👧‍👦", "🇬🇧")
_END = re.compile(r"[.!?](?=\s)")
_FRAMES = (
    ("Guten Tag, ich habe eine Frage an Sie:", "Vielen Dank im Voraus und mit freundlichen Grüßen"),
    ("Bonjour, je me permets de vous écrire :", "Merci d'avance pour votre aide, bien cordialement"),
    ("Buenos días, les escribo por lo siguiente:", "Muchas gracias de antemano, un cordial saludo"),
    ("Dzień dobry, piszę w następującej sprawie:", "Z góry dziękuję za pomoc, z poważaniem"),
    ("いつもお世話になっております。", "どうぞよろしくお願いいたします。"),
)


def stray_characters(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """A byte order mark before every text, and control and invisible characters in its gaps."""

    def soil(text: str, purpose: str) -> str:
        words = text.split(" ")
        first = pick(len(_STRAY), draw(purpose))
        strays = (_STRAY[(first + place) % len(_STRAY)] for place in range(len(words)))
        return "\ufeff" + " ".join(word + stray for word, stray in zip(words, strays, strict=True))

    return _each(row, text_columns, "stray_characters", soil)


def html_left_in(row: Row, text_columns: Sequence[str], _draw: Draw, _parameters: Parameters) -> Row:
    """Every text as the HTML of a mail program, tags, entities and all."""

    def marked_up(text: str, _purpose: str) -> str:
        body = html.escape(text).replace("\n", "<br>\n")
        spaced = body.replace(" ", "&nbsp;", 1)
        return f'<div class="MsoNormal"><p style="margin:0"><span lang="EN">{spaced}</span></p></div>'

    return _each(row, text_columns, "html_left_in", marked_up)


def shouting(row: Row, text_columns: Sequence[str], _draw: Draw, _parameters: Parameters) -> Row:
    """Every text in capitals."""
    return _each(row, text_columns, "shouting", lambda text, _purpose: text.rstrip(" .!").upper() + "!!!")


def emoji(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """Emoji after every sentence."""

    def decorate(text: str, purpose: str) -> str:
        chosen = pick(len(_EMOJI), draw(purpose))
        return _END.sub(lambda end: f"{end.group()} {_EMOJI[chosen]}", text) + f" {_EMOJI[chosen]}"

    return _each(row, text_columns, "emoji", decorate)


def mixed_language(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """The main text between a greeting and thanks in another language."""

    def frame(text: str, purpose: str) -> str:
        greeting, thanks = _FRAMES[pick(len(_FRAMES), draw(purpose))]
        return f"{greeting}\n\n{text}\n\n{thanks}"

    return _each(row, list(texts(row, text_columns))[:1], "mixed_language", frame)


def cut_off(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """The main text breaks off somewhere in its middle third."""

    def cut(text: str, purpose: str) -> str:
        return text[: max(1, round(len(text) * (1 + draw(purpose)) / 3))]

    return _each(row, list(texts(row, text_columns))[:1], "cut_off", cut)


def _each(row: Row, columns: Sequence[str], kind: str, change: Callable[[str, str], str]) -> Row:
    """The row with every text of these columns changed; `change` is given the purpose of its draw, too."""
    return {
        **row,
        **{column: change(text, f"{kind}.{column}") for column, text in texts(row, columns).items()},
    }
