"""What a simulated target keeps of prompts: which stable beginnings are warm, and at what price a call has its own.

Not the exact cache of answers, which is a safeguard of ours. A beginning is written by a call that does not find it, is
warm from that call's first token on, and stays so for `ttl_s` after each use. So calls that begin together all write it, and
a call that was given up before its first token leaves nothing. (As Anthropic documents it for its API, August 2025.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from app.providers.prices import Tariff, WithPrefix

_MICRO = 1_000_000


class Settings(Protocol):
    """What the variant asks of the provider (`app.safeguards.prompt_cache`)."""

    @property
    def read_factor(self) -> float | None:
        """Price of a token found warm, as a share of the input price."""

    @property
    def write_factor(self) -> float | None:
        """Price of a token that is written."""

    @property
    def ttl_s(self) -> float:
        """How long a beginning stays warm after each use."""

    @property
    def min_tokens(self) -> int:
        """A shorter beginning is not kept."""

    @property
    def prefix_tokens(self) -> int | None:
        """Size of the beginning of all prompts; None for that of their texts."""


class Call(Protocol):
    """A call that writes: `first_us` is its first token's time, None if it was given up before."""

    first_us: int | None


class Entry:
    """A beginning that is kept: who wrote it, and when it was used last (µs)."""

    __slots__ = ("used_us", "writer")

    def __init__(self, writer: Call, now: int) -> None:
        self.writer = writer
        self.used_us = now


class KeptPrompts:
    """The beginnings that one target keeps for one variant, by prompt.

    `prefix_tokens` are the sizes of the prompts' beginnings by their texts.
    """

    def __init__(self, settings: Settings, prefix_tokens: Sequence[int]) -> None:
        self._entries: dict[int, Entry] = {}
        self.configure(settings, prefix_tokens)

    def configure(self, settings: Settings, prefix_tokens: Sequence[int]) -> None:
        """Take on changed settings; what is warm stays warm."""
        self._settings = settings
        self._ttl_us = round(settings.ttl_s * _MICRO)
        self._prefix_tokens = prefix_tokens

    def forget(self, prompt: int) -> None:
        """Lose the beginning of this prompt."""
        self._entries.pop(prompt, None)

    def tariff(
        self, tariff: Tariff, prompt: int, input_tokens: int, call: Call, now: int
    ) -> Tariff | WithPrefix:
        """What a call costs that is begun at `now` with this prompt, of `input_tokens` in all, where it would be
        `tariff`; its beginning is used thereby, or written."""
        settings = self._settings
        prefix = self._prefix_tokens[prompt] if settings.prefix_tokens is None else settings.prefix_tokens
        prefix = min(prefix, input_tokens)
        if prefix < settings.min_tokens:
            return tariff
        entry = self._entries.get(prompt)
        if entry is not None:
            ready_us = entry.writer.first_us
            if ready_us is not None and ready_us <= now:
                if now - max(ready_us, entry.used_us) < self._ttl_us:
                    entry.used_us = now
                    return _with_prefix(tariff, prefix, True, settings.read_factor)
                entry = None
            elif ready_us is None:
                entry = None
        if entry is None:
            self._entries[prompt] = Entry(call, now)
        return _with_prefix(tariff, prefix, False, settings.write_factor)


_with_prefix = lru_cache(maxsize=1024)(WithPrefix)
