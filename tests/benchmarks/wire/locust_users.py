"""`python locust_users.py URL BODY CALLS CONNECTIONS`: Locust's FastHttpUser, run where Locust is and nothing of ours.

Prints what `measured.Measured` holds. A user reads every answer to its end, as FastHttpUser does, and asks again.
"""
# mypy: ignore-errors

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter, process_time  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

from gevent.event import Event  # noqa: E402
from locust import constant, task  # noqa: E402
from locust.contrib.fasthttp import FastHttpUser  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.exception import StopUser  # noqa: E402

URL, BODY, CALLS, CONNECTIONS = sys.argv[1], Path(sys.argv[2]).read_bytes(), *map(int, sys.argv[3:])
PARTS = urlsplit(URL)


class Asking(FastHttpUser):
    """A user who asks as soon as the answer is there."""

    host = f"{PARTS.scheme}://{PARTS.netloc}"
    wait_time = constant(0)
    left = iter(range(CALLS))
    good = idle = 0

    @task
    def ask(self) -> None:
        if next(Asking.left, None) is None:
            Asking.idle += 1
            if Asking.idle == CONNECTIONS:
                finished.set()
            raise StopUser
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        answer = self.client.post(PARTS.path, data=BODY, headers=headers)
        whole = (answer.content or b"").endswith(b"data: [DONE]\n\n")
        Asking.good += whole


environment = Environment(user_classes=[Asking])
runner = environment.create_local_runner()
finished = Event()
began = process_time(), perf_counter()
runner.start(CONNECTIONS, spawn_rate=CONNECTIONS)
finished.wait()
took = process_time() - began[0], perf_counter() - began[1]
told = {
    "calls": CALLS,
    "good": Asking.good,
    "cpu_s": took[0],
    "wall_s": took[1],
    "late_s": [],
}
print(json.dumps(told), flush=True)
runner.quit()
