"""A small server on 127.0.0.1 that lists models, for tests of keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.http_servers import QuietHandler, answering


class ModelList:
    """`asked` are the paths and the headers of what it was asked."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.origin}/v1"
        self.asked: list[tuple[str, dict[str, str]]] = []


@contextmanager
def listing(
    key: str | None, *, header: str = "authorization", status: int = 200, location: str = ""
) -> Iterator[ModelList]:
    """Answers with `status` whoever has the key in that header (None: anybody), and the others with 401."""
    wanted = f"Bearer {key}" if header == "authorization" else key

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 (http.server's name)
            told.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            allowed = key is None or self.headers.get(header) == wanted
            self.send_response(status if allowed else 401)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

    with answering(Handler) as port:
        told = ModelList(port)
        yield told
