"""`python -m tests.benchmarks.wire.server [DELAY_S]`: answers every POST with the same chat completion, as a stream
where one is asked for, as fast as it can, or all of it so long after the call.

It understands as little HTTP as the clients need, so that they are what is measured. Prints its port, and ends with its
input.
"""

from __future__ import annotations

import asyncio
import json
import sys

from app.providers.wires import WIRES

PIECES = ['{"intent": ', '"refund_request"', ', "reply": "Your refund is on its way."', "}"]
USAGE = (200, 24)


def stream() -> tuple[bytes, bytes]:
    """The response in the two parts in which it is sent: up to the first piece, and the rest. A chunk for each event."""
    written = WIRES["openai-chat"].write("a-model", PIECES, "stop", USAGE)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    first, *others = [b"%x\r\n%b\r\n" % (len(part), part) for part in written.pieces]
    opening, ending = (b"%x\r\n%b\r\n" % (len(part), part) for part in (written.opening, written.ending))
    return head + opening + first, b"".join(others) + ending + b"0\r\n\r\n"


def plain() -> bytes:
    """The response in one piece."""
    said = {"role": "assistant", "content": "".join(PIECES)}
    told = {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": "a-model",
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)},
    }
    body = json.dumps(told).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


FIRST, REST = stream()
PLAIN = plain()
DELAY_S = float(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 0.0


class Answering(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, _, after = head.partition(b"content-length:")
            size = end + 4 + int(after.split(b"\r\n", 1)[0])
            if len(self._received) < size:
                return
            streams = b'"stream":true' in self._received[end:size].replace(b" ", b"")
            self._received = self._received[size:]
            if DELAY_S:
                self._loop.call_later(DELAY_S, self._transport.write, FIRST + REST if streams else PLAIN)
            elif streams:
                self._transport.write(FIRST)
                self._loop.call_soon(self._transport.write, REST)
            else:
                self._transport.write(PLAIN)


async def serve() -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
