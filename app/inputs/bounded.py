"""The parent's end of the bounded worker: sends jobs, kills what takes too long, starts anew, keeps order.

The caller's thread reads the answers, a second one writes the jobs (so neither end waits for the other for
ever), a third kills the child once a job is past its time. Many jobs and many answers go in one write; if the
child ends meanwhile, the unanswered jobs are sent one by one until the one that ends it is found. What jobs
there are is the business of worker.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from app.inputs.limits import MAX_ANSWER_BYTES, MEMORY_BYTES, TOO_LONG, TOO_MUCH_MEMORY, took_over
from app.inputs.worker import FLUSH, IMPORTING, READY, decode, encode
from app.providers.key_rules import VARIABLE

Job = dict[str, Any]
Answer = dict[str, Any]

_START_S = 60.0
_BATCH_BYTES = 32_768
_STRIKES = 3
_FEW = 50


class BoundedWorker:
    """A process that renders and checks; each job may take `seconds` and about 1 GiB. One thread at a time.

    A job past its bounds is answered {"error": "took over 2 s"} or {"error": "used too much memory"}, and the
    process is started anew with the prompts last loaded. Once three jobs in a row of one prompt or check have
    failed so, every further one gets the same answer untried, until prompts are loaded again: ten thousand
    rows through an endless template would take hours.
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._child: _Child | None = None
        self._loaded: Job | None = None
        self._strikes = _Strikes()

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """The answers to `jobs`, in their order; see worker.py and rendering.py for the jobs.

        Raises RuntimeError when the worker cannot be started or has a bug.
        """
        answers: list[Answer] = [{}] * len(jobs)
        todo = list(range(len(jobs)))
        one_by_one = len(todo) < _FEW
        try:
            while todo := self._without_given_up(jobs, todo, answers):
                child = self._running()
                done = 0
                for answer in child.answers([jobs[index] for index in todo], one_by_one):
                    answers[todo[done]] = answer
                    self._remember(jobs[todo[done]])
                    done += 1
                self._strikes.forgive(jobs[index] for index in todo[:done])
                if done == len(todo):
                    break
                self.close()
                if one_by_one:
                    answers[todo[done]] = {"error": child.cause}
                    self._strikes.count(jobs[todo[done]], child.cause)
                    done += 1
                # Else answers may have been lost with the child: the job it ended over is among the next few.
                todo = todo[done:]
                one_by_one = not one_by_one or len(todo) < _FEW
        except BaseException:
            self.close()  # answers of jobs on their way must not be taken for those of the next
            raise
        return answers

    def close(self) -> None:
        """End the process; a later `run` starts another."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _remember(self, job: Job) -> None:
        if job["do"] == "load":
            self._loaded = job
            self._strikes = _Strikes()

    def _without_given_up(self, jobs: Sequence[Job], todo: list[int], answers: list[Answer]) -> list[int]:
        """Those of `todo` that are worth trying; the others are answered."""
        if not self._strikes.given_up:
            return todo
        left = []
        for index in todo:
            cause = self._strikes.given_up.get(_kind(jobs[index]))
            if cause is None:
                left.append(index)
            else:
                answers[index] = {"error": cause}
        return left

    def _running(self) -> _Child:
        if self._child is None or not self._child.alive:
            self.close()
            self._child = _Child(self._seconds)
            if self._loaded is not None:
                list(self._child.answers([self._loaded], one_by_one=True))
        return self._child


class _Strikes:
    """How often in a row the jobs of one prompt or check ended the worker; which are given up, and why."""

    def __init__(self) -> None:
        self.given_up: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def forgive(self, answered: Iterable[Job]) -> None:
        """Start anew for the prompts and checks of the jobs `answered`."""
        if self._counts:
            for job in answered:
                self._counts.pop(_kind(job), None)

    def count(self, failed: Job, cause: str) -> None:
        """Count a strike against the prompt or check of `failed`."""
        kind = _kind(failed)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] >= _STRIKES:
            self.given_up[kind] = cause


def _kind(job: Job) -> str:
    return json.dumps(
        [job["do"], *(job.get(key) for key in ("prompt", "check", "templates"))], sort_keys=True
    )


def _environment() -> dict[str, str]:
    """What the child is told of ours: no key, since it works on texts and patterns of strangers."""
    told = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLE)}
    # Linear algebra's threads, one a core, would each set memory aside until the bound is reached.
    return told | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class _Child:
    """One process, from its start to its end."""

    def __init__(self, seconds: float) -> None:
        self.cause = TOO_MUCH_MEMORY  # unless it turns out otherwise
        self._seconds = seconds
        self._allow(_START_S)
        command = [sys.executable, "_worker"]
        if not getattr(sys, "frozen", False):
            # -P: a folder `app` where the user happens to stand must not be run instead of ours.
            command = [sys.executable, "-P", "-m", "app.inputs.worker"]
        windows_flags = 0
        if sys.platform == "win32":
            windows_flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        self._process = subprocess.Popen(  # noqa: S603 - our own program, with no argument of the user's
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=windows_flags,
            env=_environment(),
            start_new_session=os.name == "posix",  # the terminal's Ctrl+C is for the parent alone
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._jobs = self._process.stdin
        self._answers = self._process.stdout
        self._errors = self._process.stderr
        with suppress(OSError):  # it may have ended already: its answer, or none, tells
            self._jobs.write(encode({"seconds": seconds, "memory_bytes": MEMORY_BYTES}))
            self._jobs.flush()
        try:
            with self._watched():
                ready = self._answers.readline() == READY
            if not ready:
                self._process.kill()
            said = "" if ready else self._errors.read().decode(errors="replace")
        except BaseException:
            self.end()
            raise
        if not ready:
            self.end()
            raise RuntimeError(f"The worker process did not start: {said or self.cause}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def answers(self, jobs: Sequence[Job], one_by_one: bool) -> Iterator[Answer]:
        """The answers to `jobs` as they come; fewer than jobs if the process ended (see `cause`).

        If `one_by_one`, it ended over the first without an answer; else over one of the few after the last.
        """
        feed = _Feed(jobs, self, 0 if one_by_one else _BATCH_BYTES)
        self._allow(self._seconds)
        with self._watched(), feed:
            for _ in jobs:
                line = self._line()
                if line is None:
                    break
                answer = decode(line)
                if "bug" in answer:
                    raise RuntimeError(f"The worker process failed:\n{answer['bug']}")
                yield answer
            else:
                return
            self.kill()
        if feed.error is not None:
            raise feed.error

    def write(self, data: bytes) -> None:
        self._jobs.write(data)
        self._jobs.flush()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._jobs, self._answers, self._errors):
            with suppress(OSError):  # jobs not yet written cannot be, any more
                pipe.close()

    def _line(self) -> bytes | None:
        """The next answer's line; None when there will be none."""
        while True:
            line = self._answers.readline(MAX_ANSWER_BYTES + 1)
            if not line.endswith(b"\n"):
                if len(line) > MAX_ANSWER_BYTES:
                    self.cause = TOO_LONG
                return None
            self._allow(_START_S if line == IMPORTING else self._seconds)
            if line not in (IMPORTING, READY):
                return line

    def _allow(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def _watched(self) -> _Watch:
        return _Watch(self)

    def left_s(self) -> float:
        """Seconds left for what is going on; negative when overdue."""
        return self._deadline - time.monotonic()

    def kill_overdue(self) -> None:
        self.cause = took_over(self._seconds)
        self._process.kill()


class _Watch:
    """Kills the child when it is overdue while the block runs."""

    def __init__(self, child: _Child) -> None:
        self._child = child
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(max(0.001, self._child.left_s())):
            if self._child.left_s() <= 0:
                self._child.kill_overdue()
                return


class _Feed:
    """Writes the jobs while the block runs; leaving it early ends the child, so that no write hangs."""

    def __init__(self, jobs: Sequence[Job], child: _Child, batch_bytes: int) -> None:
        self._batch_bytes = batch_bytes
        self.error: Exception | None = None
        self._jobs = jobs
        self._child = child
        self._thread = threading.Thread(target=self._feed, name="worker-feed", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._child.kill()
        self._thread.join()

    def _feed(self) -> None:
        batch = bytearray()
        try:
            for job in self._jobs:
                batch += encode(job)
                if len(batch) >= self._batch_bytes:
                    self._child.write(bytes(batch) + FLUSH)
                    batch = bytearray()
            self._child.write(bytes(batch) + FLUSH)
        except OSError:
            pass  # the child has ended; the reader sees that too
        except Exception as error:  # a job that is no JSON: told where the answers are awaited
            self.error = error
            self._child.kill()
