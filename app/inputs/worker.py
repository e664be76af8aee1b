"""The child process in which the user's templates and checks run, bounded in time and memory.

Started as `python -m app.inputs.worker`, or by the bundle as `seatrial _worker`. Speaks JSON lines: the first
line in holds the bounds {"seconds", "memory_bytes"}, each further one a job, or FLUSH; each line out is the
answer to the next job, or a bare word: READY once bounded, IMPORTING before a library is imported (its time
is not the job's). Answers are kept back until FLUSH, for 20 ms at most: one write each would halve the pace.
A failure of ours, not of the user's template, is answered {"bug": traceback}. Ends when its input ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from app.inputs.limits import MAX_ANSWER_BYTES, TOO_DEEP, TOO_LONG, TOO_MUCH_MEMORY

READY = b"ready\n"
IMPORTING = b"importing\n"
FLUSH = b"\n"

_KEPT_BACK_S = 0.02
# Made once: json.dumps with options makes one for every call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Perform = Callable[[dict[str, Any]], dict[str, Any]]


def _rendering(_job: dict[str, Any]) -> Perform:
    from app.inputs.rendering import perform

    return perform


def _checks(job: dict[str, Any]) -> Perform:
    from app.inputs.checks import perform, prepare

    prepare(job["check"]["kind"])
    return perform


_DISPATCH: dict[str, Callable[[dict[str, Any]], Perform]] = {
    "load": _rendering,
    "variables": _rendering,
    "render": _rendering,
    "check": _checks,
}


def encode(message: object) -> bytes:
    """One line of the protocol. Half surrogate pairs pass as they are: texts from outside may hold them."""
    return _ENCODER.encode(message).encode("utf-8", "surrogatepass") + b"\n"


def decode(line: bytes) -> Any:
    """The message of a line made by `encode`."""
    return json.loads(line.decode("utf-8", "surrogatepass"))


def main() -> int:
    """Answer the jobs on standard input until it ends; the exit status is 0."""
    # The parent decides when a worker ends; Ctrl+C in the terminal must not print a traceback from here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not spoil the protocol
    bounds = decode(jobs.readline() or b"null\n")
    if bounds is not None:
        _confine(bounds["memory_bytes"])
        answers.write(READY)
        answers.flush()
        _answer_all(jobs, answers, orphan_s=2 * bounds["seconds"] + 1)
    return 0


def _answer_all(jobs: BinaryIO, answers: BinaryIO, orphan_s: float) -> None:
    performers: dict[tuple[str, str], Perform] = {}

    def answer(line: bytes) -> dict[str, Any]:
        job = decode(line)
        kind = (job["do"], job["check"]["kind"] if job["do"] == "check" else "")
        perform = performers.get(kind)
        if perform is None:
            answers.write(IMPORTING)
            answers.flush()
            perform = performers[kind] = _DISPATCH[job["do"]](job)
            answers.write(READY)
            answers.flush()
        # A parent that is gone cannot kill a job that never ends: then the alarm does, even amid C code.
        _alarm(orphan_s)
        try:
            return perform(job)
        finally:
            _alarm(0)

    flushed_s = time.monotonic()
    for line in jobs:
        if line == FLUSH:
            answers.flush()
            continue
        answers.write(_guarded(answer, line))
        now_s = time.monotonic()
        if now_s - flushed_s > _KEPT_BACK_S:
            answers.flush()
            flushed_s = now_s


def _guarded(answer: Callable[[bytes], dict[str, Any]], line: bytes) -> bytes:
    try:
        reply = encode(answer(line))
    except MemoryError:
        return encode({"error": TOO_MUCH_MEMORY})
    except RecursionError:
        return encode({"error": TOO_DEEP})
    except Exception:
        return encode({"bug": traceback.format_exc()})
    return reply if len(reply) <= MAX_ANSWER_BYTES else encode({"error": TOO_LONG})


if sys.platform == "win32":

    def _confine(memory_bytes: int) -> None:
        """No bound on memory here: on Windows the time limit alone bounds what a job can take."""

    def _alarm(seconds: float) -> None:
        """No alarms on Windows: a worker whose parent was killed in the middle of an endless job goes on."""

else:
    import resource

    def _confine(memory_bytes: int) -> None:
        """Bound this process's memory, where the system can (macOS cannot), and leave no core file behind."""
        os.umask(0o077)
        for what, bound in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
            with suppress(OSError, ValueError):
                resource.setrlimit(what, (bound, bound))

    def _alarm(seconds: float) -> None:
        """End this process after `seconds` of wall clock; 0 calls that off."""
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    sys.exit(main())
