"""The window's hold on the engine: starts it as a child process, sends commands, turns what it says into signals.

It shows nothing and reads no log: numbers come from the session log (see `run_watch`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from PySide6.QtCore import QObject, QProcess, Signal

from app.engine.child import engine_command
from app.errors import UserError
from widgets.child_link import ChildLink
from widgets.real_calls.leave import Leave

_COALESCED: Final = ("progress", "reading")
"""Of several of these read at once only the last is told: each makes those before it worthless."""
_END_WITHIN_MS: Final = 1_500
"""It takes a moment at most: a run that is stopped does not wait for the clock any more."""


@dataclass(frozen=True)
class EngineOrder:
    """What to run. `scenario` is a ready-made one's name or a path; with `text`, the TOML to use in its place, it only
    says the name and the folder. `log` None is the default log; `speed` is virtual seconds a second, None for as fast
    as it goes; `columns` maps prompt variables to columns. With `real` it makes real calls, with `keys` by origin beside
    those that the engine finds itself."""

    scenario: str
    text: str | None = None
    log: Path | None = None
    prompts: Path | None = None
    data: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    speed: float | None = None
    real: Leave | None = None
    keys: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Progress:
    """How far the run is. `state` is running, paused or ended; times are virtual seconds, `virtual_s_per_s` measured. With
    real calls, `spent_usd` of `cap_usd` is spent, and `turn` are the variants whose turn it is."""

    run_id: int
    state: str
    virtual_s: float
    end_s: float
    offered: int
    in_flight: int
    virtual_s_per_s: float
    spent_usd: float | None = None
    cap_usd: float | None = None
    turn: tuple[str, ...] = ()


@dataclass(frozen=True)
class Happened:
    """An event of the run, as in the session log; `at_s` is virtual seconds."""

    at_s: float
    kind: str
    label: str
    details: Mapping[str, Any]


class EngineLink(ChildLink):
    """One engine at a time. Of `ended`, `failed` and `died` exactly one comes for each start, once the process is gone,
    so that whoever hears it may start again; none after `close`. Commands without a run under way do nothing.

    started(run_id)             the run is in the log
    progress(Progress)          about ten times a second
    happened(Happened)          a change took effect, an incident began or ended
    notice(text)                something to know about the inputs
    reading(done, total)        bytes of the data read, before the run begins
    refused(UserError)          a change could not be made; the run goes on
    ended(run_id, state)        finished or stopped; run_id is None if it was stopped before it began
    failed(UserError)           the input was wrong: there is no run
    died(text)                  the process went away without a word: exit status and its last lines
    """

    started = Signal(object)
    progress = Signal(object)
    happened = Signal(object)
    notice = Signal(str)
    reading = Signal(float, float)
    refused = Signal(object)
    ended = Signal(object, str)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None, *, command: Sequence[str] | None = None) -> None:
        """`command` is what to start in place of this Seatrial's own engine."""
        super().__init__("the engine", _END_WITHIN_MS, parent)
        self._command = list(command or engine_command())
        self._last_word: dict[str, Any] | None = None

    def start(self, order: EngineOrder) -> None:
        """Start an engine with this order. Raises RuntimeError while one is at work."""
        self._begin(self._command)
        self._last_word = None
        self._send(
            do="start",
            **_real(order),
            scenario=order.scenario,
            text=order.text,
            log=None if order.log is None else str(order.log),
            prompts=None if order.prompts is None else str(order.prompts),
            data=None if order.data is None else str(order.data),
            columns=dict(order.columns),
            speed=order.speed,
        )

    def change(self, path: str, value: object, label: str = "") -> None:
        """Flip a switch: the setting at the dotted path has `value` (anything JSON can hold) as soon as can be."""
        self._send(do="change", set=path, value=value, label=label)

    def set_speed(self, factor: float | None) -> None:
        """Go on at so many virtual seconds a second; None is as fast as it goes."""
        self._send(do="speed", factor=factor)

    def pause(self) -> None:
        """Hold virtual time."""
        self._send(do="pause")

    def resume(self) -> None:
        """Let it go on."""
        self._send(do="resume")

    def stop(self) -> None:
        """Let no further requests arrive; the run ends when those under way have ended."""
        self._send(do="stop")

    def _send(self, **command: object) -> None:
        # What has said its last word, or never began, hears nothing; Qt would warn of a write to it.
        if (
            self._process is not None
            and self._last_word is None
            and self._process.state() != QProcess.ProcessState.NotRunning
        ):
            self._process.write(json.dumps(command).encode() + b"\n")

    def _lines_came(self, lines: Sequence[bytes]) -> None:
        messages = [message for line in lines if (message := _parsed(line)) is not None]
        last = {message["event"]: index for index, message in enumerate(messages)}
        for index, message in enumerate(messages):
            if message["event"] not in _COALESCED or last[message["event"]] == index:
                self._tell(message)

    def _tell(self, message: dict[str, Any]) -> None:
        """Pass on what it said. What is not as agreed is not understood, and passed over."""
        try:
            match message["event"]:
                case "started":
                    self.started.emit(int(message["run"]))
                case "progress":
                    self.progress.emit(_progress(message))
                case "happened":
                    details = dict(message["details"])
                    self.happened.emit(
                        Happened(float(message["at_s"]), message["kind"], message["label"], details)
                    )
                case "notice":
                    self.notice.emit(str(message["text"]))
                case "reading":
                    self.reading.emit(float(message["done_bytes"]), float(message["total_bytes"]))
                case "refused":
                    self.refused.emit(_user_error(message))
                case "ended" | "error":
                    self._last_word = message
                    if self._process is not None:
                        self._process.closeWriteChannel()
        except (KeyError, TypeError, ValueError):
            return

    def _over(self, code: int, crashed: bool) -> None:
        word = self._last_word
        if word is None:
            self.died.emit(self._death(f"signal {code}" if crashed else f"exit status {code}"))
        elif word["event"] == "ended":
            run_id = word.get("run")
            self.ended.emit(run_id if isinstance(run_id, int) else None, str(word.get("state", "")))
        else:
            self.failed.emit(_user_error(word))

    def _death(self, how: str) -> str:
        return "\n".join([f"The engine ended unexpectedly ({how}).", *self._last_lines])


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The message in a line; None for anything else."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("event"), str) else None


def _real(order: EngineOrder) -> dict[str, object]:
    """What the start of real calls says beside that of a simulation. Keys go by the pipe, and nowhere else."""
    if order.real is None:
        return {}
    keys = {origin: key.get_secret_value() for origin, key in order.keys.items()}
    return {"real": asdict(order.real), "keys": keys}


def _progress(message: dict[str, Any]) -> Progress:
    real = message.get("real") or {}
    return Progress(
        int(message["run"]),
        str(message["state"]),
        float(message["virtual_s"]),
        float(message["end_s"]),
        int(message["offered"]),
        int(message["in_flight"]),
        float(message["virtual_s_per_s"]),
        float(real["spent_usd"]) if real else None,
        float(real["cap_usd"]) if real else None,
        tuple(real["variants"]) if real else (),
    )


def _user_error(message: dict[str, Any]) -> UserError:
    return UserError(
        str(message.get("what", "")), where=str(message.get("where", "")), do=str(message.get("do", ""))
    )
