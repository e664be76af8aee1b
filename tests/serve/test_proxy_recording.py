"""What a proxy passes on is a run of real calls in the log, and adds up; a key that it adds is guarded and capped."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.analysis.differences import configuration
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import seatrial
from tests.serve.rig import BOUND_S
from tests.serve.test_command import JSON, serving
from tests.serve.test_recording import posix
from tests.serve.upstreams import Play, Upstream, says, upstream

KEY, MINE = "sk-the-key-in-the-store", "sk-the-clients-own"
ASKED: dict[str, Any] = {
    "model": "small-model",
    "max_tokens": 20,
    "messages": [{"role": "user", "content": "A private matter"}],
}
PLAIN = json.dumps(
    {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200},
    }
).encode()
GOOD = says(
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(PLAIN) + PLAIN
)
EVERY_OTHER = '[[faults]]\nkind = "server_error"\nlabel = "It errs"\nevery = 2\nto_s = 3000\n'


@contextmanager
def passing(
    folder: Path, play: Play, tables: str = "", *options: str
) -> Iterator[tuple[Any, Upstream, list[str]]]:
    """The command as a proxy; afterwards, when it has ended in good order, all that it has printed."""
    said: list[str] = []
    with upstream(play) as there:
        line = ("--upstream", f"{there.url}/v1", *options)
        with serving(folder, tables, *(each.replace("{origin}", there.url) for each in line)) as (
            process,
            told,
        ):
            yield told, there, said
            process.send_signal(signal.SIGINT)
            said += process.communicate(timeout=BOUND_S)
            assert process.returncode == 0


def ask(told: Any, key: str = MINE, **more: object) -> httpx.Response:
    return httpx.post(
        f"{told['url']}/v1/chat/completions",
        content=json.dumps(ASKED | more),
        headers=JSON | {"authorization": f"Bearer {key}"},
        timeout=BOUND_S,
    )


@posix
def test_what_passes_is_a_run_of_real_calls(tmp_path: Path) -> None:
    with passing(tmp_path, GOOD, EVERY_OTHER) as (told, there, said):
        statuses = [ask(told).status_code for _ in range(4)]

    assert statuses == [200, 500, 200, 500]
    assert len(there.heard) == 2
    with SessionLog.open(tmp_path / "log.db") as log:
        reader = RunReader(log, told["run"])
        record = reader.record()
        requests = list(reader.each_request("client"))
        totals = reader.totals("client")
        events = [(event.kind, event.label) for event in reader.events()]
        calls = configuration(reader, "client").plain
    assert (record.state, record.badge, record.offered) == ("finished", "REAL CALLS", 4)
    assert (calls["calls"], calls["calls.upstream"]) == ("real", there.url)
    assert [request.outcome for request in requests] == ["good", "failed", "good", "failed"]
    # 1,000 tokens in and 200 out at a dollar a million each.
    assert [request.cost_pico for request in requests] == [1_200 * 10**6, 0, 1_200 * 10**6, 0]
    assert totals.cost_pico == sum(request.cost_pico for request in requests)
    assert events == [("incident_begin", "It errs")]
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    for secret in (MINE, "private matter", "Yes."):
        assert secret.encode() not in kept
        assert secret not in "".join(said)
    assert "REAL CALLS" in seatrial("show", "last", log=tmp_path / "log.db").out
    assert seatrial("show", "last", "--request", "1", log=tmp_path / "log.db").status == 0


@posix
def test_a_key_is_added_for_those_who_have_the_token_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with upstream(GOOD) as there:
        monkeypatch.setenv("SEATRIAL_KEY_HERE", f"{there.url} {KEY}")
        line = ("--upstream", f"{there.url}/v1", "--key", "SEATRIAL_KEY_HERE", "--max-usd", "0.0024")
        with serving(tmp_path, "", *line) as (process, told):
            token = told["client_token"]
            without = ask(told)
            with_it = ask(told, token)
            listed = httpx.get(f"{told['url']}/v1/models", headers={"x-api-key": token}, timeout=BOUND_S)
            uncounted = httpx.post(
                f"{told['url']}/v1/images", json={}, headers={"x-api-key": token}, timeout=BOUND_S
            )
            unpriced = ask(told, token, model="another-model")
            again = ask(told, token)
            beyond = ask(told, token)
            process.send_signal(signal.SIGINT)
            said = "".join(process.communicate(timeout=BOUND_S))

    statuses = [each.status_code for each in (without, with_it, listed, uncounted, unpriced, again, beyond)]
    assert statuses == [401, 200, 200, 403, 403, 200, 429]
    assert beyond.json()["error"]["code"] == "insufficient_quota"
    assert len(there.heard) == 3
    for heard in there.heard:
        headers = dict(heard.headers)
        assert headers[b"authorization"] == f"Bearer {KEY}".encode()
        assert token.encode() not in b"".join(heard.head)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    assert KEY.encode() not in kept
    assert KEY not in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--buffer",), "--upstream"),
        (("--max-usd", "1"), "--upstream"),
        (("--safeguards", "prototype"), "--upstream"),
        (("--upstream", "ftp://a.example"), "--upstream"),
        (("--upstream", "http://127.0.0.1:9", "--max-usd", "0"), "--max-usd"),
        (("--upstream", "http://127.0.0.1:9", "--buffer"), "--safeguards"),
        (("--upstream", "http://127.0.0.1:9", "--key", "a"), "--max-usd"),
        (("--upstream", "http://127.0.0.1:9", "--safeguards", "nobody"), "there is no variant"),
        (("--upstream", "http://127.0.0.1:9", "--safeguards", "safeguarded"), "--buffer"),
        (("--upstream", "http://localhost:8699", "--port", "8699"), "this very endpoint"),
    ],
)
def test_wishes_that_cannot_be_granted_are_told(
    options: tuple[str, ...], complaint: str, tmp_path: Path
) -> None:
    said = seatrial("serve", "--port", "0", *options, log=tmp_path / "log.db")

    assert complaint in said.complaint
