"""`seatrial serve`: the simulated provider as a local HTTP endpoint."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.application import OK, Columns, Data, Json, Log, Prompts, ScenarioName, Settings, cli, pairs_of

if TYPE_CHECKING:
    from types import FrameType

    from app.serve.recorder import Recorder
    from app.serve.server import Doors

PORT = 8642


@cli.command()
def serve(
    scenario: ScenarioName = "support-assistant",
    *,
    port: Annotated[int, typer.Option(metavar="N", help="The port on 127.0.0.1; 0 for a free one.")] = PORT,
    admin_port: Annotated[
        int, typer.Option(metavar="N", help="The port with the switches; 0 for a free one.")
    ] = 0,
    prompts: Prompts = None,
    data: Data = None,
    columns: Columns = None,
    settings: Settings = None,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Keep what passes as a run in the session log.")
    ] = True,
    log: Log = None,
    json: Json = False,
) -> int:
    """Serve the scenario's simulated provider to your own program, in real time, until Ctrl+C.

    It speaks OpenAI chat completions and responses, and Anthropic messages. Nothing is sent anywhere.
    What passes is kept as a run in the session log, but for what was said.
    """
    import asyncio

    from app import terminal
    from app.engine.draws import Draws
    from app.engine.questions import QuestionBook
    from app.inputs.bounded import BoundedWorker
    from app.inputs.preparation import prepare_inputs
    from app.scenario.files import open_scenario
    from app.scenario.rehearsal import rehearse_changes
    from app.serve.application import data_application
    from app.serve.recorder import Recorded, Recorder
    from app.serve.sandbox import Sandbox, served
    from app.serve.server import Service, opened_doors

    file = served(open_scenario(scenario, settings or ()))
    rehearse_changes(file.scenario)
    with opened_doors(port, admin_port) as doors, BoundedWorker() as worker:
        inputs = prepare_inputs(file, worker, prompts=prompts, data=data, columns=pairs_of(columns or ()))
        draws = Draws(file.scenario.seed)
        questions = QuestionBook(inputs, draws, worker)

        kept = Recorded(file, inputs, questions.expected_values, "virtual", {"upstream": None})
        recorder = Recorder.begin(log, kept) if record else None

        async def life() -> None:
            sandbox = Sandbox(inputs, questions, draws, terminal.say_event_now, recorder)
            service = Service(sandbox, data_application(sandbox), doors, recorder, terminal.say_error)
            with _stopped_by_signals(service.stop):
                await service.serve(lambda: _say_where(file.name, doors, recorder, json=json))

        asyncio.run(life())
    return OK


def _say_where(scenario: str, doors: Doors, recorder: Recorder | None, *, json: bool) -> None:
    from app import terminal

    data, admin = (f"http://127.0.0.1:{port}" for port in (doors.data_port, doors.admin_port))
    if json:
        run = None if recorder is None else recorder.run_id
        told = {"scenario": scenario, "url": data, "admin_url": admin, "admin_token": doors.token, "run": run}
        print(dumps(told))  # on one line: whoever reads it goes on while we serve
    else:
        terminal.say_served(scenario, data, admin, doors.token)
    sys.stdout.flush()


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl+C, or the system's wish to end it, ends the service in good order; a second one ends the program."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop()

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
