"""Reads prompts: one user message from a text file, or chat messages from TOML, YAML or JSON. Fills nothing
in.

Templates are kept as text; whether their Jinja is right is found out in the bounded worker, never here.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from app.errors import UserError

MAX_PROMPT_BYTES = 1_000_000
MAX_PROMPTS = 500
ROLES = ("system", "developer", "user", "assistant")

_TEXT = (".txt", ".md", ".j2")
_MAX_DEPTH = 20
# Gives text and nothing but text for every scalar: a content of `yes` or 2024 is what was written. It knows
# neither merge keys nor tags, which in the other loaders can be made to grow without bound or to make
# objects.
_YAML = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class Message:
    """One message of a chat: who speaks, and the template of the text."""

    role: str
    template: str


@dataclass(frozen=True)
class Prompt:
    """A prompt: its name (the file's, without its ending where that is unique), its messages, its file."""

    name: str
    messages: tuple[Message, ...]
    source: Path


def load_prompts(path: Path, *, note: Callable[[str], None] | None = None) -> tuple[Prompt, ...]:
    """The prompts of a file, or of a folder's files by name; subfolders are not entered.

    `note` is told what in a folder was passed over. Raises UserError, with the line where it is known, for a
    file that holds no prompt, is over 1 MB or is not UTF-8 (or UTF-16 with its mark), and for a folder
    without prompts.
    """
    try:
        files = _files(path, note or _silent) if path.is_dir() else [path]
        stems = Counter(file.stem for file in files)
        return tuple(
            Prompt(file.stem if stems[file.stem] == 1 else file.name, _read(file), file) for file in files
        )
    except OSError as error:
        place = error.filename or path
        raise UserError(f"cannot be read: {error.strerror or error}", where=str(place)) from None


def _silent(_text: str) -> None:
    pass


def _files(folder: Path, note: Callable[[str], None]) -> list[Path]:
    files = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.startswith("."):
            note(f"{entry.name} was passed over: it is hidden")
        elif not entry.is_file():
            note(f"{entry.name} was passed over: it is not a file")
        elif _kind(entry) not in (*_TEXT, *_READERS):
            note(f"{entry.name} was passed over: prompts end in {_endings()}")
        else:
            files.append(entry)
    if not files:
        raise UserError("holds no prompts", where=str(folder), do=f"Prompts end in {_endings()}.")
    if len(files) > MAX_PROMPTS:
        raise UserError(
            f"holds {len(files)} prompts; {MAX_PROMPTS} is the most",
            where=str(folder),
            do="Choose a smaller folder.",
        )
    return files


def _kind(file: Path) -> str:
    return file.suffix.lower()


def _endings() -> str:
    return ", ".join((*_TEXT, *_READERS))


def _read(file: Path) -> tuple[Message, ...]:
    kind = _kind(file)
    if file.exists() and not file.is_file():
        raise UserError("is no ordinary file", where=str(file))
    with file.open("rb") as opened:
        data = opened.read(MAX_PROMPT_BYTES + 1)
    if kind not in (*_TEXT, *_READERS):
        raise UserError("is no prompt by its ending", where=file.name, do=f"Prompts end in {_endings()}.")
    if len(data) > MAX_PROMPT_BYTES:
        raise UserError("is over 1 MB", where=file.name, do="Shorten the prompt.")
    text = _decode(data, file)
    if not text.strip():
        raise UserError("is empty", where=file.name, do="Write the prompt into it.")
    if kind in _TEXT:
        return (Message("user", text),)
    try:
        held = _READERS[kind](text)
    except RecursionError:
        raise UserError("is nested too deeply", where=file.name) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        raise _wrong(file, "YAML", what, None if mark is None else mark.line + 1) from None
    except json.JSONDecodeError as error:
        raise _wrong(file, "JSON", f"{error.msg} (column {error.colno})", error.lineno) from None
    except ValueError as error:  # TOML, and numbers or dates that there are not
        raise _wrong(file, kind[1:].upper(), str(error), None) from None
    return _messages(held, file)


def _decode(data: bytes, file: Path) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            "is not UTF-8 text", where=f"{file.name}, line {line}", do="Save it as UTF-8 in your editor."
        ) from None


def _wrong(file: Path, language: str, what: str, line: int | None) -> UserError:
    return UserError(f"is not valid {language}: {what}", where=file.name + (f", line {line}" if line else ""))


def _yaml(text: str) -> Any:
    depth = 0
    try:
        for event in yaml.parse(text, _YAML):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                raise RecursionError
    except yaml.MarkedYAMLError as error:
        # libyaml looks up to 1,024 characters ahead, and may meet a limit of its own before we meet ours.
        if error.problem and "nesting depth" in error.problem:
            raise RecursionError from None
        raise
    return yaml.load(text, _YAML)  # noqa: S506 - the base loader makes text, lists and dicts alone


_READERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": json.loads,
}


def _messages(held: Any, file: Path) -> tuple[Message, ...]:
    listed = held
    if isinstance(held, dict):
        _only_keys(held, ("messages",), file.name)
        listed = held.get("messages")
    if not isinstance(listed, list) or not listed:
        raise UserError(
            "holds no messages",
            where=file.name,
            do="Give a list named 'messages', each with a role and a content.",
        )
    return tuple(_message(each, f"{file.name}, message {number}") for number, each in enumerate(listed, 1))


def _message(held: Any, where: str) -> Message:
    if not isinstance(held, dict):
        raise UserError("is not a role with a content", where=where)
    _only_keys(held, ("role", "content"), where)
    role, content = held.get("role"), held.get("content")
    if role not in ROLES:
        what = "has no role" if role is None else f"has the role {role!r}"
        raise UserError(what, where=where, do=f"A role is one of {', '.join(ROLES)}.")
    if not isinstance(content, str):
        raise UserError(
            "has no content" if content is None else "has a content that is not text", where=where
        )
    return Message(role, content)


def _only_keys(held: dict[Any, Any], known: tuple[str, ...], where: str) -> None:
    for key in held:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            do = f"Did you mean '{near[0]}'?" if near else f"There is only {' and '.join(known)}."
            raise UserError(f"has an unknown key '{key}'", where=where, do=do)
