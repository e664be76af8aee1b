"""A provider on 127.0.0.1 that refuses every call and, as some do, says the key again in its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.http_servers import QuietHandler, answering


class Refusing:
    """`keys` are those that were sent, call by call. While `open` is not set, calls are left without an answer."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.keys: list[str] = []
        self.heard = threading.Event()
        self.open = threading.Event()
        self.open.set()


@contextmanager
def refusing() -> Iterator[Refusing]:
    """It answers until the block is left."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 (http.server's name)
            self.rfile.read(int(self.headers["content-length"]))
            key = self.headers.get("authorization", "").removeprefix("Bearer ")
            told.keys.append(key)
            told.heard.set()
            told.open.wait(60)
            error = {"message": f"Incorrect API key provided: {key}", "code": f"invalid {key}", "type": key}
            body = json.dumps({"error": error}).encode()
            try:
                self.send_response(401, f"Who is {key}")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.send_header("x-request-id", key)
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True

    with answering(Handler) as port:
        told = Refusing(port)
        try:
            yield told
        finally:
            told.open.set()
