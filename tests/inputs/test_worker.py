"""The bounded worker with real processes: what it answers, what it survives, what it leaves behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.inputs.bounded import BoundedWorker
from app.inputs.datasets import load_dataset
from app.inputs.mapping import match_columns
from app.inputs.worker import READY, decode, encode
from tests.inputs.shared_data import naughty_strings, shared

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")


def children() -> set[int]:
    """The processes that this one has started and that have not ended."""
    me = os.getpid()
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == me and state != "Z":
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(scope="module")
def worker() -> Iterator[BoundedWorker]:
    with BoundedWorker(20) as worker:
        yield worker


@pytest.fixture(scope="module")
def hasty() -> Iterator[BoundedWorker]:
    """For jobs that are to run into the limit."""
    with BoundedWorker(0.5) as worker:
        yield worker


def load(worker: BoundedWorker, **prompts: str) -> None:
    job = {"do": "load", "prompts": {name: [["user", text]] for name, text in prompts.items()}}
    assert worker.run([job]) == [{"loaded": len(prompts)}]


def render_job(prompt: str, **values: object) -> dict[str, Any]:
    return {"do": "render", "prompt": prompt, "values": values}


def said(text: str) -> dict[str, Any]:
    return {"messages": [["user", text]]}


def test_given_jobs_of_all_kinds_then_they_are_answered_in_order(worker: BoundedWorker) -> None:
    load(worker, p="Hi {{ name }}")
    answers = worker.run(
        [
            {"do": "variables", "templates": ["{{ a }}{{ b }}"]},
            render_job("p", name="Ann"),
            render_job("p"),
            {"do": "check", "check": {"kind": "regex", "pattern": "^Hi"}, "text": "Hi Ann"},
            render_job("p", name="Bob"),
        ]
    )

    assert answers[0] == {"variables": ["a", "b"]}
    assert answers[1] == said("Hi Ann")
    assert answers[2] == {"error": "line 1: 'name' is undefined"}
    assert answers[3]["passed"] is True
    assert answers[4] == said("Hi Bob")


def test_given_no_jobs_then_no_answers(worker: BoundedWorker) -> None:
    assert worker.run([]) == []


@pytest.mark.parametrize("count", [40, 3000])
def test_given_jobs_that_never_end_then_the_others_are_still_answered(
    hasty: BoundedWorker, count: int
) -> None:
    load(hasty, good="{{ n }}", endless="{% if stop %}" + ENDLESS + "{% endif %}ok")
    jobs = [render_job("good", n=n) for n in range(count)]
    stuck, fine = (7, 9, count // 2, count - 5), (8, 12, count // 2 + 1, count - 1)
    for n in (*stuck, *fine):
        jobs[n] = render_job("endless", stop=n in stuck)

    answers = hasty.run(jobs)

    assert [answers[n] for n in stuck] == [{"error": "took over 0.5 s"}] * 4
    assert [answers[n] for n in fine] == [said("ok")] * 4
    assert all(answers[n] == said(str(n)) for n in range(count) if n not in (*stuck, *fine))


def test_given_a_prompt_that_never_ends_then_it_is_given_up_until_loaded_anew(hasty: BoundedWorker) -> None:
    load(hasty, good="ok", endless=ENDLESS)
    started = time.monotonic()

    answers = hasty.run([render_job("endless") for _ in range(500)] + [render_job("good")])

    assert answers == [{"error": "took over 0.5 s"}] * 500 + [said("ok")]
    assert hasty.run([render_job("endless")]) == [{"error": "took over 0.5 s"}]
    assert time.monotonic() - started < 20
    load(hasty, endless="ends")
    assert hasty.run([render_job("endless")]) == [said("ends")]


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10**9 }}",
        "{{ ('a' * 10**8) * 9 }}",
        "{{ 'x'|center(10**9) }}",
        "{% set ns = namespace(a=[1]) %}{% for i in range(40) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
        "{{ 2 ** (2 ** (2 ** 6)) }}",
        "{{ '%099999999d' % 1 }}",
        "{{ 'é' * 600000 }}",
    ],
)
def test_given_a_template_that_takes_all_it_can_then_it_is_stopped_and_the_next_renders(
    hasty: BoundedWorker, template: str
) -> None:
    load(hasty, attack=template, good="ok")

    attack, good = hasty.run([render_job("attack"), render_job("good")])

    assert attack["error"] in ("took over 0.5 s", "used too much memory", "gave over 1 MB of text")
    assert good == said("ok")


def test_given_a_template_that_is_costly_to_read_then_finding_its_variables_is_bounded_too(
    hasty: BoundedWorker,
) -> None:
    (answer,) = hasty.run([{"do": "variables", "templates": ["{{ 'x'|center(999999999) }}{{ a }}"]}])

    assert answer == {"variables": ["a"]} or answer["error"] in ("took over 0.5 s", "used too much memory")


@linux
def test_given_a_process_that_dies_in_a_job_then_the_job_is_told_and_the_rest_goes_on() -> None:
    others = children()
    with BoundedWorker(30) as worker:
        load(worker, good="{{ n }}")
        (child,) = children() - others
        os.kill(child, signal.SIGSTOP)
        os.waitid(os.P_PID, child, os.WSTOPPED | os.WNOWAIT)
        its_input = os.open(f"/proc/{child}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            os.read(its_input, 65_536)  # what it had not read yet when it stopped: no job

        def kill() -> None:
            select.select([its_input], [], [], 30)  # until a job has been sent
            os.close(its_input)
            os.kill(child, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        answers = worker.run([render_job("good", n=0), render_job("good", n=1)])
        killer.join()

    assert answers == [{"error": "used too much memory"}, said("1")]


@linux
def test_given_a_process_that_dies_between_runs_then_another_takes_over_its_prompts() -> None:
    others = children()
    with BoundedWorker(30) as worker:
        load(worker, p="ok")
        (child,) = children() - others
        os.kill(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)

        assert worker.run([render_job("p")]) == [said("ok")]


@pytest.mark.parametrize("size", [70_000, 900_000])
def test_given_texts_larger_than_a_pipe_then_nothing_waits_for_ever(worker: BoundedWorker, size: int) -> None:
    load(worker, p="{{ x }}")

    answers = worker.run([render_job("p", x=f"{n}" + "x" * size) for n in range(60)])

    assert [len(answer["messages"][0][1]) for answer in answers] == [size + len(str(n)) for n in range(60)]


def test_given_an_answer_over_1_mb_then_it_is_refused(worker: BoundedWorker) -> None:
    load(worker, p="{{ x }}")

    answers = worker.run([render_job("p", x="x" * 1_000_001), render_job("p", x="ok")])

    assert answers == [{"error": "gave over 1 MB of text"}, said("ok")]


def test_given_values_nested_too_deeply_then_that_job_alone_fails(worker: BoundedWorker) -> None:
    load(worker, p="{{ x }}")
    deep: list[object] = []
    for _ in range(700):
        deep = [deep]

    answers = worker.run([render_job("p", x=deep), render_job("p", x="ok")])

    assert answers[0] == said("[" * 701 + "]" * 701) or answers[0] == {"error": "is nested too deeply"}
    assert answers[1] == said("ok")


def test_given_a_bug_of_ours_then_it_is_raised_with_its_traceback_and_the_worker_goes_on(
    worker: BoundedWorker,
) -> None:
    load(worker, p="ok")
    with pytest.raises(RuntimeError, match="KeyError: 'dance'"):
        worker.run([render_job("p"), {"do": "dance"}, render_job("p")])
    with pytest.raises(TypeError, match="not JSON serializable"):
        worker.run([render_job("p"), render_job("p", x=object())])

    assert worker.run([render_job("p")]) == [said("ok")]


@given(st.lists(st.text(alphabet=st.characters(), max_size=30), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_given_any_texts_then_they_come_back_unchanged(worker: BoundedWorker, texts: list[str]) -> None:
    load(worker, p="{{ x }}")

    assert worker.run([render_job("p", x=text) for text in texts]) == [said(text) for text in texts]


@linux
def test_given_a_closed_worker_then_no_process_and_no_thread_is_left() -> None:
    others = children()
    with BoundedWorker() as worker:
        load(worker, p="ok")
        assert len(children() - others) == 1
    assert children() == others
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]


def test_given_a_folder_app_where_the_user_stands_then_ours_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)

    with BoundedWorker() as worker:
        load(worker, p="ok")
        assert worker.run([render_job("p")]) == [said("ok")]


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
class TestProcess:
    def start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.inputs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode({"seconds": 0, "memory_bytes": 1 << 30}))
        process.stdin.flush()
        assert process.stdout.readline() == READY
        return process

    def test_given_ctrl_c_then_it_goes_on_and_ends_in_silence_with_its_input(self) -> None:
        process = self.start()
        process.send_signal(signal.SIGINT)

        out, errors = process.communicate(encode({"do": "variables", "templates": ["{{ a }}"]}), timeout=20)

        assert decode(out.splitlines()[-1]) == {"variables": ["a"]}
        assert (process.returncode, errors) == (0, b"")

    def test_given_no_input_at_all_then_it_ends(self) -> None:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "app.inputs.worker"],
            input=b"",
            capture_output=True,
            timeout=20,
            check=True,
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def test_given_a_parent_that_is_gone_then_an_endless_job_ends_too(self) -> None:
        process = self.start()
        jobs = [
            {"do": "load", "prompts": {"p": [["user", ENDLESS]]}},
            {"do": "render", "prompt": "p", "values": {}},
        ]

        process.communicate(b"".join(encode(job) for job in jobs), timeout=20)

        assert process.returncode == -signal.SIGALRM


@pytest.mark.shared
def test_given_naughty_strings_then_they_render_as_they_are(worker: BoundedWorker) -> None:
    load(worker, p="<{{ x }}>")
    strings = naughty_strings()

    assert worker.run([render_job("p", x=each) for each in strings]) == [
        said(f"<{each}>") for each in strings
    ]


@pytest.mark.shared
def test_given_real_questions_then_they_go_through_it_all(worker: BoundedWorker) -> None:
    dataset = load_dataset(shared("banking77-train.csv"))
    template = "Answer: {{ question }}"
    load(worker, p=template)
    (found,) = worker.run([{"do": "variables", "templates": [template]}])
    column = match_columns(found["variables"], dataset.columns, {}).pairs["question"]
    questions = [dataset.row(index)[column] for index in range(len(dataset))]

    answers = worker.run([render_job("p", question=question) for question in questions])

    assert answers == [said(f"Answer: {question}") for question in questions]


@linux
def test_a_key_in_the_environment_is_not_told_to_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_KEY_HERE", "https://api.example.com sk-marked")
    before = children()

    with BoundedWorker() as worker:
        worker.run([{"do": "load", "prompts": {}}])
        (child,) = children() - before
        told = Path(f"/proc/{child}/environ").read_bytes()

    assert b"PATH=" in told
    assert b"sk-marked" not in told
