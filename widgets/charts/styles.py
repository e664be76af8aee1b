"""How a variant is told from another: one line style each, by its place in the scenario; the charts' type and tooltips."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QHelpEvent, QPen
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from widgets.theme import OUTCOME_MARKS, SAVED_MARKS, Theme


@dataclass(frozen=True)
class LineStyle:
    """Colour (None: the theme's ink) and dashes, in widths of the pen; `word` says them to who cannot see them."""

    word: str
    colour: str | None
    dashes: tuple[float, ...] = ()

    def pen(self, theme: Theme, *, thick: bool) -> QPen:
        """A pen, 1 or 2 pixels wide, on a projector 3 or 5."""
        width = (5 if thick else 3) if theme.scale > 1 else (2 if thick else 1)
        pen = QPen(theme.colour("ink") if self.colour is None else QColor(self.colour), width)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if self.dashes:
            factor = 2 / width if width < 2 else 1  # a thin line keeps the rhythm of its thick one
            pen.setDashPattern([length * factor for length in self.dashes])
        return pen


STYLES: Final = (
    LineStyle("dashed", None, (4, 2.5)),
    LineStyle("solid", OUTCOME_MARKS["good"].colour),
    LineStyle("dotted", OUTCOME_MARKS["wrong"].colour, (1, 1.5)),
    LineStyle("dash-dot", SAVED_MARKS["cache"].colour, (5, 2, 1, 2)),
)


def style_of(place: int) -> LineStyle:
    """The style of the variant at `place`, counted from 0; beyond the table it begins again."""
    return STYLES[place % len(STYLES)]


def step_pen(theme: Theme) -> QPen:
    """The pen of the offered load."""
    pen = QPen(theme.colour("ink"), 3 if theme.scale > 1 else 1)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def small_font(theme: Theme) -> QFont:
    """The type of ticks, keys and labels: a little smaller than the application's."""
    font = QFont(QApplication.font())
    font.setPointSizeF(theme.points(9))
    return font


def plain_tip(text: str) -> str:
    """Foreign text for a tooltip, which would else be searched for markup."""
    return f"<p style='white-space: pre-wrap'>{html.escape(text)}</p>"


def show_tip(widget: QWidget, event: QHelpEvent, text: str) -> None:
    """Show foreign text as a tooltip where the mouse is, or none."""
    if text:
        QToolTip.showText(event.globalPos(), plain_tip(text), widget)
    else:
        QToolTip.hideText()
        event.ignore()
