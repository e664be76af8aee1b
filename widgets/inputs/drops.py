"""What was dropped on the window: which local files, and what each of them is. It reads a file's beginning, no more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from PySide6.QtCore import QMimeData

from app.errors import UserError
from app.inputs.encodings import looks_binary
from app.inputs.prompts import MAX_PROMPT_BYTES, ROLES
from app.scenario.model import Scenario
from app.sessions.transfer_format import MANIFEST

DropKind = Literal["prompts", "data", "scenario", "run"]

_HEAD_BYTES: Final = 65_536
_ENTRIES: Final = 1_000
_PROMPT_ENDINGS: Final = frozenset({".txt", ".md", ".j2", ".toml", ".yaml", ".yml", ".json"})
_KNOWN: Final = (
    "Drop prompts (.txt, .md, .j2), data (.csv, .tsv, .json, .jsonl), a scenario (.toml) or an exported run."
)
_TABLES = re.compile(r"^\s*\[{0,2}\s*[\"']?(" + "|".join([*Scenario.model_fields, "messages"]) + r")\b")


def dropped_files(mime: QMimeData) -> list[Path]:
    """The local files and folders in a drop, in order; none where it holds something else.

    Raises UserError if one of them is on another machine: nothing is fetched.
    """
    paths = []
    for url in mime.urls():
        if not url.isLocalFile() or url.host() not in ("", "localhost"):
            raise UserError(
                "only files on this machine can be dropped",
                where=url.toString()[:200],
                do="Save it on this machine first, then drop the file.",
            )
        paths.append(Path(url.toLocalFile()))
    return paths


def classify(path: Path) -> DropKind:
    """What a file or folder is, by its ending and, where that leaves it open, by its beginning.

    Whether it is any good is for its reader to say. Raises UserError for what is none of the four.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if not path.is_file():
            what = "is no ordinary file" if path.exists() else "is not there any more"
            raise UserError(what, where=str(path), do=_KNOWN)
        ending = path.suffix.lower()
        return _BY_ENDING.get(ending, _other)(path)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


def _folder(path: Path) -> DropKind:
    entries = list(islice(path.iterdir(), _ENTRIES))
    if any(entry.suffix.lower() in _PROMPT_ENDINGS for entry in entries):
        return "prompts"
    raise UserError("is a folder without prompts", where=str(path), do=_KNOWN)


def _head(path: Path, size: int = _HEAD_BYTES) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _toml(path: Path) -> DropKind:
    """A scenario or chat messages: the first key of either tells."""
    for line in _head(path).decode("utf-8", "replace").splitlines():
        if found := _TABLES.match(line.lstrip("\ufeff")):
            return "prompts" if found[1] == "messages" else "scenario"
    return "scenario"


def _json(path: Path) -> DropKind:
    """Chat messages, or else rows. No prompt is over 1 MB; what cannot be read the data's reader explains."""
    data = _head(path, MAX_PROMPT_BYTES + 1)
    if len(data) > MAX_PROMPT_BYTES:
        return "data"
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        held = json.loads(data.decode("utf-16" if wide else "utf-8-sig"))
    except (ValueError, RecursionError):
        return "data"
    return "prompts" if _is_chat(held.get("messages") if isinstance(held, dict) else held) else "data"


def _is_chat(held: Any) -> bool:
    return (
        isinstance(held, list)
        and bool(held)
        and all(
            isinstance(each, dict) and set(each) == {"role", "content"} and each["role"] in ROLES
            for each in held
        )
    )


def _zip(path: Path) -> DropKind:
    """An exported run names its manifest in the zip's directory, which stands at its end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _HEAD_BYTES))
        if MANIFEST.encode() in file.read():
            return "run"
    raise UserError("is a zip file, but no run that Seatrial exported", where=str(path), do=_KNOWN)


def _other(path: Path) -> DropKind:
    """Text of an unknown ending may be rows: the data's reader goes by what is in it."""
    head = _head(path)
    if head.startswith(b"PK\x03\x04") or looks_binary(head):
        raise UserError(
            "is neither text nor an exported run", where=str(path), do=f"Export tables as CSV. {_KNOWN}"
        )
    return "data"


def _always(kind: DropKind) -> Callable[[Path], DropKind]:
    return lambda _path: kind


_BY_ENDING: Final[dict[str, Callable[[Path], DropKind]]] = {
    ".toml": _toml,
    ".json": _json,
    ".zip": _zip,
    **dict.fromkeys((".txt", ".md", ".j2", ".yaml", ".yml"), _always("prompts")),
    **dict.fromkeys((".csv", ".tsv", ".tab", ".jsonl", ".ndjson"), _always("data")),
}
