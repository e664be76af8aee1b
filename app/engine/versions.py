"""Makes the versions of questions that safeguards of the input ask: repaired, and trimmed. Once for each question.

What a treatment does to the odds of a right answer follows from the texts. A mess is undone if the question now reads as it
would without it. One that is far too long is so no more if text was left out and the customer's own is still whole; then, as
for all that is trimmed, the target's `quality_when_trimmed` counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from app.faults.base import MessFault
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs
from app.inputs.repair import alike, folded, repair
from app.inputs.tokens import estimate_tokens
from app.inputs.treatment import Repair, Treatment, Trim
from app.inputs.trimming import trimmed

TRIMMED = "trimmed"
"""Stands among the kinds of mess for what trimming does."""
_TOO_LONG = "far_too_long"
_ROUNDS = 4
"""So often a prompt is cut anew, where its template makes more of a field than its text."""

Key = tuple[int, int, int]
"""Prompt, row, bit set of mess faults."""
Values = dict[str, object]


class Rows(Protocol):
    """Where the rows come from, mess and all."""

    def messy_row(self, key: Key) -> dict[str, object]:
        """The row as it comes."""
        ...

    def mess_faults(self, mess: int) -> list[tuple[int, MessFault]]:
        """The faults in a bit set, with their numbers."""
        ...


@dataclass(frozen=True)
class Version:
    """A question after a treatment, or before any.

    values       the prompt's fields
    kinds        the kinds of mess that are left in them
    without      by kind: the fields as they would be without it
    tokens       the prompt's estimated size
    error        why the prompt cannot be made; empty if it can
    problem      why it cannot be asked about, as a check has it; empty if it can
    steps        the steps of treatment it has had
    """

    key: Key
    values: Values
    kinds: tuple[str, ...]
    without: Mapping[str, Values]
    tokens: int
    error: str
    problem: str = ""
    steps: int = 0
    messages: list[list[str]] = field(default_factory=list)


class VersionMaker:
    """Treats questions, many at a time. `any_size` tells that prompts have other sizes than their texts, so that each of
    them may have to be trimmed."""

    def __init__(self, inputs: Inputs, worker: BoundedWorker, rows: Rows, *, any_size: bool) -> None:
        self._inputs = inputs
        self._worker = worker
        self._rows = rows
        self._any_size = any_size
        self._names = prompt_variables(inputs, worker)

    def untreated(self, key: Key, tokens: int, error: str) -> Version:
        """A question as it comes."""
        bits: dict[str, int] = {}
        for number, fault in self._rows.mess_faults(key[2]):
            bits[fault.kind] = bits.get(fault.kind, 0) | 1 << number
        without = {kind: self._values((key[0], key[1], key[2] & ~its)) for kind, its in bits.items()}
        return Version(key, self._values(key), tuple(bits), without, tokens, error)

    def treat(self, versions: Sequence[Version], by: Treatment) -> list[Version]:
        """The versions after the last step of a treatment, whose other steps they have had; in their order."""
        step = by.steps[-1]
        if isinstance(step, Repair):
            return self._repaired(versions, step, len(by.steps))
        return self._trimmed(versions, step, len(by.steps))

    # -- repair ----------------------------------------------------------------------------------------------------

    def _repaired(self, versions: Sequence[Version], step: Repair, steps: int) -> list[Version]:
        made = [self._repair(version, step, steps) for version in versions]
        changed = [
            each
            for each, before in zip(made, versions, strict=True)
            if each is not before and not each.problem
        ]
        rendered = iter(self._rendered(changed))
        return [
            each if each is before or each.problem else next(rendered)
            for each, before in zip(made, versions, strict=True)
        ]

    def _repair(self, version: Version, step: Repair, steps: int) -> Version:
        names = self._names[version.key[0]]
        own = dict(step.own)
        done = repair(version.values, names, step.every, own)
        if done.problem:
            return replace(version, problem=done.problem, steps=steps)
        if done.values == version.values:
            return version
        without = {
            kind: repair(values, names, step.every, own).values for kind, values in version.without.items()
        }
        left = [
            kind
            for kind in version.kinds
            if kind not in without
            or not all(alike(done.values.get(name), without[kind].get(name)) for name in names)
        ]
        if done.shortened:
            left = _as_trimmed(left, done.values, without, names)
        return replace(version, values=done.values, kinds=tuple(left), without=without, steps=steps)

    # -- trimming --------------------------------------------------------------------------------------------------

    def _trimmed(self, versions: Sequence[Version], step: Trim, steps: int) -> list[Version]:
        made = list(versions)
        todo = [place for place, version in enumerate(made) if _too_large(version, step)]
        for _ in range(_ROUNDS):
            cut = {place: each for place in todo if (each := self._cut(made[place], step)) is not None}
            if not cut:
                break
            for place, version in zip(cut, self._rendered(list(cut.values())), strict=True):
                made[place] = version
            todo = [place for place in cut if _too_large(made[place], step)]
        for place, (version, before) in enumerate(zip(made, versions, strict=True)):
            names = self._names[version.key[0]]
            if version is not before:
                kinds = _as_trimmed(version.kinds, version.values, version.without, names)
                made[place] = replace(version, kinds=tuple(kinds), without={}, steps=steps)
            elif self._any_size and not version.problem and not version.error:
                made[place] = replace(version, kinds=(*version.kinds, TRIMMED), steps=steps)
        return made

    def _cut(self, version: Version, step: Trim) -> Version | None:
        """With less of its longest field, which hopefully fits; None where there is nothing to cut."""
        sizes = {
            name: estimate_tokens(value)
            for name in self._names[version.key[0]]
            if isinstance(value := version.values.get(name), str) and value
        }
        if not sizes:
            return None
        name = max(sizes, key=lambda each: sizes[each])
        most = max(0, sizes[name] - (version.tokens - step.max_input_tokens))
        text = trimmed(str(version.values[name]), most, step.strategy)
        return replace(version, values={**version.values, name: text})

    # -- prompts ---------------------------------------------------------------------------------------------------

    def _rendered(self, versions: Sequence[Version]) -> list[Version]:
        """The versions with the sizes of their prompts, and with their messages."""
        jobs: list[dict[str, Any]] = [
            {"do": "render", "prompt": self._inputs.prompts[each.key[0]].name, "values": each.values}
            for each in versions
        ]
        return [
            replace(
                version,
                tokens=max(1, sum(estimate_tokens(text) for _, text in answer.get("messages", ()))),
                error=answer.get("error", ""),
                messages=answer.get("messages", []),
            )
            for version, answer in zip(versions, self._worker.run(jobs), strict=True)
        ]

    def _values(self, key: Key) -> Values:
        row = self._rows.messy_row(key)
        pairs = self._inputs.columns.pairs
        return {
            name: row[pairs[name]] for name in self._names[key[0]] if name in pairs and pairs[name] in row
        }


def prompt_variables(inputs: Inputs, worker: BoundedWorker) -> list[list[str]]:
    """For each prompt: the variables that its templates use."""
    jobs = [
        {"do": "variables", "templates": [each.template for each in prompt.messages]}
        for prompt in inputs.prompts
    ]
    return [list(answer.get("variables", ())) for answer in worker.run(jobs)]


def _too_large(version: Version, step: Trim) -> bool:
    return not version.problem and not version.error and version.tokens > step.max_input_tokens


def _as_trimmed(
    kinds: Sequence[str], values: Values, without: Mapping[str, Values], names: Sequence[str]
) -> list[str]:
    """The kinds of mess in a question of which text was left out."""
    left = [kind for kind in kinds if kind != TRIMMED]
    own = without.get(_TOO_LONG)
    if own is not None and all(_holds(values.get(name), own.get(name)) for name in names):
        left = [kind for kind in left if kind != _TOO_LONG]
    return [*left, TRIMMED]


def _holds(whole: object, part: object) -> bool:
    if isinstance(whole, str) and isinstance(part, str):
        return folded(part) in folded(whole)
    return whole == part
