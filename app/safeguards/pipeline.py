"""A pipeline: a variant's layers in order, compiled into the lists of hooks that the lifecycle walks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from math import prod
from types import MethodType
from typing import Any

from app.safeguards.attempt_timeout import AttemptTimeoutLayer
from app.safeguards.base import Inward, Layer, Outward, Safeguard, World
from app.safeguards.commands import FOREVER_US, Bounds, Result
from app.safeguards.request import Request

EnterHook = Callable[[Request, int], Inward]
LeaveHook = Callable[[Request, Result, int], Outward]


class Pipeline:
    """Layers, outermost first. `enters[s]` are the hooks on the way in from slot s; `answered[s]` and `failed[s]` those on
    the way out of the layers further out than slot s, innermost first."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        # What acts as the last resort belongs outside of everything else; the first listed acts first.
        closing = [layer for layer in layers if layer.last_resort]
        self.layers = (*reversed(closing), *(layer for layer in layers if not layer.last_resort))
        for slot, layer in enumerate(self.layers):
            layer.slot = slot
        for layer in self.layers:
            layer.meet(self.layers)
        self.depth = len(self.layers)
        self.first = 0
        """Where a request comes in."""
        self.branches = prod(layer.calls for layer in self.layers if layer.races)
        """How many branches a request may have in the end, by all layers that race: hedges are numbered by their place
        among these."""
        self.blank: list[Any] = [0] * self.depth
        """The memo of a request that comes in."""
        timeouts = [layer for layer in self.layers if isinstance(layer, AttemptTimeoutLayer)]
        self.attempt_us = min([FOREVER_US, *(layer.attempt_us for layer in timeouts)])
        """Longest time of an attempt, from its start."""
        self.first_token_us = min([FOREVER_US, *(layer.first_token_us for layer in timeouts)])
        """Longest wait for a first token, from the attempt's start."""
        self.bounds = Bounds(
            min([FOREVER_US, *(layer.connect_us for layer in timeouts)]),
            min([FOREVER_US, *(layer.between_us for layer in timeouts)]),
        )
        slots = range(self.depth + 1)
        enters = [layer.enter for layer in self.layers if _defines(layer, "enter")]
        answered = [layer.answered for layer in reversed(self.layers) if _defines(layer, "answered")]
        failed = [layer.failed for layer in reversed(self.layers) if _defines(layer, "failed")]
        self.enters: list[tuple[EnterHook, ...]] = [
            tuple(hook for hook in enters if place_of(hook) >= s) for s in slots
        ]
        self.answered: list[tuple[LeaveHook, ...]] = [
            tuple(hook for hook in answered if place_of(hook) < s) for s in slots
        ]
        self.failed: list[tuple[LeaveHook, ...]] = [
            tuple(hook for hook in failed if place_of(hook) < s) for s in slots
        ]
        self._inner: dict[int, Pipeline] = {}
        for layer in self.layers:
            if layer.races:
                self._inner[layer.slot] = self._from(layer.slot + 1)

    def inside(self, slot: int) -> Pipeline:
        """The layers further in than the one at `slot`, which races, as a branch walks them; slots are the same."""
        return self._inner[slot]

    def _from(self, first: int) -> Pipeline:
        inner = copy(self)
        inner.first = first
        inner.branches = prod(layer.calls for layer in self.layers[first:] if layer.races)
        inner.answered = [tuple(hook for hook in hooks if place_of(hook) >= first) for hooks in self.answered]
        inner.failed = [tuple(hook for hook in hooks if place_of(hook) >= first) for hooks in self.failed]
        return inner


def place_of(hook: EnterHook | LeaveHook) -> int:
    """The place in the pipeline of the layer whose hook this is. Asked only of one that has something to say, so that no
    place need be carried along with those that do not."""
    assert isinstance(hook, MethodType)
    layer = hook.__self__
    assert isinstance(layer, Layer)
    return layer.slot


def _defines(layer: Layer, hook: str) -> bool:
    return getattr(type(layer), hook) is not getattr(Layer, hook)


class Workshop:
    """Builds a variant's pipelines, and hands the state of a layer on to the one that takes its place after a change.

    Requests in flight keep the pipeline they began with. A safeguard that is switched off leaves its state here, and
    finds it again when it is switched on.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Layer] = {}

    def build(self, safeguards: Sequence[Safeguard], world: World) -> Pipeline:
        """The pipeline for these settings."""
        layers = []
        for settings in safeguards:
            if not settings.on:
                continue
            layer = settings.layer(world)
            earlier = self._last.get((layer.kind, layer.id))
            if earlier is not None:
                layer.adopt(earlier)
            self._last[layer.kind, layer.id] = layer
            layers.append(layer)
        return Pipeline(layers)
