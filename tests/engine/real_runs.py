"""Whole runs of real calls, through the engine's own door, against servers on loopback in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.engine.control import Control
from app.engine.events import Event
from app.engine.real_calls import RealCalls
from app.engine.run import Listener, Order, Progress, run_scenario
from app.errors import UserError
from app.scenario.files import ScenarioFile, parse_scenario
from app.sessions.reader import RunReader
from app.sessions.records import RequestRecord
from app.sessions.session_log import SessionLog
from tests.engine.live_runs import CHECKED, GOOD, TRIAGE
from tests.engine.loopback import Heard, Loopback, Play, says, serving

SCENARIO = (
    """
title = "Real calls"
seed = 5
duration_s = 1.5
drain_s = 5
patience_s = 5
"""
    + TRIAGE
    + CHECKED
    + """
[traffic]
rate_per_s = 30
repeat_rate = 0.3
[targets.primary]
model = "first-model"
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }
endpoint = { base_url = "PRIMARY" }
[targets.fallback]
model = "second-model"
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
endpoint = { base_url = "FALLBACK" }
[variants.bare]
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 1
[variants.safe]
safeguards = [
  { kind = "deadline", total_s = 2 },
  { kind = "cache", ttl_s = 600 },
  { kind = "fallback", targets = ["fallback"] },
  { kind = "retry", max_retries = 2, base_s = 0.02, cap_s = 0.1, max_retry_after_s = 0.2 },
  { kind = "attempt_timeout", attempt_s = 0.5 },
  { kind = "answer_check" },
  { kind = "canned", text = "Later." },
]
"""
)


def good(_n: int) -> Play:
    """An answer that passes the checks, with what it cost."""
    return says(GOOD, usage=(200, 10))


class Servers:
    """A server for each target; `heard` is what each got."""

    def __init__(self, servers: list[Loopback]) -> None:
        self._servers = servers

    @property
    def heard(self) -> list[list[Heard]]:
        return [server.heard for server in self._servers]

    @property
    def urls(self) -> list[str]:
        return [server.base_url for server in self._servers]

    def file(self, folder: Path, text: str = SCENARIO, *settings: str) -> ScenarioFile:
        """The scenario with the servers' addresses."""
        for name, url in zip(("PRIMARY", "FALLBACK"), self.urls, strict=True):
            text = text.replace(name, url)
        return parse_scenario(text, folder / "real.toml", settings)


@contextmanager
def servers(
    primary: Callable[[int], Play] = good, fallback: Callable[[int], Play] = good
) -> Iterator[Servers]:
    """Two servers, until the block is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="servers")
    thread.start()

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    contexts = [serving(primary), serving(fallback)]
    try:
        yield Servers([do(context.__aenter__()) for context in contexts])
    finally:
        for context in contexts:
            do(context.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Told:
    """What a run said as it went. `act` is told each progress, and may steer."""

    def __init__(self, act: Callable[[Progress], None] = lambda _progress: None) -> None:
        self.progress: list[Progress] = []
        self.events: list[Event] = []
        self.refused: list[UserError] = []
        self.notices: list[str] = []
        self._act = act

    @property
    def listener(self) -> Listener:
        return Listener(
            notice=self.notices.append,
            progress=self._note,
            happened=self.events.append,
            refused=self.refused.append,
        )

    def _note(self, each: Progress) -> None:
        self.progress.append(each)
        self._act(each)


def run_real(
    log: SessionLog,
    file: ScenarioFile,
    *,
    max_usd: float = 10,
    side_by_side: bool = False,
    keep_answers: bool = True,
    key_for: Callable[[str], SecretStr | None] = lambda _origin: None,
    control: Control | None = None,
    told: Told | None = None,
) -> RunReader:
    """Make the scenario's calls for real."""
    real = RealCalls(max_usd, side_by_side, keep_answers, key_for)
    order = Order(file, real=real)
    listener = (told or Told()).listener
    return RunReader(log, run_scenario(order, log, control or Control(), listener))


def requests(reader: RunReader, variant: str) -> list[RequestRecord]:
    """A variant's requests, in order."""
    return list(reader.each_request(variant))
