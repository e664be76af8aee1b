"""The settings of a safeguard as fields of a form, made from its pydantic model: title, unit, bounds, choices.

A new kind of safeguard has its form by itself. What a field shows, and what is set from it, is not done here.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from app.safeguards.base import KINDS, Safeguard

Control = Literal["number", "switch", "choice", "text", "names", "table"]

_UNITS: Final = {
    "_per_s": "per s",
    "_per_min": "per min",
    "_usd": "$",
    "_tokens": "tokens",
    "_ms": "ms",
    "_s": "s",
}
"""By the end of a setting's name; the first that fits counts."""
_ABBREVIATIONS: Final = {"rpm": "RPM", "tpm": "TPM", "ttl": "TTL", "usd": "USD"}


@dataclass(frozen=True)
class SettingField:
    """One setting: `key` in the scenario, `title` and `unit` in words, `about` as its docstring tells it.

    A number lies from `least` to `most` (None: no bound) and may be `whole`; an `optional` one may be left out, which
    is not the same as 0. `choices` are the values of a choice, each with its words. A "table" is edited in the file.
    """

    key: str
    title: str
    unit: str
    about: str
    control: Control
    choices: tuple[tuple[str, str], ...] = ()
    least: float | None = None
    most: float | None = None
    whole: bool = False
    optional: bool = False


def fields_of(kind: str) -> tuple[SettingField, ...]:
    """The settings of a kind of safeguard in their order, but for its kind, id and switch. Raises KeyError."""
    cls = KINDS[kind]
    abouts = _abouts(cls)
    return tuple(
        _field(key, info, abouts.get(key, ""))
        for key, info in cls.model_fields.items()
        if key not in ("kind", "id", "on")
    )


def _abouts(cls: type[Safeguard]) -> dict[str, str]:
    """By attribute: the docstring below it, in one line. Read from the source when a form is made: pydantic would read that
    of all settings at every start, for a tenth of its time. Without the source there is none."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if issubclass(each, Safeguard):
            found |= _abouts_in(each.__module__).get(each.__name__, {})
    return found


@cache
def _abouts_in(module: str) -> dict[str, dict[str, str]]:
    """By class of a module, and attribute."""
    found: dict[str, dict[str, str]] = {}
    with suppress(OSError):
        for made in ast.parse(inspect.getsource(sys.modules[module])).body:
            if not isinstance(made, ast.ClassDef):
                continue
            abouts = found[made.name] = {}
            for attribute, below in pairwise(made.body):
                match attribute, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                        value=ast.Constant(value=str(said))
                    ):
                        abouts[name] = " ".join(said.split())
    return found


def _field(key: str, info: FieldInfo, about: str) -> SettingField:
    metadata = list(info.metadata)
    types = [each for each in _alternatives(info.annotation, metadata) if each is not NoneType]
    optional = info.default is None
    only = types[0] if len(types) == 1 else None
    title, unit = _words(key)
    if only is bool:
        return SettingField(key, title, "", about, "switch")
    if only is int or only is float:
        least, most = _bounds(metadata)
        return SettingField(
            key, title, unit, about, "number", (), least, most, whole=only is int, optional=optional
        )
    if get_origin(only) is Literal:
        choices = tuple((str(value).replace("_", " "), str(value)) for value in get_args(only))
        return SettingField(key, title, "", about, "choice", choices, optional=optional)
    if only is str:
        return SettingField(key, title, "", about, "text", optional=optional)
    if get_origin(only) in (list, tuple) and get_args(only)[0] is str:
        return SettingField(key, title, "", about, "names", optional=optional)
    return SettingField(key, title, "", about, "table", optional=optional)


def _alternatives(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    """The types of a union, or the one there is; what is said of them goes into `metadata`."""
    if get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each, metadata)
    elif get_origin(annotation) is Annotated:
        bare, *said = get_args(annotation)
        for each in said:
            metadata += each.metadata if isinstance(each, FieldInfo) else [each]
        yield from _alternatives(bare, metadata)
    else:
        yield annotation


def _words(key: str) -> tuple[str, str]:
    """A setting's name in words without its unit, and the unit."""
    name, unit = key, ""
    for end, words in _UNITS.items():
        if key.endswith(end):
            name, unit = key.removesuffix(end), words
            break
    parts = [_ABBREVIATIONS.get(part, part) for part in name.split("_")]
    title = " ".join(parts)
    return title[:1].upper() + title[1:], unit


def _bounds(metadata: list[Any]) -> tuple[float | None, float | None]:
    """The least and the most that a number may be. An open bound counts as its end: the model refuses that itself."""
    least: float | None = None
    most: float | None = None
    for each in metadata:
        if isinstance(each, Ge | Gt):
            least = float(str(each.ge if isinstance(each, Ge) else each.gt))
        elif isinstance(each, Le | Lt):
            most = float(str(each.le if isinstance(each, Le) else each.lt))
    return least, most
