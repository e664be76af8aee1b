"""`seatrial serve`: the simulated provider as a local HTTP endpoint, or a proxy in front of a real one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from json import dumps, loads
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.application import OK, Columns, Data, Json, Log, Prompts, ScenarioName, Settings, cli, pairs_of

if TYPE_CHECKING:
    from types import FrameType

    from app.serve.recorder import Recorder
    from app.serve.route import Route
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
    upstream: Annotated[
        str,
        typer.Option(metavar="URL", help="Pass calls on to this provider, struck by the scenario's faults."),
    ] = "",
    safeguards: Annotated[
        str,
        typer.Option(
            metavar="VARIANT", help="Put this variant's safeguards (or a preset's) behind each call."
        ),
    ] = "",
    buffer: Annotated[
        bool, typer.Option("--buffer", help="Hold answers until they are whole, so that they can be checked.")
    ] = False,
    key: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Add this key of 'seatrial keys' to calls.")
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(metavar="USD", help="What the calls that are passed on may cost.")
    ] = None,
    prompts: Prompts = None,
    data: Data = None,
    columns: Columns = None,
    settings: Settings = None,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Keep what passes as a run in the session log.")
    ] = True,
    steered: Annotated[bool, typer.Option("--steered", hidden=True)] = False,
    log: Log = None,
    json: Json = False,
) -> int:
    """Serve the scenario's simulated provider to your own program, in real time, until Ctrl+C.

    It speaks OpenAI chat completions and responses, and Anthropic messages. Nothing is sent anywhere, unless with
    --upstream: then your program's own calls are passed on as they are, but for the scenario's faults. What passes is
    kept as a run in the session log, but for what was said.
    """
    import asyncio

    from app import terminal
    from app.engine.draws import Draws
    from app.engine.questions import QuestionBook
    from app.errors import UserError
    from app.inputs.bounded import BoundedWorker
    from app.inputs.preparation import prepare_inputs
    from app.scenario.files import open_scenario, parse_scenario
    from app.scenario.rehearsal import rehearse_changes
    from app.serve.application import data_application
    from app.serve.recorder import Recorded, Recorder
    from app.serve.route import Wishes, check_no_loop, routed
    from app.serve.sandbox import Sandbox, served
    from app.serve.server import Service, opened_doors

    route: Route | None = None
    if steered:
        # A window's child: it hears the scenario's text, and ends when its input does.
        told_text = loads(sys.stdin.readline())["text"]
        file = parse_scenario(told_text, Path(scenario), settings or ())
    else:
        file = open_scenario(scenario, settings or ())
    if upstream:
        from app.providers.keys import Keys

        wishes = Wishes(upstream, tuple(key or ()), max_usd, safeguards, buffer)
        file, route, notices = routed(file, wishes, Keys())
        for notice in notices:
            terminal.say_notice(notice)
    else:
        for option, given in (
            ("--safeguards", safeguards),
            ("--buffer", buffer),
            ("--key", key),
            ("--max-usd", max_usd is not None),
        ):
            if given:
                raise UserError(
                    "this is about calls that are passed on", where=option, do="Give --upstream as well."
                )
        file = served(file)
    rehearse_changes(file.scenario)
    with opened_doors(port, admin_port) as doors, BoundedWorker() as worker:
        if route is not None:
            check_no_loop(route, (doors.data_port, doors.admin_port))
        inputs = prepare_inputs(file, worker, prompts=prompts, data=data, columns=pairs_of(columns or ()))
        draws = Draws(file.scenario.seed)
        questions = QuestionBook(inputs, draws, worker)
        facts = {"upstream": route and route.upstream.origin, "safeguards": safeguards or None}
        clock = "virtual" if route is None else "wall"
        recorded = Recorded(file, inputs, questions.expected_values, clock, facts)

        async def life() -> None:
            recorder: Recorder | None = None
            if route is None:
                recorder = Recorder.begin(log, recorded) if record else None
                sandbox = Sandbox(inputs, questions, draws, terminal.say_event_now, recorder)
                service = Service(sandbox, data_application(sandbox), doors, recorder, terminal.say_error)
            else:
                from app.serve.checking import checks_of
                from app.serve.proxy import Proxy

                lock, checks = checks_of(file.scenario, worker)
                recorder = Recorder.begin(log, recorded) if record else None
                proxy = Proxy(inputs, questions, route, terminal.say_event_now, recorder, checks, lock)
                service = Service(proxy, proxy, doors, recorder, terminal.say_error)
            told = _told(file.name, doors, recorder, route, safeguards)
            if steered:
                Thread(target=_stopped_by_end_of_input, args=(service.stop,), daemon=True).start()
            with _stopped_by_signals(service.stop):
                await service.serve(lambda: _say_where(told, json=json))

        asyncio.run(life())
    return OK


def _told(
    scenario: str, doors: Doors, recorder: Recorder | None, route: Route | None, safeguards: str
) -> dict[str, Any]:
    """Where it listens, and what for."""
    data, admin = (f"http://127.0.0.1:{port}" for port in (doors.data_port, doors.admin_port))
    told: dict[str, Any] = {
        "scenario": scenario,
        "url": data,
        "admin_url": admin,
        "admin_token": doors.token,
        "run": None if recorder is None else recorder.run_id,
        "upstream": None,
    }
    if route is not None:
        told |= {
            "upstream": route.upstream.origin,
            "base_path": route.upstream.base_url.removeprefix(route.upstream.origin).rstrip("/"),
            "client_token": route.token or None,
            "safeguards": safeguards or None,
        }
    return told


def _say_where(told: dict[str, Any], *, json: bool) -> None:
    from app import terminal

    if json:
        print(dumps(told))  # on one line: whoever reads it goes on while we serve
    elif told["upstream"] is None:
        terminal.say_served(told["scenario"], told["url"], told["admin_url"], told["admin_token"])
    else:
        terminal.say_passed_on(told)
    sys.stdout.flush()


def _stopped_by_end_of_input(stop: Callable[[], None]) -> None:
    while sys.stdin.read(1):
        pass
    with suppress(RuntimeError):  # it has ended by itself
        stop()


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
