"""Scenario files: reading, with errors that name the field; writing, with the comments kept; the ready-made ones."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import UserError
from app.scenario.edit import parse_value, set_path
from app.scenario.explain import explain
from app.scenario.model import Change, Scenario

_MAX_BYTES = 5_000_000
SAMPLE = "sample:"


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario with its text: `name` (the file's stem), `folder` (which its paths are relative to)."""

    scenario: Scenario
    text: str
    name: str
    folder: Path


def ready_made() -> dict[str, Path]:
    """The scenarios that come with Seatrial, by name."""
    folder = Path(str(files("scenarios")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def lesson(text: str) -> str:
    """What a scenario teaches: its first comment."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).strip()


def open_scenario(name: str, settings: Sequence[str] = ()) -> ScenarioFile:
    """Read a scenario: a ready-made one by name, or a file. `settings` are 'dotted.key=value', applied to its text.

    Raises UserError if there is none, or it is wrong.
    """
    ready = ready_made()
    path = ready.get(name) or Path(name)
    if not path.is_file():
        near = get_close_matches(name, ready, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise UserError(
            f"there is no scenario '{name}'", do=f"{hint}Give a file, or one of: {', '.join(ready) or 'none'}."
        )
    return parse_scenario(_read(path), path, settings)


def parse_scenario(text: str, path: Path, settings: Sequence[str] = ()) -> ScenarioFile:
    """The scenario in `text`, which stands in the file `path`."""
    tables = _tables(text, path.name)
    if settings:
        text = changed_text(text, [_setting(each) for each in settings])
        tables = _tables(text, path.name)
    try:
        scenario = Scenario.model_validate(tables)
    except ValidationError as error:
        raise explain(error, Scenario, path.name) from None
    except RecursionError:
        raise UserError("the tables are nested too deeply", where=path.name) from None
    return ScenarioFile(scenario, text, path.stem, path.parent)


def changed_text(text: str, settings: Sequence[tuple[str, Any]], changes: Sequence[Change] | None = None) -> str:
    """The scenario's text with other settings, and with `changes` in place of its own if given. Comments are kept."""
    import tomlkit

    document = tomlkit.parse(text)
    for path, value in settings:
        set_path(document, path, value)
    if changes is not None:
        document.pop("changes", None)
        entries = tomlkit.aot()
        for change in changes:
            entries.append(tomlkit.item(change.model_dump(exclude_defaults=True)))
        if changes:
            document["changes"] = entries
    return tomlkit.dumps(document)


def within(folder: Path, path: str, *, what: str) -> Path:
    """The file that a scenario's `path` means: a sample, or a file in the scenario's own folder.

    Raises UserError if it leads out of the folder: an opened scenario never reads elsewhere.
    """
    if path.startswith(SAMPLE):
        name = path.removeprefix(SAMPLE)
        base = Path(str(files("assets")))
        found = base / name if (base / name).exists() else base / "data" / name
        if not found.resolve().is_relative_to(base.resolve()) or not found.exists():
            raise UserError(f"there is no sample '{name}'", where=what)
        return found
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise UserError(
            f"'{path}' lies outside of the scenario's folder",
            where=what,
            do=f"Move it beside the scenario, or name it on the command line (--{what}).",
        )
    return found


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserError("the file is too large to be a scenario", where=str(path))
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("the file is no UTF-8 text", where=str(path), do="Scenarios are TOML files.") from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None


def _tables(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"no valid TOML: {error}", where=where) from None
    except RecursionError:
        raise UserError("the tables are nested too deeply", where=where) from None


def _setting(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"'{text}' sets nothing", where="--set", do="Write dotted.key=value.")
    return path.strip(), parse_value(value.strip())
