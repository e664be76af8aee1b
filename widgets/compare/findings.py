"""What a comparison found, one under the other: settings that differ, numbers, curves, requests saved and lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.analysis.comparison import Comparison
from app.analysis.comparison_text import honesty
from app.analysis.curves import Curves
from app.analysis.pairing import Pairing
from widgets.appearance import Appearance
from widgets.charts.overlay import OverlayBoard
from widgets.compare.grid import Grid
from widgets.compare.numbers import RequestNumbers
from widgets.compare.tables import headings, metric_rows, setting_rows
from widgets.wheel import scroll_past

_MOST_SETTINGS: Final = 9
_MOST_METRICS: Final = 28
_CHART_LINES: Final = 26


class Findings(QScrollArea):
    """Shows one comparison. `request_picked(run_id, number)`: somebody wants to see that request.

    Attributes: `settings` and `metrics` (tables), `everything` (whether equal settings are shown), `board` (charts),
    `beside` (which side is paired with the first), `saved` and `lost` (lists).
    """

    request_picked = Signal(object, object)

    def __init__(self, appearance: Appearance, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("findings")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._compared: Comparison | None = None
        inside = QWidget(self)
        self._layout = QVBoxLayout(inside)
        self._layout.setContentsMargins(0, 0, 8, 8)
        self.everything = QCheckBox("&Show the settings that are alike, too", inside)
        self.everything.setObjectName("compare_everything")
        self.everything.toggled.connect(self._fill_settings)
        self._headline("Settings", self.everything)
        self.same = self._text("compare_same")
        self.settings = Grid("compare_settings", "Settings side by side", _MOST_SETTINGS, appearance, inside)
        self._layout.addWidget(self.settings)
        self._headline("Numbers")
        self.metrics = Grid("compare_metrics", "Numbers side by side", _MOST_METRICS, appearance, inside)
        self._layout.addWidget(self.metrics)
        self.notes = self._text("compare_notes", "muted")
        self._headline("Over time")
        self.board = OverlayBoard(appearance, inside)
        self.board.setMinimumHeight(self.fontMetrics().height() * _CHART_LINES)
        self._layout.addWidget(self.board)
        self.beside = QComboBox(inside)
        self.beside.setObjectName("compare_beside")
        self.beside.setAccessibleName("Which side is set beside side A")
        self.beside.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.beside.setMinimumContentsLength(20)
        self.beside.activated.connect(self._fill_requests)
        scroll_past(self.beside)
        self._headline("Requests saved and lost", self.beside)
        self.pairing = self._text("compare_pairing")
        self.saved = RequestNumbers("compare_saved", inside)
        self.lost = RequestNumbers("compare_lost", inside)
        lists = QHBoxLayout()
        for each in (self.saved, self.lost):
            lists.addWidget(each)
            each.picked.connect(self._picked)
        self._layout.addLayout(lists)
        self._layout.addStretch(1)
        self.setWidget(inside)

    def show_comparison(self, compared: Comparison) -> None:
        """Show a comparison; its curves come later."""
        other = self._compared is None or [each.side for each in self._compared.sides] != [
            each.side for each in compared.sides
        ]
        self._compared = compared
        self._fill_settings()
        self.metrics.fill(headings(compared, "Metric"), metric_rows(compared))
        self.notes.setText(" ".join(("In brackets: against A.", *compared.notes, honesty(compared.sides))))
        self.beside.clear()
        self.beside.addItems(
            [f"{_letter(each.side)}: {compared.sides[each.side].label}" for each in compared.pairings]
        )
        self.beside.setVisible(len(compared.pairings) > 1)
        self._fill_requests()
        if other:
            self.board.show_curves([])
            self.verticalScrollBar().setValue(0)

    def show_curves(self, curves: Sequence[Curves]) -> None:
        """Show the sides' curves, in their order."""
        if self._compared is not None:
            titles = [f"{_letter(place)}: {each.label}" for place, each in enumerate(self._compared.sides)]
            self.board.show_curves(list(zip(titles, curves, strict=True)))

    @Slot()
    def _fill_settings(self) -> None:
        compared = self._compared
        if compared is None:
            return
        rows = setting_rows(compared, everything=self.everything.isChecked())
        self.settings.fill(headings(compared, "Setting"), rows)
        self.settings.setVisible(bool(rows))
        differ = sum(each.differs for each in compared.differences)
        alike = len(compared.differences) - differ
        if not compared.differences:
            self.same.setText("The settings cannot be compared; see below.")
        else:
            what = "1 setting differs" if differ == 1 else f"{differ or 'No'} settings differ"
            self.same.setText(f"{what}, {alike:,} are alike.")
        self.everything.setEnabled(bool(compared.differences))

    @Slot()
    def _fill_requests(self) -> None:
        compared, pairing = self._compared, self._pairing()
        if compared is None or pairing is None:
            return
        for each in (self.saved, self.lost):
            each.setVisible(pairing.paired)
        first, side = _letter(0), _letter(pairing.side)
        if not pairing.paired:
            self.pairing.setText(f"{side} and {first} cannot be paired. {pairing.why}")
            return
        text = f"{pairing.common:,} requests ended in both, {pairing.good_in_both:,} of them good in both."
        if pairing.only_first or pairing.only_side:
            text += f" {pairing.only_first:,} ended only in {first}, {pairing.only_side:,} only in {side}."
        self.pairing.setText(text)
        self.saved.fill(
            f"Saved: {pairing.saved.size:,} were good in {side} and not in {first}", pairing.saved
        )
        self.lost.fill(f"Lost: {pairing.lost.size:,} were good in {first} and not in {side}", pairing.lost)

    @Slot(object)
    def _picked(self, number: int) -> None:
        pairing = self._pairing()
        if self._compared is not None and pairing is not None:
            self.request_picked.emit(self._compared.sides[pairing.side].side.run_id, number)

    def _pairing(self) -> Pairing | None:
        place = self.beside.currentIndex()
        return self._compared.pairings[place] if self._compared is not None and place >= 0 else None

    def _headline(self, text: str, *beside: QWidget) -> None:
        heading = QLabel(text, self)
        heading.setProperty("role", "heading")
        row = QHBoxLayout()
        row.setContentsMargins(0, 10, 0, 0)
        row.addWidget(heading)
        row.addStretch(1)
        for widget in beside:
            row.addWidget(widget)
        self._layout.addLayout(row)

    def _text(self, name: str, tone: str = "") -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setProperty("tone", tone)
        label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._layout.addWidget(label)
        return label


def _letter(place: int) -> str:
    return chr(ord("A") + place)
