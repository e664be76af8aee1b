"""A quantity's distribution: the share of calls at or below each value, as measured and as fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.calibration.empirical import distribution
from app.calibration.report import Quantity
from widgets.appearance import Appearance
from widgets.charts.styles import small_font

_POINTS: Final = 200
_BEYOND: Final = 1.15
"""How far the axis goes beyond the largest value that was measured."""


class DistributionPlot(QWidget):
    """Measured is a solid staircase, fitted a dashed curve: `measured` and `fitted` in `plot`. Where calls were given up,
    the staircase ends below the top."""

    def __init__(
        self, appearance: Appearance, quantity: Quantity, predicted: NDArray[np.float64], parent: QWidget
    ) -> None:
        """`predicted` are values drawn from the profile, rising, for a quantity that is not fitted by itself."""
        super().__init__(parent)
        self._appearance = appearance
        self.plot = pg.PlotWidget(self)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        item = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.setMouseEnabled(x=False, y=False)
        item.hideButtons()
        item.setYRange(0, 1, padding=0.02)
        for side in ("bottom", "left"):
            # Here, as long as there is no label: later on it would first put the numbers into thousandths.
            item.getAxis(side).enableAutoSIPrefix(False)
        self._legend = item.addLegend(offset=(-8, -8))
        self.measured = self.plot.plot(stepMode="right", name="measured")
        self.fitted = self.plot.plot(name="fitted")
        self._fill(quantity, predicted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.setAccessibleName(f"{quantity.title}: share of calls by {quantity.unit}, measured and fitted")
        self._unit = quantity.unit
        appearance.changed.connect(self._dress)
        self._dress()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Some room, and less where there is none."""
        return QSize(360, 220)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As little as still shows a curve."""
        return QSize(160, 110)

    def _fill(self, quantity: Quantity, predicted: NDArray[np.float64]) -> None:
        values, below = distribution(quantity.fitted.sample)
        if not len(values):
            return
        end = float(values[-1]) * _BEYOND
        self.measured.setData(*_staircase(values, below, end))
        at = np.linspace(end / _POINTS, end, _POINTS)
        if quantity.by_profile:
            if len(predicted):
                self.fitted.setData(at, np.searchsorted(predicted, at) / len(predicted))
        elif quantity.fitted.fit is not None:
            self.fitted.setData(at, quantity.fitted.fit.cdf(at))
        self.plot.getPlotItem().setXRange(0, end, padding=0)

    @Slot()
    def _dress(self) -> None:
        theme = self._appearance.theme
        self.plot.setBackground(theme.surface)
        solid, dashed = QPen(theme.colour("ink"), 2), QPen(theme.colour("accent"), 2)
        dashed.setDashPattern([4, 2.5])
        for curve, pen in ((self.measured, solid), (self.fitted, dashed)):
            pen.setCosmetic(True)
            curve.setPen(pen)
        muted = theme.colour("muted")
        for side, text in (("bottom", self._unit), ("left", "share of calls")):
            axis = self.plot.getPlotItem().getAxis(side)
            axis.setPen(QPen(theme.colour("line")))
            axis.setTextPen(QPen(muted))
            axis.setTickFont(small_font(theme))
            axis.setLabel(text, color=muted.name())
        self._legend.setLabelTextColor(theme.colour("ink"))
        for _, label in self._legend.items:
            label.setText(label.text, color=theme.ink)


def _staircase(
    values: NDArray[np.float64], below: NDArray[np.float64], end: float
) -> tuple[Sequence[float], Sequence[float]]:
    """The distribution from 0 on, and on to the end of the axis."""
    return [0.0, *values, end], [0.0, *below, float(below[-1])]
