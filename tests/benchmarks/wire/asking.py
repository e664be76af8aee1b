"""`python -m tests.benchmarks.wire.asking CALLS USERS URL ...`: the same client at each address in turn, call by call.

It speaks HTTP on sockets of its own, so that little of what is measured is its own time. A plan is an address and `plain` or
`stream`, joined by `#`; each has a connection for each user. Prints for each plan the time of every call (s) until its first
byte and until its end, how many were answered 200, and how long the plan took. One user alternates between the plans, which
are then equally hit by whatever else the machine does; several users do one plan after the other.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

WORDS = "Where is my order 4711? It was to come on Friday. " * 8


@dataclass
class Plan:
    """What is asked where, and how long it took."""

    url: str
    kind: str
    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    good: int = 0
    wall_s: float = 0.0


class Asker:
    """A user with a connection of their own to where a plan goes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        parts = urlsplit(plan.url)
        self._there = parts.hostname, parts.port
        asked = {"model": "a-model", "messages": [{"role": "user", "content": WORDS}], "max_tokens": 50}
        if plan.kind == "stream":
            asked["stream"] = True
        body = json.dumps(asked).encode()
        head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer none\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._asked = head.encode() + body
        self._ways: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        """One call, read to its end."""
        if self._ways is None:
            self._ways = await asyncio.open_connection(*self._there)
        reader, writer = self._ways
        began_s = perf_counter()
        writer.write(self._asked)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        first_s = perf_counter()
        _, told, after = head.partition(b"content-length:")
        if told:
            await reader.readexactly(int(after.split(b"\r\n", 1)[0]))
        else:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        self._plan.first_s.append(first_s - began_s)
        self._plan.whole_s.append(perf_counter() - began_s)
        self._plan.good += head.split(b" ", 2)[1] == b"200"
        if b"connection: close" in head:
            writer.close()
            self._ways = None

    async def leave(self) -> None:
        """Hang up."""
        if self._ways is not None:
            self._ways[1].close()
            await self._ways[1].wait_closed()


async def ask(plans: list[Plan], calls: int, users: int) -> None:
    """So many calls of each plan."""
    if users == 1:
        alone = [Asker(plan) for plan in plans]
        for _ in range(calls):
            for asker in alone:
                await asker.ask()
        for asker in alone:
            await asker.leave()
        return
    for plan in plans:
        askers = [Asker(plan) for _ in range(users)]
        left = iter(range(calls))

        async def use(asker: Asker, left: Iterator[int] = left) -> None:
            for _ in left:
                await asker.ask()

        began_s = perf_counter()
        await asyncio.gather(*(use(asker) for asker in askers))
        plan.wall_s = perf_counter() - began_s
        for asker in askers:
            await asker.leave()


if __name__ == "__main__":
    asked = [Plan(url, kind) for url, _, kind in (each.rpartition("#") for each in sys.argv[3:])]
    asyncio.run(ask(asked, int(sys.argv[1]), int(sys.argv[2])))
    print(json.dumps([asdict(plan) for plan in asked]), flush=True)
