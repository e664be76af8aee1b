"""The window's hold on `seatrial serve`: starts it as a child process, flips switches at its admin port, and ends it.

It shows nothing and reads no log: what passes is a run in the session log (see `run_watch`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QByteArray, QObject, QUrl, Signal, Slot
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkProxy, QNetworkReply, QNetworkRequest

from app.engine.child import seatrial_command
from app.errors import UserError
from widgets.child_link import ChildLink

_END_WITHIN_MS: Final = 3_000
_FIELDS: Final = {"--upstream": "Real provider", "--safeguards": "Safeguards"}
"""What the window calls the options that a refusal names."""
_IN_A_TERMINAL: Final = " Here: "
"""What follows it is how the command line does it (`UserError.option`)."""
_PATH: Final = "seatrial_path"
_VALUE: Final = "seatrial_value"


@dataclass(frozen=True)
class ServeOrder:
    """What to serve: a scenario's `text`, which stands at `path`; with an `upstream`, calls are passed on to it, behind a
    variant's `safeguards` (empty: none), and `buffer` holds answers until they are whole."""

    text: str
    path: Path
    log: Path | None = None
    prompts: Path | None = None
    data: Path | None = None
    columns: tuple[tuple[str, str], ...] = ()
    upstream: str = ""
    safeguards: str = ""
    buffer: bool = False

    def arguments(self) -> list[str]:
        """As the command line takes them."""
        given = ["serve", str(self.path), "--steered", "--json", "--port", "0"]
        for option, value in (
            ("--log", self.log),
            ("--prompts", self.prompts),
            ("--data", self.data),
            ("--upstream", self.upstream),
            ("--safeguards", self.safeguards),
        ):
            if value:
                given += [option, str(value)]
        for variable, column in self.columns:
            given += ["--map", f"{variable}={column}"]
        return [*given, "--buffer"] if self.buffer else given


class ServeLink(ChildLink):
    """One server at a time. After each `start` exactly one of `ended` and `died` comes, none after `close`.

    started(told)         it takes calls: what the command tells with --json
    changed(path, value)  a switch was flipped
    refused(UserError)    one was not
    ended()               it has ended in good order
    died(text)            it could not begin, or went away: its last lines
    """

    started = Signal(object)
    changed = Signal(str, object)
    refused = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("the server", _END_WITHIN_MS, parent)
        self.told: dict[str, Any] = {}
        """Where it listens; empty until it does."""
        self._network = QNetworkAccessManager(self)
        self._network.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))

    def start(self, order: ServeOrder) -> None:
        """Start a server. Raises RuntimeError while one is at work."""
        process = self._begin(seatrial_command(*order.arguments()))
        self.told = {}
        process.write(json.dumps({"text": order.text}).encode() + b"\n")

    def change(self, path: str, value: object) -> None:
        """Flip a switch, for calls that begin from now on."""
        if not self.told:
            return
        request = QNetworkRequest(QUrl(str(self.told["admin_url"])))
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        request.setRawHeader(
            QByteArray(b"Authorization"), QByteArray(f"Bearer {self.told['admin_token']}".encode())
        )
        body = json.dumps({"set": path, "value": value}).encode()
        reply = self._network.post(request, QByteArray(body))
        reply.setProperty(_PATH, path)
        reply.setProperty(_VALUE, json.dumps(value))
        reply.finished.connect(self._answered)

    def stop(self) -> None:
        """Take no more calls, and end."""
        if self._process is not None:
            self._process.closeWriteChannel()

    def close(self) -> None:
        """End it, and tell nothing any more."""
        super().close()
        self.told = {}

    def _lines_came(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and not self.told:
                self.told = told
                self.started.emit(told)

    @Slot()
    def _answered(self) -> None:
        reply = self.sender()
        assert isinstance(reply, QNetworkReply)
        reply.deleteLater()
        if reply.error() == QNetworkReply.NetworkError.NoError:
            self.changed.emit(str(reply.property(_PATH)), json.loads(str(reply.property(_VALUE))))
        elif self.told:
            try:
                why = str(json.loads(bytes(reply.readAll().data()))["error"]["message"])
            except (ValueError, TypeError, KeyError):
                why = reply.errorString()
            self.refused.emit(UserError(why))

    def _over(self, code: int, crashed: bool) -> None:
        served, self.told = bool(self.told), {}
        if code == 0 and served and not crashed:
            self.ended.emit()
        else:
            said = (line.removeprefix("seatrial: ").partition(_IN_A_TERMINAL)[0] for line in self._last_lines)
            words = "\n".join(line for line in said if line)
            for option, field in _FIELDS.items():
                words = words.replace(option, field)
            self.died.emit(words or f"The server ended unexpectedly (exit status {code}).")
