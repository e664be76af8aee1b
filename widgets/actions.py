"""One table of everything a person can do from a menu, by key, or from the palette: id, title, menu, key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

MENUS: Final = ("&File", "&Run", "&Edit", "&View", "&Go", "&Help")


@dataclass(frozen=True)
class ActionSpec:
    """A thing to do. `keys` is a shortcut as Qt writes it; `tip` says in one sentence what happens."""

    id: str
    title: str
    menu: str
    keys: str = ""
    tip: str = ""
    checkable: bool = False
    section: int = 0
    """A line parts the sections of a menu."""


ACTIONS: Final = (
    ActionSpec("open_scenario", "&Open scenario…", "&File", "Ctrl+O", "Open a scenario file."),
    ActionSpec(
        "ready_made",
        "&Ready-made scenarios…",
        "&File",
        "Ctrl+Shift+O",
        "Choose one of the scenarios that come with Seatrial.",
    ),
    ActionSpec("use_my_data", "&Use my data…", "&File", "Ctrl+D", "Run your own prompts and sample data."),
    ActionSpec(
        "save_scenario",
        "&Save scenario as…",
        "&File",
        "Ctrl+Shift+S",
        "Write the scenario, with all switches as they are, to a file.",
    ),
    ActionSpec(
        "import_run",
        "&Import run…",
        "&File",
        "Ctrl+I",
        "Read an exported run into the session log.",
        section=1,
    ),
    ActionSpec(
        "export_run", "&Export run…", "&File", "Ctrl+E", "Write the run that is shown to a file.", section=1
    ),
    ActionSpec(
        "copy_summary",
        "&Copy summary for a slide",
        "&File",
        "Ctrl+Shift+C",
        "Copy what the summary says, with its numbers, as text.",
        section=2,
    ),
    ActionSpec("quit", "&Quit", "&File", "Ctrl+Q", "Close the window. A run is stopped and kept.", section=3),
    ActionSpec("run", "&Run", "&Run", "F5", "Start a run with the switches as they are."),
    ActionSpec("pause", "&Pause", "&Run", "F6", "Hold virtual time, or go on.", checkable=True),
    ActionSpec("stop", "&Stop", "&Run", "F7", "Let no further requests arrive, and keep the run."),
    ActionSpec(
        "speed_1", "Real time (×&1)", "&Run", "Ctrl+1", "One second on screen is one second.", True, 1
    ),
    ActionSpec("speed_10", "Ten times (×1&0)", "&Run", "Ctrl+2", "One second on screen is ten.", True, 1),
    ActionSpec("speed_max", "As fast as it goes (&max)", "&Run", "Ctrl+3", "Run without waiting.", True, 1),
    ActionSpec(
        "faults_off",
        "All failures &off",
        "&Run",
        "Ctrl+Shift+F",
        "Switch every failure off at once.",
        section=2,
    ),
    ActionSpec(
        "keys",
        "&Keys for real calls…",
        "&Run",
        "",
        "See, add, test and delete the keys that real calls take.",
        section=3,
    ),
    ActionSpec(
        "calibrate",
        "&Calibrate…",
        "&Run",
        "",
        "Measure a real target with a few dozen real calls, and fit the simulated one to it.",
        section=3,
    ),
    ActionSpec(
        "serve",
        "Ser&ve your own app…",
        "&Run",
        "Ctrl+Shift+V",
        "Have your own app call this scenario, or its real provider through it.",
        section=3,
    ),
    ActionSpec("undo", "&Undo", "&Edit", "Ctrl+Z", "Take back the last change of a switch."),
    ActionSpec("redo", "&Redo", "&Edit", "Ctrl+Shift+Z", "Make it again."),
    ActionSpec(
        "find_request",
        "&Find requests",
        "&Edit",
        "Ctrl+F",
        "Go to the filter of the request table.",
        section=1,
    ),
    ActionSpec(
        "hold_view",
        "&Hold the view",
        "&View",
        "Ctrl+H",
        "Stop the charts while the run goes on.",
        checkable=True,
    ),
    ActionSpec("reset_view", "Show the &whole run", "&View", "Ctrl+0", "Zoom out to the whole run."),
    ActionSpec(
        "more_charts",
        "More &charts",
        "&View",
        "Ctrl+M",
        "One more chart: how many calls a request takes.",
        True,
    ),
    ActionSpec(
        "appearance_system", "As the &system has it", "&View", "", "Follow its light or dark.", True, 1
    ),
    ActionSpec("appearance_light", "&Light", "&View", "", "Dark on light.", True, 1),
    ActionSpec("appearance_dark", "&Dark", "&View", "", "Light on dark.", True, 1),
    ActionSpec("present", "&Present", "&View", "F11", "Full screen, large type, act by act.", True, 2),
    ActionSpec(
        "next_act", "&Next act", "&View", "PgDown", "Go on to the next act of the scenario.", section=2
    ),
    ActionSpec("previous_act", "Previous &act", "&View", "PgUp", "Go back one act.", section=2),
    ActionSpec("go_trial", "&Trial", "&Go", "Alt+1", "Watch a run and flip switches.", True),
    ActionSpec("go_runs", "&Runs", "&Go", "Alt+2", "All runs that were kept.", True),
    ActionSpec("go_compare", "&Compare", "&Go", "Alt+3", "Runs and variants side by side.", True),
    ActionSpec(
        "palette", "&Find an action…", "&Go", "Ctrl+K", "Type a few letters of what to do.", section=1
    ),
    ActionSpec("tour", "&Show me around", "&Help", "F1", "The first run again, with its callouts."),
    ActionSpec("assumptions", "Ass&umptions…", "&Help", "", "Every number that a simulation cannot measure."),
    ActionSpec(
        "validation",
        "&Is it right?…",
        "&Help",
        "",
        "Run known results of queues, retries and caches, and see ours beside them.",
    ),
    ActionSpec(
        "stability",
        "Will it &recover?",
        "&Help",
        "",
        "Load, capacity and retries: whether each variant comes back after an outage.",
    ),
    ActionSpec("log_file", "Session &log…", "&Help", "", "Where the runs are kept, and how large that is."),
    ActionSpec("about", "&About Seatrial", "&Help", "", "Version and licence.", section=1),
)


class Actions(QObject):
    """A QAction for each entry of the table, by id. Whoever does a thing connects to `triggered` of its action."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._by_id: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(spec.title, self)
            action.setObjectName(spec.id)
            action.setCheckable(spec.checkable)
            if spec.keys:
                action.setShortcut(QKeySequence(spec.keys))
            action.setStatusTip(spec.tip)
            self._by_id[spec.id] = action
            action.setToolTip(self.tip(spec))

    def tip(self, spec: ActionSpec) -> str:
        """The tooltip: what it does, and its key."""
        keys = self._by_id[spec.id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        return f"{spec.tip} ({keys})" if keys else spec.tip

    def __getitem__(self, name: str) -> QAction:
        return self._by_id[name]

    def __iter__(self) -> Iterator[ActionSpec]:
        return iter(ACTIONS)
