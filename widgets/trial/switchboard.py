"""The scenario as it is configured in the window: flipping its settings, taking that back, and what a run makes of it.

There are two of it. The *base* is what a run would start with and a file would hold: the file's text with every flip
applied. What is *shown* is the base, too, but while a run goes it also follows the changes that the scenario has
planned, which are the run's alone. This is about settings only: it starts no run and sends nothing to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.errors import UserError
from app.safeguards.listing import text_with_safeguards
from app.scenario.edit import check_changeable, with_setting
from app.scenario.explain import identity
from app.scenario.files import ScenarioFile, changed_text
from app.scenario.model import Scenario

Setting = tuple[str, Any]
"""A dotted path and the value to set there; None: what it is when left out."""

_SLIDING: Final = 1
"""The id of commands that may merge."""


@dataclass(frozen=True)
class _Base:
    """What a run would start with: the scenario, and the flips that lead there from the file."""

    scenario: Scenario
    flips: tuple[Setting, ...] = ()


@dataclass
class Refusal:
    """A flip that cannot be. The window that the user is in may take it, and tell it there."""

    error: UserError
    taken: bool = False


class Switchboard(QObject):
    """Attributes: `undo_stack` (its undo() and redo() do not ask whether a run permits it; use those of this class)."""

    flipped = Signal(str, object, str)
    """Path, value, label: a setting was changed while a run goes, and the engine should hear of it."""
    changed = Signal(object)
    """The Scenario that is shown is another now, or controls should fall back to it after a refusal."""
    refusing = Signal(object)
    """Refusal: for a dialog that shows it where the user is."""
    refused = Signal(object)
    """UserError: a flip that cannot be, and that no dialog has taken; nothing was changed."""
    modified_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.cleanChanged.connect(self._on_clean_changed)
        self._file: ScenarioFile | None = None
        self._base: _Base | None = None
        self._shown: Scenario | None = None
        self._running = False
        self._sent: list[Setting] = []
        """What was flipped and has not been heard back from the run."""

    # -- what there is ---------------------------------------------------------------------------------------------

    @property
    def loaded(self) -> bool:
        """Whether there is a scenario; until then the properties below must not be asked."""
        return self._file is not None

    @property
    def scenario(self) -> Scenario:
        """As it is now: what controls show."""
        assert self._shown is not None
        return self._shown

    @property
    def original(self) -> Scenario:
        """As its file has it."""
        assert self._file is not None
        return self._file.scenario

    @property
    def running(self) -> bool:
        """Whether a run goes, and flips must be such as it can take."""
        return self._running

    @property
    def modified(self) -> bool:
        """Whether there are flips that no file holds."""
        return not self.undo_stack.isClean()

    def base_text(self) -> str:
        """The scenario's text with every flip applied, its comments kept: for starting a run, or a file."""
        assert self._file is not None
        assert self._base is not None
        text = self._file.text
        plain: list[Setting] = []
        for path, value in self._base.flips:
            steps = path.split(".")
            if steps[0] == "variants" and len(steps) == 3 and steps[2] == "safeguards":
                text, plain = changed_text(text, plain) if plain else text, []
                text = text_with_safeguards(text, steps[1], value)
            else:
                plain.append((path, value))
        return changed_text(text, plain) if plain else text

    def value(self, path: str) -> Any:
        """What the scenario that is shown has at a dotted path; None where there is nothing."""
        return _value(self.scenario, path)

    # -- flipping --------------------------------------------------------------------------------------------------

    def load(self, file: ScenarioFile) -> None:
        """Take a scenario. Flips of the one before it are forgotten; a run that goes on is no longer followed."""
        self._file = file
        self._base = _Base(file.scenario)
        self._shown = file.scenario
        self._running = False
        self._sent = []
        self.undo_stack.clear()
        self.changed.emit(file.scenario)

    def flip(self, settings: Sequence[Setting], label: str, *, sliding: bool = False) -> bool:
        """Set all of these in this order, or nothing; each must leave a scenario that is sound.

        Returns whether it was done; `refused` tells why not. Consecutive flips of one path that are `sliding` are taken
        back as one.
        """
        assert self._base is not None
        try:
            shown, base = self.scenario, self._base
            for setting in settings:
                if self._running:
                    check_changeable(setting[0])
                shown, base = self._after(shown, base, setting)
        except UserError as error:
            self.refuse(error)
            return False
        if shown != self.scenario or base.scenario != self._base.scenario:
            mergeable = _SLIDING if sliding and len(settings) == 1 else -1
            self.undo_stack.push(_Flip(self, tuple(settings), label, (self._base, base), mergeable))
        return True

    def refuse(self, error: UserError) -> None:
        """Tell that a flip cannot be, and let the controls fall back to what is."""
        self._tell(error)
        if self._shown is not None:
            self.changed.emit(self._shown)

    @Slot()
    def undo(self) -> None:
        """Take the last flip back, if a run permits it."""
        if self._permitted(self.undo_stack.index() - 1):
            self.undo_stack.undo()

    @Slot()
    def redo(self) -> None:
        """Make it again, if a run permits it."""
        if self._permitted(self.undo_stack.index()):
            self.undo_stack.redo()

    def saved(self) -> None:
        """A file holds all flips now."""
        self.undo_stack.setClean()

    # -- a run -----------------------------------------------------------------------------------------------------

    def begin_run(self, scenario: Scenario | None = None) -> None:
        """A run of `scenario` begins; of the base, unless given."""
        assert self._base is not None
        self._running = True
        self._sent = []
        self._show(scenario or self._base.scenario)

    def end_run(self) -> None:
        """The run is over: what it changed by itself no longer counts."""
        if self._running:
            assert self._base is not None
            self._running = False
            self._sent = []
            self._show(self._base.scenario)

    def happened(self, path: str, value: Any) -> None:
        """The run has made a change. While a later flip of the same path is on its way to it, that is what counts."""
        if not self._running:
            return
        if (path, value) in self._sent:
            del self._sent[: self._sent.index((path, value)) + 1]
        if any(path == sent for sent, _ in self._sent):
            return
        with suppress(UserError):  # what this run's scenario has and the one that is shown has not
            shown = with_setting(self.scenario, path, value)
            if shown != self.scenario:
                self._show(shown)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _after(self, shown: Scenario, base: _Base, setting: Setting) -> tuple[Scenario, _Base]:
        """What is shown and the base after one setting. The base keeps out of what only the run has."""
        path, value = setting
        now = with_setting(shown, path, value)
        try:
            then = with_setting(base.scenario, path, value)
        except UserError:
            if not self._running:
                raise
            if not path.startswith("faults."):
                return now, base
            # The run has a fault that the base has not (yet, or any more): the base gets the whole of it.
            path = ".".join(path.split(".")[:2])
            value = _value(now, path)
            then = with_setting(base.scenario, path, value)
        if then == base.scenario:
            return now, base
        earlier = base.flips[:-1] if base.flips and base.flips[-1][0] == path else base.flips
        return now, _Base(then, (*earlier, (path, value)))

    def _permitted(self, index: int) -> bool:
        command = self.undo_stack.command(index) if index >= 0 else None
        if not isinstance(command, _Flip):
            return False
        try:
            for path, _ in command.settings if self._running else ():
                check_changeable(path)
        except UserError as error:
            self.refuse(error)
            return False
        return True

    def _apply(self, settings: Sequence[Setting], label: str, base: _Base) -> None:
        """Make these settings the shown ones, and `base` the base; called by the undo stack."""
        self._base = base
        if not self._running:
            self._show(base.scenario)
            return
        for setting in settings:
            path, value = _for_a_run(setting)
            try:
                shown = with_setting(self.scenario, path, value)
            except UserError as error:
                self._tell(error)
                continue
            if shown != self.scenario:
                self._shown = shown
                self._sent.append((path, value))
                self.flipped.emit(path, value, label)
        self._show(self.scenario)

    def _show(self, scenario: Scenario) -> None:
        self._shown = scenario
        self.changed.emit(scenario)

    def _tell(self, error: UserError) -> None:
        refusal = Refusal(error)
        self.refusing.emit(refusal)
        if not refusal.taken:
            self.refused.emit(error)

    @Slot(bool)
    def _on_clean_changed(self, clean: bool) -> None:
        self.modified_changed.emit(not clean)


class _Flip(QUndoCommand):
    """Settings with what they were before, in what is shown; and the base before and after."""

    def __init__(
        self,
        board: Switchboard,
        settings: tuple[Setting, ...],
        label: str,
        bases: tuple[_Base, _Base],
        mergeable: int,
    ) -> None:
        super().__init__(label)
        self.settings = settings
        self._board = board
        self._before = tuple((path, board.value(path)) for path, _ in reversed(settings))
        self._bases = bases
        self._mergeable = mergeable

    def id(self) -> int:
        """What commands it may merge with."""
        return self._mergeable

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802
        """Take the later move of the same slider in."""
        if not isinstance(other, _Flip) or other.settings[0][0] != self.settings[0][0]:
            return False
        self.settings = other.settings
        self._bases = (self._bases[0], other._bases[1])
        return True

    def redo(self) -> None:
        """Set."""
        self._board._apply(self.settings, self.text(), self._bases[1])

    def undo(self) -> None:
        """Set what it was before."""
        self._board._apply(self._before, f"Undone: {self.text()}", self._bases[0])


def _for_a_run(setting: Setting) -> Setting:
    """The setting as a run should hear it: a fault is switched off and not taken out, as what is under way refers to it
    by its place among the others."""
    path, value = setting
    if value is None and path.startswith("faults.") and path.count(".") == 1:
        return f"{path}.on", False
    return setting


def _value(scenario: Scenario, path: str) -> Any:
    here: Any = scenario.model_dump(mode="json", by_alias=True)
    for step in path.split("."):
        if isinstance(here, list):
            here = next((entry for entry in here if identity(entry) == step), None)
        else:
            here = here.get(step) if isinstance(here, dict) else None
    return here
