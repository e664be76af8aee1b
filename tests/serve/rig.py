"""The endpoint at work in a thread of this process, on free ports, with a small and fast scenario."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from app.engine.draws import Draws
from app.engine.questions import QuestionBook
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.providers.keys import Keys
from app.serve.application import data_application
from app.serve.checking import checks_of
from app.serve.proxy import Proxy
from app.serve.recorder import Recorded, Recorder
from app.serve.route import Wishes, routed
from app.serve.sandbox import Sandbox, served
from app.serve.server import Doors, Service, opened_doors
from tests.harness import opened

PROMPT = "You sort mails.\n\n{{ question }}"
ROWS = {
    "Where is my order 4711 of 2026-01-08?": "order",
    "The zip broke, and I want my money back.": "refund",
    "How do I change my address?": "account",
}
SCENARIO = """
title = "A small provider"
seed = 1
[traffic]
rate_per_s = 5
[tokens]
output_tokens = 10
output_sigma = 0
max_tokens = 20
[[answers]]
expected_column = "intent"
templates = ["This mail is about {expected}."]
[targets.primary]
model = "small-model"
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
quality = 1
first_token_s = 0.03
first_token_sigma = 0
tokens_per_s = 200
limit_reply_s = 0
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
quality = 0
first_token_s = 0.03
first_token_sigma = 0
tokens_per_s = 200
[variants.prototype]
preset = "prototype"
"""
BOUND_S = 30.0
"""No test waits longer for anything."""


@dataclass(frozen=True)
class Endpoint:
    """Where it listens."""

    url: str
    admin_url: str
    token: str

    def flip(self, path: str, value: Any) -> httpx.Response:
        """Flip a switch over the admin port."""
        return httpx.post(
            self.admin_url,
            content=json.dumps({"set": path, "value": value}),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
            timeout=BOUND_S,
        )

    @contextmanager
    def struck(self, kind: str, **parameters: Any) -> Iterator[None]:
        """A fault is on, for every call unless its parameters say otherwise."""
        assert self.flip("faults.struck", {"kind": kind, "rate": 1, **parameters}).status_code == 200
        try:
            yield
        finally:
            assert self.flip("faults.struck", None).status_code == 200

    @contextmanager
    def with_setting(self, path: str, value: Any) -> Iterator[None]:
        """A setting has another value, and none afterwards."""
        assert self.flip(path, value).status_code == 200
        try:
            yield
        finally:
            assert self.flip(path, None).status_code == 200


@contextmanager
def endpoint(
    folder: Path,
    tables: str = "",
    *,
    upstream: str | None = None,
    log: Path | None = None,
    safeguards: str = "",
    buffer: bool = False,
) -> Iterator[Endpoint]:
    """Serve until the end of the block; then it has stopped in good order. With an `upstream` calls are passed on to it."""
    wishes = None if upstream is None else Wishes(upstream, safeguards=safeguards, buffer=buffer)
    (folder / "ask.j2").write_text(PROMPT, encoding="utf-8")
    rows = "".join(f'"{question}",{intent}\n' for question, intent in ROWS.items())
    (folder / "rows.csv").write_text(f"question,intent\n{rows}", encoding="utf-8")
    ready = Event()
    services: list[Service] = []
    failed: list[BaseException] = []

    def work(doors: Doors) -> None:
        try:
            asyncio.run(_life(folder, tables, doors, services, ready, wishes, log))
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    with opened_doors(0, 0) as doors:
        thread = Thread(target=work, args=(doors,))
        thread.start()
        try:
            assert ready.wait(BOUND_S)
            assert not failed, failed
            base = "http://127.0.0.1"
            yield Endpoint(f"{base}:{doors.data_port}", f"{base}:{doors.admin_port}", doors.token)
        finally:
            for service in services:
                service.stop()
            thread.join(BOUND_S)
        assert not thread.is_alive()
        assert not failed, failed


async def _life(
    folder: Path,
    tables: str,
    doors: Doors,
    services: list[Service],
    ready: Event,
    wishes: Wishes | None,
    log: Path | None,
) -> None:
    file, route = opened(SCENARIO + tables), None
    if wishes is None:
        file = served(file)
    else:
        file, route, _ = routed(file, wishes, Keys(folder, {}))
    with BoundedWorker() as worker:
        inputs = prepare_inputs(file, worker, prompts=folder / "ask.j2", data=folder / "rows.csv")
        draws = Draws(file.scenario.seed)
        book = QuestionBook(inputs, draws, worker)
        recorder = None
        if log is not None:
            clock = "virtual" if route is None else "wall"
            recorder = Recorder.begin(log, Recorded(file, inputs, book.expected_values, clock))
        if route is None:
            sandbox = Sandbox(inputs, book, draws, _nobody, recorder)
            service = Service(sandbox, data_application(sandbox), doors, recorder)
        else:
            lock, checks = checks_of(file.scenario, worker)
            proxy = Proxy(inputs, book, route, _nobody, recorder, checks, lock)
            service = Service(proxy, proxy, doors, recorder)
        services.append(service)
        await service.serve(ready.set)


def _nobody(_event: object) -> None:
    pass
