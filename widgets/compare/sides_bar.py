"""The sides to compare: two to four pickers of a run and one of its variants."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Final

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.analysis.comparison import MAX_SIDES, Side
from widgets.compare.compare_work import RunChoice

_LETTERS_SHOWN: Final = 9
_TWO_BESIDE_PX: Final = 900


class SidePicker(QWidget):
    """One side. `picked()` comes when the user chose another run or variant, `removed()` when it is not wanted."""

    picked = Signal()
    removed = Signal()

    def __init__(self, letter: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"side_{letter}")
        self._choices: Sequence[RunChoice] = ()
        label = QLabel(letter, self)
        label.setProperty("role", "badge")
        self.run = self._combo(f"side_{letter}_run", f"Run of side {letter}")
        self.variant = self._combo(f"side_{letter}_variant", f"Variant of side {letter}")
        self.remove = QToolButton(self)
        self.remove.setObjectName(f"side_{letter}_remove")
        self.remove.setText("×")
        self.remove.setAccessibleName(f"Remove side {letter}")
        self.remove.setToolTip(f"Remove side {letter}")
        self.remove.clicked.connect(self.removed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        layout.addWidget(self.run, 3)
        layout.addWidget(self.variant, 2)
        layout.addWidget(self.remove)
        self.run.activated.connect(self._run_chosen)
        self.variant.activated.connect(self.picked)

    def offer(self, choices: Sequence[RunChoice], side: Side | None) -> None:
        """Offer these runs, with a side chosen or none."""
        self._choices = choices
        self.run.clear()
        self.run.addItems([each.text for each in choices])
        places = {each.run_id: place for place, each in enumerate(choices)}
        self.run.setCurrentIndex(places.get(side.run_id, -1) if side else -1)
        self._offer_variants(side.variant if side else None)

    def side(self) -> Side | None:
        """What is chosen; None while something is not."""
        place, variant = self.run.currentIndex(), self.variant.currentIndex()
        if place < 0 or variant < 0:
            return None
        choice = self._choices[place]
        return Side(choice.run_id, choice.variants[variant][0])

    def _combo(self, name: str, accessible: str) -> QComboBox:
        combo = QComboBox(self)
        combo.setObjectName(name)
        combo.setAccessibleName(accessible)
        combo.setPlaceholderText("Choose…")
        # As wide as there is room, however long a run's name is; the list that opens shows all of it.
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(_LETTERS_SHOWN)
        combo.currentTextChanged.connect(partial(_tip, combo))
        return combo

    @Slot()
    def _run_chosen(self) -> None:
        before = self.side()
        self._offer_variants(before.variant if before else None)
        self.picked.emit()

    def _offer_variants(self, wanted: str | None) -> None:
        """The run's variants; the one wanted, or else the last, which as a rule is the one with safeguards."""
        place = self.run.currentIndex()
        variants = self._choices[place].variants if place >= 0 else ()
        self.variant.clear()
        self.variant.addItems([title for _, title in variants])
        names = [name for name, _ in variants]
        self.variant.setCurrentIndex(names.index(wanted) if wanted in names else len(names) - 1)


class SidesBar(QWidget):
    """All sides. `changed(list of Side)` comes when the user has chosen others and at least two are complete."""

    changed = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("sides")
        self._choices: Sequence[RunChoice] = ()
        self.pickers = [SidePicker(chr(ord("A") + place), self) for place in range(MAX_SIDES)]
        self.add = QPushButton("&Add a side", self)
        self.add.setObjectName("side_add")
        self.add.setToolTip(f"Up to {MAX_SIDES} runs or variants can be compared.")
        self.add.clicked.connect(self._add)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._beside = 0
        for picker in self.pickers:
            picker.picked.connect(self._tell)
            picker.removed.connect(self._remove)
        self._arrange(2)
        self._shown = 2
        self.offer((), ())

    def offer(self, choices: Sequence[RunChoice], sides: Sequence[Side]) -> None:
        """Offer these runs, with these sides chosen."""
        self._choices = choices
        self._shown = max(2, len(sides))
        for place, picker in enumerate(self.pickers):
            picker.offer(choices, sides[place] if place < len(sides) else None)
        self._show()

    @property
    def choices(self) -> Sequence[RunChoice]:
        """The runs there are to choose from, newest first."""
        return self._choices

    def sides(self) -> list[Side]:
        """The sides that are chosen, in order."""
        return [side for picker in self.pickers[: self._shown] if (side := picker.side()) is not None]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's)
        """Two pickers in a row where there is room."""
        super().resizeEvent(event)
        self._arrange(2 if event.size().width() >= _TWO_BESIDE_PX else 1)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's)
        """As narrow as one picker: two beside each other only where there is room."""
        narrow = (
            self.pickers[0].minimumSizeHint().width() + self._grid.spacing() + self.add.sizeHint().width()
        )
        return QSize(narrow, super().minimumSizeHint().height())

    def _arrange(self, beside: int) -> None:
        if beside == self._beside:
            return
        self._beside = beside
        for place, picker in enumerate(self.pickers):
            self._grid.addWidget(picker, place // beside, place % beside)
        self._grid.addWidget(self.add, 0, beside)
        for column in range(3):
            self._grid.setColumnStretch(column, int(column < beside))

    def _show(self) -> None:
        for place, picker in enumerate(self.pickers):
            picker.setVisible(place < self._shown)
            picker.remove.setEnabled(self._shown > 2)
        self.add.setEnabled(self._shown < MAX_SIDES and bool(self._choices))
        self.setEnabled(bool(self._choices))

    @Slot()
    def _add(self) -> None:
        self._shown += 1
        self._show()
        self.pickers[self._shown - 1].run.setFocus()

    @Slot()
    def _remove(self) -> None:
        place = self.pickers.index(self.sender())  # type: ignore[arg-type]
        kept = [picker.side() for at, picker in enumerate(self.pickers[: self._shown]) if at != place]
        self._shown -= 1
        for picker, side in zip(self.pickers, [*kept, *[None] * MAX_SIDES], strict=False):
            picker.offer(self._choices, side)
        self._show()
        self._tell()

    @Slot()
    def _tell(self) -> None:
        if len(sides := self.sides()) > 1:
            self.changed.emit(sides)


def _tip(combo: QComboBox, text: str) -> None:
    """What may not fit is in the tooltip, as plain text whatever somebody called a run."""
    combo.setToolTip(f"<qt>{escape(text)}</qt>" if text else "")
