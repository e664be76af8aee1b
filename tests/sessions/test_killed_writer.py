from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES
from tests.sessions.sample import VARIANTS


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_run_whose_writer_was_killed_is_interrupted_and_adds_up(tmp_path: Path) -> None:
    # given a process that has flushed a few times
    path = tmp_path / "a.db"
    command = [sys.executable, "-m", "tests.sessions.writing_child", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        flushed = [int(child.stdout.readline()) for _ in range(4)][-1]
        with SessionLog.open(path, create=False) as log:
            assert runs(log)[0].state == "running"
            going = RunReader(log, 1).totals("prototype")
            assert going.requests >= flushed
        # when it is killed, and not even reaped yet
        child.send_signal(signal.SIGKILL)
        child.stdout.read()
        child.wait()

    with SessionLog.open(path, create=False) as log:
        # then the run reads as interrupted
        reader = RunReader(log, 1)
        assert reader.record().state == "interrupted"
        assert log.db.execute("pragma integrity_check").fetchone() == ("ok",)
        for variant in VARIANTS:
            # and all that it had flushed is there and counted once, last second included
            totals = reader.totals(variant)
            rows = [request.outcome for request in reader.each_request(variant)]
            assert totals.requests == len(rows) >= (flushed if variant == "prototype" else 1)
            assert totals.outcomes == {name: Counter(rows)[name] for name in OUTCOMES}
            assert totals.latency.count == len(rows) <= totals.offered
            # every request has its attempts, as both were written together or not at all
            number = next(reader.each_request(variant)).number
            found = reader.request(variant, number)
            assert found is not None
            assert len(found[1]) == found[0].attempts
