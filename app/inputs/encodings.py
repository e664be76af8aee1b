"""Which encoding a data file is in: byte order mark, then UTF-8, then a guess that leans towards Western
text.

Nothing here reads rows; `TextLines` is how the readers get at the lines.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.errors import UserError
from app.inputs.rowstore import UNDECODABLE

SAMPLE_BYTES = 65_536
MAX_LINE_CHARS = 4_000_000
OVERLONG = "\udcfe"
"""Ends what is left of a line over `MAX_LINE_CHARS`."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
# Code pages that exports are really in; a guess among all that Python knows finds mac_latin2 where a person
# sees French.
_LIKELY = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "mac_roman"),
    *("cp932", "gb18030", "big5", "cp949"),
]
# What Western European text in Windows-1252 is made of beside ASCII.
_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŒ"
    "€£¥§©®™ªº°²³¼½¾×±·•¿¡«»‹›“”„‘’‚–—…´¨\u00a0\u00ad"
)
# A sign within a word, a capital behind a small letter, three accents in a row: another code page.
_NOT_WESTERN = re.compile(
    r"(?<=[^\W\d_])[¹²³¼½¾¿¡¬¦¤¢£¥§¨ª°±¶·¸º»«×÷](?=[^\W\d_])|[a-zß-ÿ][À-Þ]|[À-ÖØ-öø-ÿ]{3}"
)


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


codecs.register_error("seatrial-mark", _mark)


def known_encoding(name: str) -> str:
    """`name` as Python knows it. Raises UserError when it is no text encoding."""
    try:
        codecs.lookup(name)
        "a".encode(name)
    except (LookupError, ValueError):
        raise UserError(
            f"there is no encoding '{name}'",
            where="encoding",
            do="For instance utf-8, utf-16 or windows-1252.",
        ) from None
    found = codecs.lookup(name).name
    return "utf-8-sig" if found == "utf-8" else found


def detect_encoding(path: Path) -> tuple[str, bool]:
    """The encoding's name for Python, and whether it is a guess. Reads the whole file, twice if not UTF-8."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name, False
        wide = _utf16_without_mark(head)
        if wide:
            return wide, True
        file.seek(0)
        if _is_utf8(file):
            return "utf-8-sig", False
        file.seek(0)
        return _legacy(file)


def decode_all(path: Path, encoding: str) -> str:
    """The whole file as text; undecodable bytes are marked."""
    return path.read_bytes().decode(encoding, "seatrial-mark")


def decode_head(path: Path, encoding: str) -> str:
    """The file's first whole lines, up to 64 KiB."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        more = bool(file.read(1))
    text = codecs.getincrementaldecoder(encoding)("seatrial-mark").decode(head, final=not more)
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text if more else text


class TextLines(Iterator[str]):
    """The lines of a file, with their ends as they are; `number` is that of the last one given, from 1."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.number = 0
        self._again: list[str] = []
        self._bytes = path.open("rb")
        self._file = io.TextIOWrapper(self._bytes, encoding=encoding, errors="seatrial-mark", newline="")

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        return line

    def give_again(self, lines: list[str]) -> None:
        """Take the last lines given back; they come again next."""
        self._again.extend(reversed(lines))
        self.number -= len(lines)

    def bytes_done(self) -> int:
        """How much of the file has been read, to within a buffer."""
        return self._bytes.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> str:
        line = self._file.readline(MAX_LINE_CHARS)
        if len(line) < MAX_LINE_CHARS or line.endswith(("\n", "\r")):
            return line
        rest = line
        while rest and not rest.endswith(("\n", "\r")):
            rest = self._file.readline(MAX_LINE_CHARS)
        return line[:1000] + OVERLONG + "\n"


def split_lines(text: str) -> list[str]:
    """The lines of a text that are not empty. Unlike str.splitlines, it splits at ends of lines alone."""
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


def looks_binary(head: bytes) -> bool:
    """Whether a file that begins so is no text: a twelfth of it control characters, or a third NUL."""
    if any(head.startswith(mark) for mark, _ in _MARKS) or _utf16_without_mark(head):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls * 12 > len(head) or head.count(0) * 3 > len(head)


def _utf16_without_mark(head: bytes) -> str | None:
    """Text of mostly ASCII characters has a NUL for every second byte in UTF-16."""
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if half and odd > 0.6 * half and even < 0.05 * half:
        return "utf-16-le"
    if half and even > 0.6 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        while chunk := file.read(1 << 20):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _legacy(file: BinaryIO) -> tuple[str, bool]:
    """UTF-8 with some broken lines, or the likeliest code page of the lines that are not UTF-8."""
    sample = bytearray()
    utf8_lines = other_lines = 0
    while line := file.readline(1 << 20):
        if line.isascii():
            continue
        try:
            line.decode()
            utf8_lines += 1
        except UnicodeDecodeError:
            other_lines += 1
            if len(sample) < SAMPLE_BYTES:
                sample += line[:SAMPLE_BYTES]
    # By accident, text in a code page is hardly ever UTF-8 of more than ASCII.
    if utf8_lines >= other_lines:
        return "utf-8-sig", True
    return _guess(bytes(sample)), True


def _guess(sample: bytes) -> str:
    if _plainly_western(sample):
        return "cp1252"
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=_LIKELY))
    if _NOT_WESTERN.search(sample.decode("cp1252", "replace")):
        matches = [match for match in matches if match.encoding != "cp1252"]
    if not matches:
        return "cp1252"
    # Chaos is what tells code pages apart least where the text is short; what reads as a language goes first.
    least = min(match.chaos for match in matches)
    orderly = [match for match in matches if match.chaos <= least + 0.05]
    return max(orderly, key=lambda match: (match.coherence, match.encoding == "cp1252")).encoding


def _plainly_western(sample: bytes) -> bool:
    """Whether the text reads as Western in Windows-1252: that is taken before its neighbours."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return _WESTERN.issuperset(each for each in text if not each.isascii()) and not _NOT_WESTERN.search(text)
