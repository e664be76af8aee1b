"""`python -m tests.benchmarks.wire.relaying UPSTREAM`: a reverse proxy with bare aiohttp that does nothing but pass on.

The least that one written in Python with aiohttp may cost. Prints its port, and ends with its input.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from aiohttp import web

from tests.benchmarks.wire.measured import CONNECTIONS


async def serve(upstream: str) -> None:
    """Until standard input ends."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def pass_on(request: web.BaseRequest) -> web.StreamResponse:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
            body = await request.read()
            async with session.request(
                request.method, upstream + request.path, headers=headers, data=body
            ) as told:
                response = web.StreamResponse(
                    status=told.status, headers={"content-type": told.headers["content-type"]}
                )
                await response.prepare(request)
                async for part in told.content.iter_any():
                    await response.write(part)
                await response.write_eof()
                return response

        runner = web.ServerRunner(web.Server(pass_on))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
