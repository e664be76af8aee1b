"""Late sends, and when a run was limited by this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.punctuality import Delays, Punctuality
from app.providers.calls import Call, open_transport
from app.providers.endpoint import Endpoint
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import REAL_CALLS_FACT
from tests.engine.loopback import Play, answered, serving
from tests.engine.real_runs import SCENARIO, Told, run_real, servers


def test_delays_are_told_by_nearest_rank() -> None:
    delays = Delays()
    for milliseconds in range(100):
        delays.count()
        delays.add(milliseconds * 1_000)
    assert delays.as_json() == {"of": 100, "late": 94, "p50_s": 0.049, "p99_s": 0.098, "max_s": 0.099}


def test_what_did_not_wait_counts_without_being_told() -> None:
    delays = Delays()
    for _ in range(200):
        delays.count()
    delays.add(700_000)
    assert delays.as_json() == {"of": 200, "late": 1, "p50_s": 0.0, "p99_s": 0.0, "max_s": 0.7}
    assert not delays.too_many


def test_nothing_at_all_has_no_percentiles() -> None:
    assert Delays().as_json()["p99_s"] is None


@pytest.mark.parametrize(
    ("late", "of", "limited"), [(2, 10, False), (3, 10, True), (10, 1_000, False), (11, 1_000, True)]
)
def test_more_than_one_in_a_hundred_is_too_many_and_two_are_an_accident(
    late: int, of: int, limited: bool
) -> None:
    punctuality = Punctuality()
    for number in range(of):
        punctuality.sends.count()
        punctuality.sends.add(5_001 if number < late else 5_000)
    assert punctuality.client_limited is limited


def test_calls_that_wait_for_a_connection_are_told(tmp_path: Path) -> None:
    waits: list[float] = []
    held = asyncio.Event()

    def slow(_n: int) -> Play:
        async def play(writer: asyncio.StreamWriter) -> None:
            await held.wait()
            body = answered("It is.")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
            writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)

        return play

    async def run() -> None:
        async with serving(slow) as server, open_transport(2, waits.append) as transport:
            endpoint = Endpoint(server.base_url, "a-model")
            soon_s = asyncio.get_running_loop().time() + 30
            calls = [
                asyncio.create_task(Call(transport, endpoint, [["user", "?"]], 5).make(soon_s, soon_s))
                for _ in range(4)
            ]
            while len(server.heard) < 2:
                await asyncio.sleep(0)
            held.set()
            assert [outcome.text for outcome in await asyncio.gather(*calls)] == ["It is."] * 4

    asyncio.run(run())
    assert len(waits) == 2
    assert all(wait > 0 for wait in waits)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.db") as opened:
        yield opened


def test_a_run_that_asks_more_than_this_machine_can_says_so(log: SessionLog, tmp_path: Path) -> None:
    # given requests that come all at once, a thousand of them
    told = Told()
    crowd = (
        "traffic.rate_per_s=20000",
        "traffic.max_requests=1000",
        "targets.primary.endpoint.base_url=http://127.0.0.1:9",
    )
    with servers() as there:
        reader = run_real(log, there.file(tmp_path, SCENARIO, *crowd), side_by_side=True, told=told)

    (turn,) = reader.facts()[REAL_CALLS_FACT]["punctuality"]
    assert turn["sends"]["of"] == 2_000
    assert turn["sends"]["late"] > 20
    assert turn["client_limited"]
    assert any("could not keep up" in notice for notice in told.notices)
    assert told.progress[-1].real is not None
