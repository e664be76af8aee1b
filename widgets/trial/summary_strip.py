"""The summary of the run that is shown: how many got a good answer, how sure that is, and one plain sentence per variant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.analysis.intervals import wilson
from app.analysis.summary import sentence
from widgets.real_calls.words import origins
from widgets.trial.labels import plain_label

if TYPE_CHECKING:
    from app.analysis.curves import Picture

_SHARE_TIP = "Requests with a good answer, of all that have ended: good / n."
_INTERVAL_TIP = (
    "Where the share would lie, 19 times in 20, if requests like these went on under the same failures "
    "(Wilson score interval, 95 %). It says nothing about other days' failures."
)

_UNIT_APART: Final = re.compile(r"(?<=\d) (?=(?:%|s\b|min\b))|(?<=\bn) (?==)|(?<==) (?=\d)")
"""What is never parted by the end of a line: a number and its unit, and n."""
_NO_RUN = "No run is shown yet. Press Run to see how each variant does."
_STARTING = "A run is starting: what its variants make of the same requests will be told here."


class SummaryStrip(QWidget):
    """A row for each variant, and a line on the difference between the first and the last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("summary_strip")
        self.setAccessibleName("Summary")
        self._text = ""
        self._picture: Picture | None = None
        self._brief = False
        self._rows: list[tuple[QLabel, QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(2, 1)
        self._difference = plain_label(wraps=True)
        self._difference.setObjectName("summary_difference")
        self._nothing = plain_label(_NO_RUN, wraps=True)
        self._nothing.setObjectName("summary_nothing")
        self._nothing.setProperty("tone", "muted")
        self._grid.addWidget(self._nothing, 0, 0, 1, 3)
        self.show_picture(None)

    def show_picture(self, picture: Picture | None) -> None:
        """Show how the run's variants have done so far."""
        self._picture = picture
        variants = [] if picture is None else _numbered(picture)
        waiting = set() if picture is None else _waiting(picture)
        if len(variants) != len(self._rows):
            self._rebuild(len(variants))
        for row, (title, found) in zip(self._rows, variants, strict=True):
            words = f"{title}: its turn is still to come." if title in waiting else sentence(title, found)
            row[2].setToolTip(f"<span>{escape(words)}</span>" if self._brief else "")
            told = title if self._brief else _UNIT_APART.sub("\N{NO-BREAK SPACE}", words)
            for label, text in zip(row, (_share(found), _interval(found), told), strict=True):
                if text != label.text():
                    label.setText(text)
        self._difference.setText("" if picture is None else _difference(picture, variants))
        self._difference.setVisible(bool(self._difference.text()) and not self._brief)
        self._nothing.setVisible(not variants)
        self._text = "" if picture is None else _for_a_slide(picture, variants)

    def set_brief(self, brief: bool) -> None:
        """Show the variants' names in place of their sentences, where there is little room."""
        self._brief = brief
        self.show_picture(self._picture)

    def set_starting(self, starting: bool) -> None:
        """Whether a run is being prepared that has nothing to show yet."""
        self._nothing.setText(_STARTING if starting else _NO_RUN)

    def as_text(self) -> str:
        """What is shown, for a slide: with the numbers, the seed, and that it was simulated. Empty without a run."""
        return self._text

    def _rebuild(self, count: int) -> None:
        for row in self._rows:
            for old in row:
                self._grid.removeWidget(old)
                old.hide()
                old.deleteLater()
        self._grid.removeWidget(self._difference)
        self._rows = []
        for index in range(count):
            share = plain_label(role="title")
            share.setToolTip(_SHARE_TIP)
            share.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            interval = plain_label(role="caption")
            interval.setToolTip(_INTERVAL_TIP)
            row = share, interval, plain_label(wraps=True)
            row[2].setObjectName(f"summary_{index}")
            for column, label in enumerate(row):
                self._grid.addWidget(label, index + 1, column)
            self._rows.append(row)
        self._grid.addWidget(self._difference, count + 1, 2)


def difference(variants: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """How many more customers the last variant served well than the first; empty where there are not two to compare."""
    if len(variants) < 2 or any(not found["requests"] for _, found in (variants[0], variants[-1])):
        return ""
    (first, before), (last, after) = variants[0], variants[-1]
    more = round(1000 * (after["good_rate"] - before["good_rate"]))
    if not more:
        return f"{last} and {first}: as many customers got a good answer."
    amount = "more" if more > 0 else "fewer"
    return f"{last}: {abs(more):,} {amount} of 1,000 customers got a good answer than with {first}."


def _difference(picture: Picture, variants: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """The difference, unless the last variant has not had as much of the run as the first, as where they take turns."""
    told = difference(variants)
    if told and picture.in_turns and picture.record.state == "running":
        return f"{variants[-1][0]} is compared with {variants[0][0]} when its turn is over."
    return told


def _waiting(picture: Picture) -> set[str]:
    """The titles of those whose turn is still to come."""
    if picture.record.state != "running":
        return set()
    return {each.title for place, each in enumerate(picture.variants) if picture.turn_to_come(place)}


def _numbered(picture: Picture) -> list[tuple[str, dict[str, Any]]]:
    found = picture.summary["variants"]
    return [(variant.title, found[variant.name]) for variant in picture.variants]


def _share(found: Mapping[str, Any]) -> str:
    return f"{found['good_rate'] * 100:.1f} %" if found["requests"] else "–"


def _interval(found: Mapping[str, Any]) -> str:
    n = found["requests"]
    if not n:
        return "good"
    low, high = wilson(found["outcomes"]["good"], n)
    return f"good, {low * 100:.1f} to {high * 100:.1f} %"


def _for_a_slide(picture: Picture, variants: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    record = picture.record
    lines = [record.title]
    for title, found in variants:
        lines.append(sentence(title, dict(found)))
        if found["requests"]:
            low, high = wilson(found["outcomes"]["good"], found["requests"])
            lines.append(f"    good: {_share(found)} (95 % interval {low * 100:.1f} to {high * 100:.1f} %)")
    lines += [_difference(picture, variants)] if _difference(picture, variants) else []
    kind = "Simulated"
    if record.clock == "wall":
        where = origins(picture.summary.get("real_calls"))
        kind = f"Real calls to {where}" if where else "Real calls"
    kind += ", closed loop (each variant was asked at its own pace)" if record.closed_loop else ""
    until_s = min(picture.until_s, record.duration_s)
    lines.append(
        f"{kind}, seed {record.seed}, {until_s:g} s of {record.duration_s:g} s, run {record.run_id}."
    )
    return "\n".join(lines)
