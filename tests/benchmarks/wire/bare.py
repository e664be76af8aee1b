"""`python -m tests.benchmarks.wire.bare URL BODY CALLS`: aiohttp and nothing else, reading every answer to its end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from time import perf_counter, process_time

import aiohttp

from tests.benchmarks.wire.measured import CONNECTIONS, Measured

HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}


async def call(url: str, body: bytes, calls: int) -> Measured:
    """So many calls, by as many users as there are connections."""
    good = 0
    left = iter(range(calls))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def user() -> None:
            nonlocal good
            for _ in left:
                async with session.post(url, data=body, headers=HEADERS) as response:
                    answer = await response.read()
                good += answer.endswith(b"data: [DONE]\n\n")

        cpu_s, wall_s = process_time(), perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(user())
        return Measured(calls, good, process_time() - cpu_s, perf_counter() - wall_s)


if __name__ == "__main__":
    asyncio.run(call(sys.argv[1], Path(sys.argv[2]).read_bytes(), int(sys.argv[3]))).tell()
