"""What a calibration asks: the scenario's own prompts filled with its own rows, spread over the sizes that these come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.draws import Draws
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs, render_job
from app.inputs.tokens import estimate_tokens

_LOOKED_AT = 300
"""So many of the possible questions are rendered to see how large they are; ten times the calls if that is more."""
_TOKENS_AROUND = 16
"""What a provider may add to each message, and to all of them, at the most. Assumed."""


@dataclass(frozen=True)
class Asked:
    """A question: a prompt with a row (numbered as in its file), as pairs of role and text.

    `tokens` is the estimate of its size; `most_tokens` bounds it whatever the tokenizer: a token has a byte at least.
    """

    prompt: str
    row: int
    messages: tuple[tuple[str, str], ...]
    tokens: int
    most_tokens: int


def choose(inputs: Inputs, worker: BoundedWorker, draws: Draws, calls: int) -> list[Asked]:
    """So many questions, by keyed choice, in keyed order: from the smallest to the largest, each size as often as it comes.

    Where there are fewer than that, some are asked again. The worker must know the prompts. Raises UserError if none can be
    rendered.
    """
    total = len(inputs.prompts) * inputs.row_count
    looked_at = max(_LOOKED_AT, 10 * calls)
    pairs = np.arange(total)
    if total > looked_at:
        pairs = np.unique((draws.block("calibration.question", None, 0, looked_at) * total).astype(np.int64))
    found = _rendered(inputs, worker, pairs.tolist())
    if not found:
        raise UserError("no prompt can be made of the data", where="calibration", do="Mend prompts or data.")
    found.sort(key=lambda each: each.tokens)
    spread = [found[int((place + 0.5) / calls * len(found))] for place in range(calls)]
    order = np.argsort(draws.block("calibration.order", None, 0, calls), kind="stable")
    return [spread[place] for place in order]


def _rendered(inputs: Inputs, worker: BoundedWorker, pairs: list[int]) -> list[Asked]:
    places = [divmod(pair, inputs.row_count) for pair in pairs]
    jobs = [render_job(inputs.prompts[prompt], inputs.row(row), inputs.columns) for prompt, row in places]
    found = []
    for (prompt, row), answer in zip(places, worker.run(jobs), strict=True):
        if "error" in answer:
            continue
        messages = tuple((str(role), str(text)) for role, text in answer["messages"])
        size = sum(len(text.encode("utf-8", "surrogatepass")) for _, text in messages)
        found.append(
            Asked(
                prompt=inputs.prompts[prompt].name,
                row=inputs.row_number(row),
                messages=messages,
                tokens=max(1, sum(estimate_tokens(text) for _, text in messages)),
                most_tokens=size + _TOKENS_AROUND * (len(messages) + 1),
            )
        )
    return found
