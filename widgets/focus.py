"""The order of Tab, where widgets are made later than those that come after them."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def takes_tab(widget: QWidget) -> bool:
    """Whether Tab stops at it."""
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)


def put_last(widgets: list[QWidget], others: list[QWidget]) -> None:
    """Let Tab come to `others`, in their order, after those of `widgets` that it stops at, in theirs."""
    stops = list(dict.fromkeys(each for each in (*widgets, *others) if takes_tab(each)))
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)
