"""UTF-8 read as Windows-1252, which is what most wrongly decoded text is.

ASCII survives that misreading, and so would most sample data, which was typed into a spreadsheet. So the text
first gets the typography that a phone or a mail program puts in: curly quotes, dashes, accents, spaces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.inputs.mess.row import Draw, Parameters, Row, texts

_ACCENTED = {
    "cafe": "café",
    "cliche": "cliché",
    "facade": "façade",
    "fiance": "fiancé",
    "naive": "naïve",
    "resume": "résumé",
    "souffle": "soufflé",
    "voila": "voilà",
}
_WORD = re.compile(r"\b(?:" + "|".join(_ACCENTED) + r")\b", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"\n]*)"')

# Windows-1252 as browsers read it: its five undefined bytes become control characters (WHATWG, "Encoding").
_READ_AS = [bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in range(256)]


def mojibake(row: Row, text_columns: Sequence[str], _draw: Draw, _parameters: Parameters) -> Row:
    """Every text column misread; each visibly."""
    return {**row, **{column: misread(typeset(text)) for column, text in texts(row, text_columns).items()}}


def typeset(text: str) -> str:
    """The text as a real sender's program would have set it; always with something beyond ASCII in it."""
    text = _QUOTED.sub("“\\1”", text).replace("'", "’").replace("...", "…").replace(" - ", " – ")
    text = _WORD.sub(_with_accents, text)
    if text.isascii():
        text = text.replace(" ", "\u00a0", 1)
    return "\ufeff" + text if text.isascii() else text


def misread(text: str) -> str:
    """The text's UTF-8 bytes, read one by one as Windows-1252."""
    return "".join(_READ_AS[byte] for byte in text.encode("utf-8", errors="surrogatepass"))


def _with_accents(found: re.Match[str]) -> str:
    word = found.group()
    accented = _ACCENTED[word.lower()]
    return accented.upper() if word.isupper() else accented.capitalize() if word[0].isupper() else accented
