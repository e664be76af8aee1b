"""What the window is about just now: the scenario with its switches, the run that is shown, the engine at work.

It joins switchboard, engine and log; it shows nothing itself. Everything shown of a run comes from the log, through
`pictured`; the engine is only steered here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal, Slot

from app.analysis.curves import Picture
from app.errors import UserError
from app.providers.keys import Keys
from app.scenario.acts import staged_text
from app.scenario.export import needed_inputs, scenario_text
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.scenario.model import Scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from widgets.engine_link import EngineLink, EngineOrder, Happened, Progress
from widgets.inputs.own_inputs import OwnInputs
from widgets.real_calls.leave import Leave
from widgets.run_watch import RunWatch
from widgets.serve_link import ServeLink, ServeOrder
from widgets.trial.switchboard import Switchboard

State = Literal["idle", "starting", "running", "paused", "stopping"]

SPEEDS: dict[str, float | None] = {"speed_1": 1.0, "speed_10": 10.0, "speed_max": None}
"""Virtual seconds a second, by action; None is as fast as it goes."""


class Session(QObject):
    """Attributes: `switchboard`, `inputs` (the user's own prompts and data), `keys` (those for real calls), `run_id` (the
    run that is shown), `state`, `speed`, `picture` (the newest), `real` (whether the engine's run, or its last one, makes
    real calls). Nothing blocks but `close`, which waits for the engine to write its end."""

    state_changed = Signal(str)
    scenario_opened = Signal(object)
    """ScenarioFile."""
    inputs_changed = Signal(object)
    """OwnInputs."""
    run_shown = Signal(object)
    """Its id, or None for nothing."""
    pictured = Signal(object)
    progressed = Signal(object)
    reading = Signal(float, float)
    noticed = Signal(str)
    refused = Signal(object)
    """UserError: a switch, a scenario or inputs that cannot be used."""
    died = Signal(str)
    """The engine went away in mid-run, with its last words."""
    happened = Signal(object)

    def __init__(self, log_path: Path | None, parent: QObject) -> None:
        super().__init__(parent)
        self.log_path = log_path
        self.switchboard = Switchboard(self)
        self.inputs = OwnInputs()
        self.keys = Keys()
        self.file: ScenarioFile | None = None
        self.run_id: int | None = None
        self.state: State = "idle"
        self.speed: float | None = 10.0
        self.picture: Picture | None = None
        self._engine_run: int | None = None
        self.real = False
        self.link = EngineLink(self)
        self.server = ServeLink(self)
        self.watch = RunWatch(log_path, self)
        self.switchboard.flipped.connect(self._on_flipped)
        self.switchboard.refused.connect(self.refused)
        self.watch.pictured.connect(self._on_picture)
        self.watch.vanished.connect(self._on_vanished)
        link = self.link
        link.started.connect(self._on_started)
        link.progress.connect(self._on_progress)
        link.reading.connect(self.reading)
        link.notice.connect(self.noticed)
        link.happened.connect(self._on_happened)
        link.refused.connect(self._on_refused)
        link.failed.connect(self._on_failed)
        link.ended.connect(self._on_ended)
        link.died.connect(self._on_died)
        server = self.server
        server.started.connect(self._on_served)
        server.changed.connect(self.switchboard.happened)
        server.refused.connect(self._on_refused)
        server.ended.connect(self._over)
        server.died.connect(self._on_not_served)

    @property
    def busy(self) -> bool:
        """Whether an engine is at work."""
        return self.state != "idle"

    @property
    def steering(self) -> bool:
        """Whether the run that is shown is the one that the engine works on."""
        return self.busy and self.run_id is not None and self.run_id == self._engine_run

    # -- what to run ------------------------------------------------------------------------------------

    def open_scenario(self, name: str) -> bool:
        """Open a ready-made scenario or a file; whether it could be. What is wrong with it is told by `refused`."""
        try:
            file = open_scenario(name)
        except UserError as error:
            self.refused.emit(error)
            return False
        self.open_file(file)
        return True

    def open_file(self, file: ScenarioFile) -> None:
        """Take a scenario; a run that goes on goes on."""
        self.file = file
        self.switchboard.load(file)
        self.scenario_opened.emit(file)

    def use_inputs(self, inputs: OwnInputs) -> None:
        """Take the user's own prompts and data from the next run on."""
        self.inputs = inputs
        self.inputs_changed.emit(inputs)

    # -- running ----------------------------------------------------------------------------------------

    def start(self, real: Leave | None = None) -> None:
        """Run the scenario with the switches as they are: simulated, unless there is leave to make real calls."""
        self._start(self.switchboard.base_text(), real)

    def start_staged(self) -> None:
        """Run the scenario as its acts play it, simulated."""
        text, file = self.switchboard.base_text(), self.file
        if file is not None:
            scenario = parse_scenario(text, file.path).scenario
            self.show_run(None)
            self._start(staged_text(text, scenario))

    def run_again(self, run_id: int) -> bool:
        """Open an earlier run's scenario, with all that was switched in it, and start it on the inputs that are chosen
        now; what those lack of the run's is told by `noticed`. One of real calls is only opened, as they are never made
        unasked. Whether it could be."""
        if self.busy:
            self.noticed.emit("A run goes on. Stop it first, then run the other one again.")
            return False
        try:
            with SessionLog.open(self.log_path, create=False) as log:
                reader = RunReader(log, run_id)
                real = reader.record().clock == "wall"
                file = parse_scenario(scenario_text(reader), Path(f"{reader.record().scenario}.toml"))
                hints = needed_inputs(reader)
        except UserError as error:
            self.refused.emit(error)
            return False
        if hints:
            self.noticed.emit(f"It runs on what is chosen now. For the same run: {'; '.join(hints)}.")
        self.open_file(file)
        if real:
            self.noticed.emit(
                "It made real calls. Choose Real calls as the provider to make them again, then press Run."
            )
        else:
            self.start()
        return True

    def serve(self, upstream: str, safeguards: str, *, buffer: bool) -> None:
        """Serve the scenario with the switches as they are to the user's own app; with an `upstream` pass its calls on."""
        file = self.file
        if self.busy or file is None:
            return
        self._engine_run = None
        self.switchboard.begin_run()
        self._be("starting")
        self.server.start(
            ServeOrder(
                self.switchboard.base_text(),
                file.path,
                self.log_path,
                self.inputs.prompts,
                self.inputs.data,
                tuple(dict(self.inputs.columns).items()),
                upstream,
                safeguards,
                buffer,
            )
        )

    def pause(self, paused: bool) -> None:
        """Hold virtual time, or go on."""
        if self.state not in ("running", "paused") or self.server.running:
            return
        if paused:
            self.link.pause()
        else:
            self.link.resume()
        self._be("paused" if paused else "running")

    def stop(self) -> None:
        """Let no further requests arrive; the run ends when those under way have."""
        if self.busy:
            if self.server.running:
                self.server.stop()
            else:
                self.link.stop()
            self._be("stopping")

    def set_speed(self, speed: float | None) -> None:
        """Virtual seconds a second, from now on."""
        self.speed = speed
        if self.busy and not self.real:
            self.link.set_speed(speed)

    def show_run(self, run_id: int | None) -> None:
        """Show a run of the log; a run of the engine's goes on in the background."""
        self.run_id = run_id
        self.picture = None
        self.run_shown.emit(run_id)
        self.watch.watch(run_id)

    def close(self) -> None:
        """Stop the engine, whose run is kept, and stop watching."""
        self.link.close()
        self.server.close()
        self.watch.close()

    # -- from engine and log ----------------------------------------------------------------------------

    def _start(self, text: str, real: Leave | None = None) -> None:
        file = self.file
        if self.busy or file is None:
            return
        self._engine_run = None
        self.real = real is not None
        self.switchboard.begin_run(parse_scenario(text, file.path).scenario)
        self._be("starting")
        self.link.start(
            EngineOrder(
                scenario=str(file.path),
                text=text,
                log=self.log_path,
                prompts=self.inputs.prompts,
                data=self.inputs.data,
                columns=dict(self.inputs.columns),
                speed=self.speed if real is None else None,
                real=real,
                keys={} if real is None else self.keys.in_memory(),
            )
        )

    def _be(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    @Slot(str, object, str)
    def _on_flipped(self, path: str, value: object, label: str) -> None:
        if self.server.running:
            if path.startswith("faults."):
                self.server.change(path, value)
            else:
                self.noticed.emit("Only failures reach your own app's calls. This counts from the next run.")
        elif self.busy:
            self.link.change(path, value, label)

    @Slot(object)
    def _on_started(self, run_id: int) -> None:
        self._engine_run = run_id
        if self.state == "starting":
            self._be("running")
        self.show_run(run_id)

    @Slot(object)
    def _on_served(self, told: dict[str, Any]) -> None:
        self._on_started(int(told["run"]))

    @Slot(str)
    def _on_not_served(self, words: str) -> None:
        self._over()
        self.refused.emit(UserError(words))

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        self.progressed.emit(progress)

    @Slot(object)
    def _on_happened(self, event: Happened) -> None:
        if event.kind == "change":
            self.switchboard.happened(event.details["set"], event.details["value"])
        self.happened.emit(event)

    @Slot(object)
    def _on_refused(self, error: UserError) -> None:
        self.refused.emit(error)

    @Slot(object)
    def _on_failed(self, error: UserError) -> None:
        self._over()
        self.refused.emit(error)

    @Slot(object, str)
    def _on_ended(self, _run_id: int | None, _state: str) -> None:
        self._over()

    @Slot(str)
    def _on_died(self, words: str) -> None:
        self._over()
        self.died.emit(words)

    @Slot()
    def _over(self) -> None:
        self.switchboard.end_run()
        self._be("idle")

    @Slot(object)
    def _on_picture(self, picture: Picture) -> None:
        if picture.record.run_id == self.run_id:
            self.picture = picture
            self.pictured.emit(picture)

    @Slot(str)
    def _on_vanished(self, why: str) -> None:
        self.noticed.emit(why)
        self.show_run(None)

    def scenario(self) -> Scenario:
        """What is configured now, as the controls show it."""
        return self.switchboard.scenario
