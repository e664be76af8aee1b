"""How long calls to a target take, as a few thousand equally likely ones, and which of them a client's timeouts cut off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.providers.profile import Target, Tokens

Floats = NDArray[np.float64]

_QUANTILES = 60
"""For each of two draws; where one draw decides, their square."""


@dataclass(frozen=True)
class Service:
    """Calls that are equally likely, at an idle target: arrays of shape (n,), in seconds.

    `first_s` is when the first token comes, `whole_s` when the last has; `served_on` says whether the target works on a
    call to its end when its caller has left (`on_cancel = "finish"`), `kept` whether it begins one, too.
    """

    first_s: Floats
    whole_s: Floats
    served_on: bool
    kept: bool

    @property
    def mean_s(self) -> float:
        """Mean service time."""
        return float(self.whole_s.mean())

    def stretched(self, factor: float) -> Service:
        """The same, `factor` times as slow."""
        return replace(self, first_s=self.first_s * factor, whole_s=self.whole_s * factor)

    def cut_off(self, waited_s: float, first_token_s: float, attempt_s: float) -> tuple[float, float]:
        """Of calls that waited so long for a slot: the share that then times out, and the mean work put into one (s)."""
        first_left, whole_left = max(0.0, first_token_s - waited_s), max(0.0, attempt_s - waited_s)
        late = self.first_s > first_left
        failing = late | (self.whole_s > whole_left)
        share = float(failing.mean())
        if self.served_on:
            return share, self.mean_s
        worked_s = np.where(late, min(first_left, whole_left), np.minimum(self.whole_s, whole_left))
        return share, float(worked_s.mean())


def service_of(target: Target, tokens: Tokens) -> Service:
    """The times that the simulated provider draws (`engine.attempt_plans`), at the middles of equally likely steps."""
    served_on = target.on_cancel == "finish"
    kept = served_on and not target.drop_expired
    if target.service == "tokens":
        normal = _normal(_QUANTILES)
        first_s = target.first_token_s * np.exp(target.first_token_sigma * normal)
        output = np.clip(np.rint(_output(tokens, normal)), 1, tokens.max_tokens)
        firsts, outputs = np.meshgrid(first_s, output)
        whole_s = firsts + (outputs - 1) / target.tokens_per_s
        return Service(firsts.ravel(), whole_s.ravel(), served_on, kept)
    whole_s = _whole_s(target)
    return Service(whole_s, whole_s, served_on, kept)


def mean_output_tokens(tokens: Tokens) -> float:
    """Mean tokens of an answer, within `max_tokens`."""
    output = np.clip(np.rint(_output(tokens, _normal(_QUANTILES**2))), 1, tokens.max_tokens)
    return float(output.mean())


def mean_input_tokens(tokens: Tokens) -> float | None:
    """Mean tokens of a prompt; None where they are those of the rendered prompts, which only a run knows.

    The mean of a lognormal is its median times exp(sigma^2 / 2).
    """
    if tokens.input_tokens is None:
        return None
    return tokens.input_tokens * float(np.exp(tokens.input_sigma**2 / 2))


def _whole_s(target: Target) -> Floats:
    if target.service == "constant":
        return np.array([target.service_s])
    if target.service == "lognormal":
        return target.service_s * np.exp(target.service_sigma * _normal(_QUANTILES**2))
    if target.service == "exponential":
        return -np.log1p(-_middles(_QUANTILES**2)) * target.service_s
    return np.asarray(target.trace_s, dtype=np.float64)


def _output(tokens: Tokens, normal: Floats) -> Floats:
    return tokens.output_tokens * np.exp(tokens.output_sigma * normal)


def _middles(steps: int) -> Floats:
    return (np.arange(steps) + 0.5) / steps


def _normal(steps: int) -> Floats:
    inverse = NormalDist().inv_cdf
    return np.array([inverse(share) for share in _middles(steps).tolist()])
