"""A process that writes a run until it is killed: `python -m tests.sessions.writing_child LOG`.

After each flush it prints how many requests of each variant it has handed over so far.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app.sessions.session_log import SessionLog
from app.sessions.writer import RunWriter
from tests.sessions.sample import NEW_RUN, batches, hand_over


def main(path: str) -> None:
    with SessionLog.open(Path(path)) as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        given = 0
        for now_us, batch in batches(run_id, duration_s=600, per_s=50):
            hand_over(writer, batch)
            given += len(batch.requests[0])
            if writer.due():
                writer.flush(now_us)
                print(given, flush=True)
        sys.stdin.read()  # stays running, silent, until it is killed


if __name__ == "__main__":
    main(sys.argv[1])
