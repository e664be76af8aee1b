"""A walk through every page and dialog of the real window, as someone without a mouse, or without sight, takes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSettings, Qt
from PySide6.QtGui import QAccessible, QAction, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QCheckBox,
    QDialog,
    QDockWidget,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QRadioButton,
    QStyle,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.sessions.maintenance import annotate
from app.sessions.session_log import SessionLog
from widgets.appearance import Appearance
from widgets.inputs.elided_label import ElidedLabel
from widgets.main_window import MainWindow
from widgets.preferences import Preferences

LONG_MS = 60_000
SETTINGS = ("duration_s=20", "drain_s=20", "acts=[]", "changes=[]")
MARK = "<i>"
"""Begins every foreign text of the hostile run: where it is taken for markup, the text is rich."""
WIDE, HIGH = 1280, 800


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 and 2: the sample scenario on two seeds; 3: one in which every text that is not ours holds markup."""
    path = tmp_path_factory.mktemp("walk") / "log.db"
    files = [open_scenario("support-assistant", (*SETTINGS, f"seed={seed}")) for seed in (7, 8)]
    with SessionLog.open(path) as log:
        for file in files:
            run_scenario(Order(file), log, Control(), Listener())
        prompt, data = path.with_name(f"{MARK}mine.j2"), path.with_name(f"{MARK}mine.csv")
        prompt.write_text(f"{MARK} Answer {{{{ question }}}}", encoding="utf-8")
        data.write_text(f"question,{MARK}other\n{MARK}hello,{MARK}a\n{MARK}where is it,b\n", encoding="utf-8")
        run_id = run_scenario(Order(hostile_scenario(), prompt, data), log, Control(), Listener())
        annotate(log, run_id, name=f"{MARK}name", note=f"{MARK}note", tags=f"{MARK}tag")
    return path


def hostile_scenario() -> ScenarioFile:
    """The sample scenario with markup in its titles and labels."""
    text = open_scenario("support-assistant", SETTINGS).text
    for word in ("title", "about", "label"):
        text = text.replace(f'{word} = "', f'{word} = "{MARK}').replace(f"{word} = '", f"{word} = '{MARK}")
    return parse_scenario(text, Path("hostile.toml").resolve())


@pytest.fixture
def window(qtbot: QtBot, appearance: Appearance, tmp_path: Path, made_once: Path) -> Iterator[MainWindow]:
    """The window at the size of a small laptop's screen, with three runs in its log."""
    log_path = tmp_path / "log.db"
    shutil.copy(made_once, log_path)
    preferences = Preferences(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    preferences.shown_around = True
    made = MainWindow(appearance, preferences, log_path)
    qtbot.addWidget(made)
    made.resize(WIDE, HIGH)
    made.show()
    made.session.open_file(open_scenario("support-assistant", SETTINGS))
    made.activateWindow()
    qtbot.waitActive(made)
    yield made
    made.close()


# -- where the walk goes ------------------------------------------------------------------------------------


def trial_of(window: MainWindow, qtbot: QtBot, run_id: int) -> QWidget:
    """The Trial page with a run, and one of its requests opened."""
    window.session.show_run(run_id)
    qtbot.waitUntil(lambda: window.trial.table.model.rowCount() > 0, timeout=LONG_MS)
    with qtbot.waitSignal(window.trial.detail.shown, timeout=LONG_MS):
        window.trial.show_request(3)
    return window


def trial(window: MainWindow, qtbot: QtBot) -> QWidget:
    return trial_of(window, qtbot, 1)


def trial_without_a_run(window: MainWindow, qtbot: QtBot) -> QWidget:
    return window


def runs(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.actions_table["go_runs"].trigger()
    qtbot.waitUntil(lambda: window.runs.table.model().rowCount() == 3, timeout=LONG_MS)
    window.runs.select(2)
    return window


def compare(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.runs.compare_runs.emit([1, 2])
    qtbot.waitUntil(lambda: window.compare.comparison is not None, timeout=LONG_MS)
    return window


def inputs(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.actions_table["use_my_data"].trigger()
    dialog = the_dialog()
    qtbot.waitUntil(lambda: dialog.preview is not None, timeout=LONG_MS)  # type: ignore[attr-defined]
    return dialog


def customise(window: MainWindow, qtbot: QtBot) -> QWidget:
    card = next(iter(window.trial.cards.cards.values()))
    card.customise_wanted.emit(card.card)
    return the_dialog()


def opened(action: str) -> Callable[[MainWindow, QtBot], QWidget]:
    def go(window: MainWindow, qtbot: QtBot) -> QWidget:
        window.actions_table[action].trigger()
        return the_dialog()

    return go


def the_dialog() -> QDialog:
    (dialog,) = (
        each for each in QApplication.topLevelWidgets() if isinstance(each, QDialog) and each.isVisible()
    )
    return dialog


Place = Callable[[MainWindow, QtBot], QWidget]
PLACES = {
    "Trial": trial,
    "Trial without a run": trial_without_a_run,
    "Runs": runs,
    "Compare": compare,
    "Inputs": inputs,
    "Customise": customise,
    "Palette": opened("palette"),
    "Assumptions": opened("assumptions"),
    "Session log": opened("log_file"),
    "About": opened("about"),
}
everywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def settled(place: Place, window: MainWindow, qtbot: QtBot) -> QWidget:
    """Go there, and wait till it has the focus and is laid out."""
    whole = place(window, qtbot)
    whole.activateWindow()
    qtbot.waitActive(whole)
    qtbot.waitExposed(whole)
    QApplication.sendPostedEvents()
    QTest.qWait(0)
    return whole


def within(whole: QWidget) -> list[QWidget]:
    """All that can be seen there, scrolled out of view or not; nothing of Qt's own inside of a control."""
    return [
        each
        for each in whole.findChildren(QWidget)
        if each.isVisibleTo(whole) and each.window() is whole and not each.objectName().startswith("qt_")
    ]


def stops(whole: QWidget) -> list[QWidget]:
    """Where Tab should stop."""
    return [
        each
        for each in within(whole)
        if each.focusPolicy() & Qt.FocusPolicy.TabFocus and each.isEnabled() and each.focusProxy() is None
    ]


def told(widget: QWidget) -> str:
    """Which widget it is, for the message of a failed test."""
    path = []
    at: QWidget | None = widget
    while at is not None and len(path) < 4:
        path.append(f"{type(at).__name__}{f'#{at.objectName()}' if at.objectName() else ''}")
        at = at.parentWidget()
    text = getattr(widget, "text", None)
    return f"{' in '.join(path)} {text()[:60]!r}" if callable(text) else " in ".join(path)


# -- what is looked at there --------------------------------------------------------------------------------


@everywhere
def test_every_control_has_a_name(place: Place, window: MainWindow, qtbot: QtBot) -> None:
    whole = settled(place, window, qtbot)
    nameless = []
    for widget in stops(whole):
        spoken = QAccessible.queryAccessibleInterface(widget)
        if not spoken.text(QAccessible.Text.Name).strip():
            nameless.append(told(widget))
    assert not nameless, "\n".join(nameless)


@everywhere
def test_tab_stops_at_every_control_once(place: Place, window: MainWindow, qtbot: QtBot) -> None:
    whole = settled(place, window, qtbot)
    visited = tabbed(whole)
    missed = [told(each) for each in stops(whole) if each not in visited]
    assert not missed, "\n".join(["not reached:", *missed, "visited:", *map(told, visited)])


@everywhere
def test_tab_goes_as_one_reads(place: Place, window: MainWindow, qtbot: QtBot) -> None:
    whole = settled(place, window, qtbot)
    visited = tabbed(whole)
    back = [
        f"{told(one)} -> {told(two)}"
        for one, two in pairwise(visited)
        if region_of(one) is region_of(two) and goes_back(where(one, whole), where(two, whole))
    ]
    assert not back, "\n".join(back)


def tabbed(whole: QWidget) -> list[QWidget]:
    """What has the focus in turn, from the first until the round is complete. Fails where it does not get on."""
    first = stops(whole)[0]
    first.setFocus(Qt.FocusReason.TabFocusReason)
    assert QApplication.focusWidget() is first
    visited: list[QWidget] = [first]
    while True:
        QTest.keyClick(visited[-1], Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        assert now is not None
        assert now is not visited[-1], f"Tab does not leave {told(now)}"
        if now is first:
            return visited
        assert now not in visited, f"Tab comes back to {told(now)} from {told(visited[-1])}"
        visited.append(now)


def region_of(widget: QWidget) -> QWidget:
    """The dock, the page or the dialog that it is in."""
    at = widget
    while not isinstance(at, QDockWidget) and at.parentWidget() is not None and not at.isWindow():
        at = at.parentWidget()
    return at


def where(widget: QWidget, whole: QWidget) -> QRect:
    return QRect(widget.mapTo(whole, QPoint(0, 0)), widget.size())


def goes_back(one: QRect, two: QRect) -> bool:
    """Whether the second lies above the first, or to its left in the same row. To its right, a new column may begin."""
    to_the_right = two.left() >= one.right()
    if two.bottom() <= one.top():
        return not to_the_right
    same_row = two.top() < one.bottom()
    return same_row and two.right() <= one.left()


@everywhere
def test_no_text_is_cut_off(place: Place, window: MainWindow, qtbot: QtBot) -> None:
    whole = settled(place, window, qtbot)
    assert whole.width() <= WIDE
    assert whole.height() <= HIGH
    cut = [f"{told(each)}: {why}" for each in within(whole) for why in [cut_off(each)] if why]
    assert not cut, "\n".join(cut)


def cut_off(widget: QWidget) -> str:
    """What of its text cannot be seen; empty if all can, be it by scrolling or in the tooltip of what is elided."""
    if isinstance(widget, ElidedLabel) or not isinstance(widget, QLabel | QAbstractButton):
        return ""
    text = widget.text()
    if not text or (isinstance(widget, QLabel) and Qt.mightBeRichText(text)):
        return ""
    if not sticks_in(widget):
        return "reaches out of what it is in"
    room = widget.contentsRect()
    if isinstance(widget, QLabel) and widget.wordWrap():
        needed = widget.heightForWidth(widget.width())
        if needed > widget.height():
            return f"needs {needed} px of height, has {widget.height()}"
        words = [QFontMetrics.horizontalAdvance(widget.fontMetrics(), word) for word in text.split()]
        return f"a word of {max(words)} px in {room.width()}" if max(words, default=0) > room.width() else ""
    needed_px = widget.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, text)
    has = room.width() - indicator(widget)
    if needed_px.width() > has:
        return f"needs {needed_px.width()} px, has {has}"
    return f"needs {needed_px.height()} px of height" if needed_px.height() > room.height() else ""


def indicator(widget: QWidget) -> int:
    """What a box or an arrow beside the text takes, in pixels."""
    if isinstance(widget, QCheckBox | QRadioButton):
        return widget.style().pixelMetric(QStyle.PixelMetric.PM_IndicatorWidth)
    if isinstance(widget, QToolButton):
        style = widget.toolButtonStyle()
        if (
            widget.arrowType() != Qt.ArrowType.NoArrow
            and style != Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        ):
            return -widget.fontMetrics().horizontalAdvance(widget.text())  # it shows none of its text
    return 0


def sticks_in(widget: QWidget) -> bool:
    """Whether all of it lies in each of its containers, up to one that scrolls."""
    rect = widget.rect()
    at = widget
    while not at.isWindow() and at.parentWidget() is not None:
        rect = QRect(at.mapToParent(rect.topLeft()), rect.size())
        at = at.parentWidget()
        if isinstance(at.parentWidget(), QAbstractScrollArea):
            return True
        if not at.rect().contains(rect):
            return False
    return True


@pytest.mark.parametrize("place", ["Trial", "Runs", "Compare", "Inputs", "Customise", "Assumptions"])
def test_foreign_text_is_plain_text(place: str, window: MainWindow, qtbot: QtBot) -> None:
    # Given a scenario and a run with markup wherever a text of the user's can be
    window.session.open_file(hostile_scenario())
    trial_of(window, qtbot, 3)
    if place == "Compare":
        window.runs.compare_runs.emit([1, 3])
        qtbot.waitUntil(lambda: window.compare.comparison is not None, timeout=LONG_MS)
    elif place != "Trial":
        settled(PLACES[place], window, qtbot)

    # Then no label and no tooltip takes it for markup
    rich, seen = [], 0
    for whole in (each for each in QApplication.topLevelWidgets() if each.isVisible()):
        for widget in within(whole):
            if isinstance(widget, QLabel) and MARK in widget.text():
                seen += 1
                if widget.textFormat() != Qt.TextFormat.PlainText:
                    rich.append(told(widget))
            if MARK in widget.toolTip():
                rich.append(f"the tooltip of {told(widget)}: {widget.toolTip()[:80]!r}")
    assert seen > 0
    assert not rich, "\n".join(rich)


# -- what is done there -------------------------------------------------------------------------------------


def test_every_action_is_in_a_menu_and_in_the_palette(window: MainWindow, qtbot: QtBot) -> None:
    menus = window.menuBar().actions()
    in_menus = {id(each) for top in menus for each in all_of(top.menu())}
    actions = [window.actions_table[spec.id] for spec in window.actions_table]
    assert [each.objectName() for each in actions if id(each) not in in_menus] == []

    palette = settled(opened("palette"), window, qtbot)
    listed = palette.findChild(QListWidget)
    names = {listed.item(row).data(Qt.ItemDataRole.UserRole) for row in range(listed.count())}
    assert [e.objectName() for e in actions if e.isEnabled() and e.objectName() not in names] == ["palette"]


def all_of(menu: QMenu) -> Iterator[QAction]:
    for action in menu.actions():
        submenu = action.menu()
        if isinstance(submenu, QMenu):
            yield from all_of(submenu)
        else:
            yield action


def test_every_action_beyond_the_table_is_in_a_context_menu(window: MainWindow, qtbot: QtBot) -> None:
    known = {id(window.actions_table[spec.id]) for spec in window.actions_table}
    for place in (trial, runs, compare):
        settled(place, window, qtbot)
    hidden = []
    for action in window.findChildren(QAction):
        if id(action) in known or not action.text() or action.menu() is not None:
            continue
        owners = [each for each in action.associatedObjects() if isinstance(each, QWidget)]
        if any(isinstance(each, QMenu | QToolButton) for each in owners):
            continue
        if any(each.contextMenuPolicy() == Qt.ContextMenuPolicy.ActionsContextMenu for each in owners):
            continue
        if not isinstance(action.parent(), QDockWidget | QLineEdit):
            hidden.append(f"{action.text()!r} {action.objectName()}")
    assert not hidden, "\n".join(hidden)


def test_no_two_actions_have_the_same_key(window: MainWindow) -> None:
    taken: dict[str, list[str]] = {}
    for spec in window.actions_table:
        if spec.keys:
            taken.setdefault(spec.keys, []).append(spec.id)
    assert {keys: ids for keys, ids in taken.items() if len(ids) > 1} == {}


def test_space_flips_the_switch_that_has_the_focus(window: MainWindow, qtbot: QtBot) -> None:
    settled(trial, window, qtbot)
    switch = window.trial.cards.cards["logic"].switch
    before = switch.isChecked()
    switch.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert switch.isChecked() is not before
    assert not window.actions_table["hold_view"].isChecked()


def test_escape_closes_every_dialog(window: MainWindow, qtbot: QtBot) -> None:
    for name in ("Inputs", "Customise", "Palette", "Assumptions", "Session log", "About"):
        dialog = settled(PLACES[name], window, qtbot)
        QTest.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible(), name
