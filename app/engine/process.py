"""The engine as a child process: `seatrial _engine`. JSON lines in and out; it ends when its input ends.

In, first (all but `scenario` may be left out):
    {"do": "start", "scenario": NAME or PATH, "text": TOML, "log": PATH, "prompts": PATH, "data": PATH,
     "columns": {...}, "set": ["dotted.key=value", ...], "speed": NUMBER or null,
     "real": {"max_usd": NUMBER, "side_by_side": BOOL, "keep_answers": BOOL}, "keys": {ORIGIN: KEY}}
    With "text" that is the scenario, and "scenario" only says its name and the folder its paths start from. With "real" the
    calls are real (all but "max_usd" may be left out); "keys" are those that are in memory only, the others are looked up.
In, then:
    {"do": "change", "set": DOTTED PATH, "value": ANY, "label": TEXT},
    {"do": "speed", "factor": NUMBER or null}, {"do": "pause"}, {"do": "resume"}, {"do": "stop"}
Out:
    {"event": "notice" | "reading" | "started" | "progress" | "happened" | "refused" | "error" | "ended", ...}
    The last is "error", or "ended" with the run's number and state (null and "stopped" if it never began). With real
    calls "progress" has "real" as well: {"spent_usd", "cap_usd", "variants": [whose turn it is], "late_sends"}; its times
    are of that turn. A second "stop" gives up the calls that are under way.

Exit status: 0 after a run that ended, 2 when the input was wrong, 70 when Seatrial itself went wrong.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from app.engine.control import MAX_SPEED, Control
from app.engine.events import Event
from app.engine.run import Listener, Order, Progress, StoppedEarlyError, run_scenario
from app.errors import UserError, own_fault
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario, ready_made
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog

if TYPE_CHECKING:
    from app.engine.real_calls import RealCalls

_MICRO = 1e6


def serve_commands(commands: TextIO, out: TextIO) -> int:
    """Carry out one run as told; returns the exit status."""
    speaker = _Speaker(out)
    try:
        first = commands.readline()
        if not first.strip():
            return 0
        start = _started(first)
        order = _order(start)
        control = Control(_speed(start.get("speed"), "speed"))
        with SessionLog.open(_path(start, "log")) as log:
            reader = threading.Thread(
                target=_obey, args=(commands, control, speaker), name="commands", daemon=True
            )
            reader.start()
            run_id = run_scenario(order, log, control, _listener(speaker))
            speaker.say("ended", run=run_id, state=RunReader(log, run_id).record().state)
    except StoppedEarlyError:
        speaker.say("ended", run=None, state="stopped")
    except UserError as error:
        speaker.say("error", **_told(error))
        return 2
    except Exception as error:
        # Whoever listens must hear that it is over, and its standard error is for us.
        speaker.say("error", **_told(own_fault(error)))
        raise
    return 0


class _Speaker:
    """Writes JSON lines, whole, from any thread. When nobody listens any more it is silent."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def say(self, event: str, **details: Any) -> None:
        line = json.dumps({"event": event, **details}, ensure_ascii=False)
        with self._lock:
            try:
                self._out.write(line + "\n")
                self._out.flush()
            except (OSError, ValueError):
                return


def _obey(commands: Iterable[str], control: Control, speaker: _Speaker) -> None:
    """Pass commands on until there are no more; then the run is to stop."""
    try:
        for line in commands:
            if not line.strip():
                continue
            try:
                _pass_on(_parsed(line), control)
            except UserError as error:
                speaker.say("refused", **_told(error))
    finally:
        # Whatever ended it: nobody steers the run any more. A second stop would be a wish of its own.
        control.resume()
        if not control.stopping:
            control.stop()


def _pass_on(command: dict[str, Any], control: Control) -> None:
    match command.get("do"):
        case "change":
            path = command.get("set")
            if not isinstance(path, str) or "value" not in command:
                raise UserError("a change needs 'set' and 'value'", where="_engine")
            control.flip(path, command["value"], str(command.get("label", "")))
        case "speed":
            control.set_speed(_speed(command.get("factor"), "factor"))
        case "pause":
            control.pause()
        case "resume":
            control.resume()
        case "stop":
            control.stop()
        case other:
            raise UserError(
                f"unknown command {other!r}",
                where="_engine",
                do="There is change, speed, pause, resume and stop.",
            )


def _started(line: str) -> dict[str, Any]:
    start = _parsed(line)
    if start.get("do") != "start":
        raise UserError("the first command must be 'start'", where="_engine")
    return start


def _order(start: dict[str, Any]) -> Order:
    scenario = start.get("scenario")
    if not isinstance(scenario, str):
        raise UserError("'start' needs a 'scenario'", where="_engine")
    settings = start.get("set", [])
    columns = start.get("columns", {})
    if not isinstance(settings, list) or not isinstance(columns, dict):
        raise UserError("'set' must be a list and 'columns' a table", where="_engine")
    return Order(
        _scenario(scenario, start.get("text"), [str(each) for each in settings]),
        _path(start, "prompts"),
        _path(start, "data"),
        {str(variable): str(column) for variable, column in columns.items()},
        _real(start),
    )


def _real(start: dict[str, Any]) -> RealCalls | None:
    """Leave to make real calls, if it was given. No message has any part of a key."""
    given, held = start.get("real"), start.get("keys", {})
    if given is None:
        return None
    # Imported here, because what speaks to the network takes long to import.
    from pydantic import SecretStr

    from app.engine.real_calls import RealCalls
    from app.providers.keys import Keys

    kinds = {"max_usd": int | float, "side_by_side": bool, "keep_answers": bool}
    if not isinstance(given, dict) or any(
        name not in kinds or not isinstance(value, kinds[name]) for name, value in given.items()
    ):
        raise UserError("'real' is a table with max_usd, side_by_side and keep_answers", where="_engine")
    if isinstance(given.get("max_usd", True), bool):
        raise UserError("'real' needs 'max_usd', a number", where="_engine")
    if not isinstance(held, dict) or not all(isinstance(key, str) for key in held.values()):
        raise UserError("'keys' must be a table of texts", where="_engine")
    in_memory = {origin: SecretStr(key) for origin, key in held.items()}
    known = Keys()

    def key_for(origin: str) -> SecretStr | None:
        return in_memory[origin] if origin in in_memory else known.for_origin(origin)

    return RealCalls(**given, key_for=key_for)


def _scenario(name: str, text: object, settings: list[str]) -> ScenarioFile:
    """The scenario of this name, or what `text` makes of it."""
    if text is None:
        return open_scenario(name, settings)
    if not isinstance(text, str):
        raise UserError("'text' must be a scenario's text", where="_engine")
    return parse_scenario(text, ready_made().get(name) or Path(name), settings)


def _listener(speaker: _Speaker) -> Listener:
    def progress(each: Progress) -> None:
        speaker.say(
            "progress",
            run=each.run_id,
            state=each.state,
            virtual_s=each.virtual_us / _MICRO,
            end_s=each.end_us / _MICRO,
            offered=each.offered,
            in_flight=each.in_flight,
            virtual_s_per_s=each.per_s,
            **({} if each.real is None else {"real": asdict(each.real)}),
        )

    def happened(event: Event) -> None:
        speaker.say(
            "happened",
            at_s=event.at_us / _MICRO,
            kind=event.kind,
            label=event.label,
            details=dict(event.details),
        )

    return Listener(
        reading=lambda done, total: speaker.say("reading", done_bytes=done, total_bytes=total),
        notice=lambda text: speaker.say("notice", text=text),
        started=lambda run_id: speaker.say("started", run=run_id),
        progress=progress,
        happened=happened,
        refused=lambda error: speaker.say("refused", **_told(error)),
    )


def _parsed(line: str) -> dict[str, Any]:
    try:
        command = json.loads(line, parse_constant=_no_constant)
        json.dumps(command, ensure_ascii=False).encode()  # half a surrogate pair cannot be kept anywhere
    except (ValueError, RecursionError):
        raise UserError("a command is no JSON", where="_engine") from None
    if not isinstance(command, dict):
        raise UserError("a command must be a JSON object", where="_engine")
    return command


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _speed(value: object, what: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(min(value, MAX_SPEED * 2))  # an integer may be too large for a float
    raise UserError(f"'{what}' must be a number or null", where="_engine")


def _path(start: dict[str, Any], what: str) -> Path | None:
    value = start.get(what)
    if value is None or isinstance(value, str):
        return Path(value) if value else None
    raise UserError(f"'{what}' must be a path", where="_engine")


def _told(error: UserError) -> dict[str, str]:
    return {"what": error.what, "where": error.where, "do": error.do}
