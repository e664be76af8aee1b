"""Scenario files: reading, with errors that name the field; writing, comments kept; the ready-made ones."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from contextlib import suppress
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
_TOO_DEEP = "the tables are nested too deeply"
SAMPLE = "sample:"


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario with its text: `name` (the file's stem), `folder` (which its paths are relative to).

    `by_user` are the dotted paths that the user set, and no file.
    """

    scenario: Scenario
    text: str
    name: str
    folder: Path
    by_user: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        """Where it stands, or would."""
        return self.folder / f"{self.name}.toml"

    def input_path(self, path: str, *, what: str, option: str) -> Path:
        """The file that the setting `what` means by `path`: anywhere if the user set it, else as `within` says."""
        if what in self.by_user and not path.startswith(SAMPLE):
            return Path(path)
        return within(self.folder, path, what=what, option=option)


def ready_made() -> dict[str, Path]:
    """The scenarios that come with Seatrial, by name."""
    folder = Path(str(files("scenarios")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def described(path: Path) -> tuple[str, str]:
    """A ready-made scenario's title, and what it asks, in one sentence; nothing else of it is read."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return str(found["title"]), str(found.get("about", ""))


def lesson(text: str) -> str:
    """What a scenario teaches: its first comment."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).strip()


def open_scenario(name: str, settings: Sequence[str] = ()) -> ScenarioFile:
    """Read a scenario: a ready-made one by name, or a file.

    `settings` are 'dotted.key=value', applied to its text; without a value the key is left out. Raises
    UserError if there is none, or it is wrong.
    """
    ready = ready_made()
    path = ready.get(name) or Path(name)
    if not _is_file(path):
        near = get_close_matches(name, ready, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise UserError(
            f"there is no scenario '{name}'",
            do=f"{hint}Give a file, or one of: {', '.join(ready) or 'none'}.",
        )
    return parse_scenario(_read(path), path, settings)


def parse_scenario(text: str, path: Path, settings: Sequence[str] = ()) -> ScenarioFile:
    """The scenario in `text`, which stands in the file `path`. Raises UserError if it is wrong.

    Whether its changes can be made is the rehearsal's to say.
    """
    tables = _tables(text, path.name)
    given = [_setting(each) for each in settings]
    by_user = frozenset(key for key, _ in given)
    if given:
        text = changed_text(text, given)
        tables = _tables(text, path.name)
    try:
        scenario = Scenario.model_validate(tables)
    except ValidationError as error:
        raise explain(error, Scenario, path.name, tables) from None
    except RecursionError:
        raise UserError(_TOO_DEEP, where=path.name) from None
    return ScenarioFile(scenario, text, path.stem, path.parent, by_user)


def changed_text(
    text: str, settings: Sequence[tuple[str, Any]], changes: Sequence[Change] | None = None
) -> str:
    """The scenario's text with other settings (None: left out), and with `changes` in place of its own.

    Without `changes` it keeps its own. Comments are kept. Raises UserError where a setting has no such place.
    """
    import tomlkit

    document = tomlkit.parse(text)
    for path, value in settings:
        set_path(document, path, _without_nulls(value))
    if changes is not None:
        document.pop("changes", None)
        entries = tomlkit.aot()
        for change in changes:
            entries.append(tomlkit.item(_without_nulls(change.model_dump(exclude_defaults=True))))
        if changes:
            document["changes"] = entries
    return tomlkit.dumps(document)


def within(folder: Path, path: str, *, what: str, option: str = "") -> Path:
    """The file that a scenario's `path` means: a sample, or a file in the scenario's own folder.

    `what` names the path, `option` how to give it on the command line (`--what` if left out). Raises UserError if it
    leads out of the folder: an opened scenario never reads elsewhere.
    """
    if path.startswith(SAMPLE):
        return _sample(path.removeprefix(SAMPLE), what)
    try:
        found = (folder / path).resolve()
    except (OSError, ValueError):
        raise UserError(f"{path!r} cannot be the name of a file", where=what) from None
    if not found.is_relative_to(folder.resolve()):
        raise UserError(
            f"'{path}' lies outside of the scenario's folder",
            where=what,
            do="Move it beside the scenario, or choose it yourself.",
            option=option or f"--{what} PATH",
        )
    return found


def _sample(name: str, what: str) -> Path:
    base = Path(str(files("assets")))
    for found in (base / name, base / "data" / name):
        with suppress(OSError, ValueError):  # no system would have such a name
            if name and found.exists() and found.resolve().is_relative_to(base.resolve()):
                return found
    there = sorted(path.name for path in (base / "data").iterdir() if path.is_file())
    raise UserError(f"there is no sample '{name}'", where=what, do=f"There is: prompts, {', '.join(there)}.")


def _without_nulls(value: Any) -> Any:
    """TOML has no null: a key without a value is left out, which says the same in a scenario's tables."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list | tuple) else value


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserError("the file is too large to be a scenario", where=str(path))
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(
            "the file is no UTF-8 text", where=str(path), do="Scenarios are TOML files."
        ) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None


def _tables(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"no valid TOML: {error}", where=where) from None
    except ValueError:  # Python reads no number of over 4,300 digits
        raise UserError("no valid TOML: a number has thousands of digits", where=where) from None
    except RecursionError:
        raise UserError(_TOO_DEEP, where=where) from None


def _setting(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"'{text}' sets nothing", where="--set", do="Write dotted.key=value.")
    return path.strip(), parse_value(value.strip()) if value.strip() else None
