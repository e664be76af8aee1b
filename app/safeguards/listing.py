"""A variant's list of safeguards in a scenario's text, replaced with as little disturbance as possible.

It is about text and its comments. What the list should hold is `matrix`'s to say; what it means, the scenario model's.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from app.safeguards.registry import AnySafeguard
from app.scenario.files import changed_text

_SAFEGUARD: TypeAdapter[Any] = TypeAdapter(AnySafeguard)


def text_with_safeguards(text: str, variant: str, entries: list[dict[str, Any]]) -> str:
    """The scenario's `text` with `entries` as this variant's safeguards.

    Where they are the ones that stand there with others in between, the others are put in, and every comment is kept.
    A preset that the variant names gives way to the list.
    """
    import tomlkit
    from tomlkit.items import AoT

    document = tomlkit.parse(text)
    table: Any = document.get("variants", {}).get(variant, {})
    old = table.get("safeguards")
    additions = _additions(list(old.unwrap()), entries) if isinstance(old, AoT) else None
    if additions is None:
        path = f"variants.{variant}"
        return changed_text(text, [(f"{path}.preset", None), (f"{path}.safeguards", entries)])
    for place in additions:
        entry = tomlkit.table()
        entry.update(entries[place])
        entry.add(tomlkit.nl())
        old.insert(place, entry)
    return tomlkit.dumps(document)


def _additions(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[int] | None:
    """The places in `new` of what is not in `old`, if the rest is `old` unchanged and in its order; else None."""
    given = [_SAFEGUARD.validate_python(entry) for entry in old]
    additions = []
    for place, entry in enumerate(new):
        if given and _SAFEGUARD.validate_python(entry) == given[0]:
            del given[0]
        else:
            additions.append(place)
    return None if given else additions
