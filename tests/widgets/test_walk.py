"""A walk through every page and dialog of the real window, as someone without a mouse, or without sight, takes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QDialog,
    QDockWidget,
    QGroupBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QPushButton,
    QScrollArea,
    QTabBar,
    QToolButton,
    QWidget,
)
from pytestqt.exceptions import TimeoutError as WaitTimeoutError
from pytestqt.qtbot import QtBot

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.providers.keys import Keys
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.sessions.maintenance import annotate
from app.sessions.session_log import SessionLog
from tests.calibration.rig import loopback
from tests.engine.loopback import says
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.calibration.dialog import CalibrationDialog
from widgets.inputs.elided_label import ElidedLabel
from widgets.main_window import MainWindow
from widgets.real_calls.confirm_dialog import ConfirmDialog
from widgets.real_calls.key_form import KeyForm
from widgets.real_calls.keys_dialog import KeysDialog
from widgets.serve_dialog import ServeDialog

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
        name = "mine" if os.name == "nt" else f"{MARK}mine"  # Windows has no such file names
        prompt, data = path.with_name(f"{name}.j2"), path.with_name(f"{name}.csv")
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
    with main_window(qtbot, appearance, tmp_path) as made:
        made.session.keys = Keys(tmp_path, {"SEATRIAL_KEY_CI": "https://primary.example/v1 sk-1"})
        made.resize(WIDE, HIGH)
        made.show()
        made.session.open_file(open_scenario("support-assistant", SETTINGS))
        made.activateWindow()
        qtbot.waitActive(made)
        yield made


# -- where the walk goes ------------------------------------------------------------------------------------


def trial_of(window: MainWindow, qtbot: QtBot, run_id: int) -> QWidget:
    """The Trial page with a run, and one of its requests opened."""
    window.session.show_run(run_id)
    qtbot.waitUntil(lambda: window.trial.table.model.rowCount() > 0)
    with qtbot.waitSignal(window.trial.detail.shown):
        window.trial.show_request(3)
    return window


def trial(window: MainWindow, qtbot: QtBot) -> QWidget:
    return trial_of(window, qtbot, 1)


def trial_without_a_run(window: MainWindow, qtbot: QtBot) -> QWidget:
    return window


def runs(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.actions_table["go_runs"].trigger()
    qtbot.waitUntil(lambda: window.runs.table.model().rowCount() == 3)
    window.runs.select(2)
    return window


def compare(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.runs.compare_runs.emit([1, 2])
    qtbot.waitUntil(lambda: window.compare.comparison is not None)
    return window


def inputs(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.actions_table["use_my_data"].trigger()
    dialog = the_dialog()
    qtbot.waitUntil(lambda: dialog.preview is not None)  # type: ignore[attr-defined]
    return dialog


def customise(window: MainWindow, qtbot: QtBot) -> QWidget:
    card = next(iter(window.trial.cards.cards.values()))
    card.customise_wanted.emit(card.card)
    return the_dialog()


def safeguards(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.trial.safeguards.details["retry"].click()
    return the_dialog()


def keys(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.actions_table["keys"].trigger()
    dialog = the_dialog()
    assert isinstance(dialog, KeysDialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() > 0)
    return dialog


def key_form(window: MainWindow, qtbot: QtBot) -> QWidget:
    dialog = keys(window, qtbot)
    dialog.findChild(QPushButton, "keys_add").click()  # type: ignore[union-attr]
    form = dialog.findChild(KeyForm)
    assert form is not None
    return form


def where_calls_go(window: MainWindow, qtbot: QtBot) -> QWidget:
    return window.beginning.ask_where()


def real_calls(window: MainWindow, qtbot: QtBot) -> QWidget:
    for target in ("primary", "fallback"):
        endpoint = {"base_url": f"https://{target}.example/v1"}
        settings = [(f"targets.{target}.endpoint", endpoint), (f"targets.{target}.model", "large")]
        window.session.switchboard.flip(settings, "Where calls go")
    window.trial.provider.real.setChecked(True)
    window.actions_table["run"].trigger()
    dialog = the_dialog()
    assert isinstance(dialog, ConfirmDialog)
    qtbot.waitUntil(lambda: dialog.prepared is not None)
    return dialog


def serving(window: MainWindow, qtbot: QtBot) -> QWidget:
    window.actions_table["serve"].trigger()
    dialog = the_dialog()
    assert isinstance(dialog, ServeDialog)
    dialog.toggle.click()
    qtbot.waitUntil(lambda: bool(window.session.server.told))
    return dialog


def reckoned(window: MainWindow, qtbot: QtBot) -> QWidget:
    return calibration(window, qtbot, "https://primary.example/v1")


def calibrated(window: MainWindow, qtbot: QtBot) -> QWidget:
    with loopback(lambda n: says("This mail is about an order.", usage=(33, 10 + n % 9))) as server:
        dialog = calibration(window, qtbot, server.base_url)
        dialog.call.click()
        qtbot.waitUntil(lambda: dialog.calibration is not None)
    return dialog


def calibration(window: MainWindow, qtbot: QtBot, base_url: str) -> CalibrationDialog:
    window.actions_table["calibrate"].trigger()
    dialog = the_dialog()
    assert isinstance(dialog, CalibrationDialog)
    dialog.form.base_url.setText(base_url)
    dialog.form.model.setText("gpt-4o-mini")
    dialog.form.calls.setValue(8)
    dialog.form.cap.setValue(1)
    dialog.reckon.click()
    qtbot.waitUntil(dialog.call.isEnabled)
    return dialog


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
    "Will it recover?": opened("stability"),
    "Serve": opened("serve"),
    "Serving": serving,
    "Calibrate": opened("calibrate"),
    "Calibrate, reckoned": reckoned,
    "Calibrated": calibrated,
    "Customise": customise,
    "Safeguards": safeguards,
    "Keys": keys,
    "Add a key": key_form,
    "Where calls go": where_calls_go,
    "Make real calls?": real_calls,
    "Palette": opened("palette"),
    "Assumptions": opened("assumptions"),
    "Is it right?": opened("validation"),
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


def upward(widget: QWidget) -> list[QWidget]:
    """The widget and all that it is in, the window last."""
    chain = [widget]
    while not chain[-1].isWindow() and (parent := chain[-1].parentWidget()) is not None:
        chain.append(parent)
    return chain


def told(widget: QWidget) -> str:
    """Which widget it is, for the message of a failed test."""
    path = [f"{type(each).__name__} {each.objectName()}".strip() for each in upward(widget)[:4]]
    text = widget.text() if isinstance(widget, QLabel | QAbstractButton) else ""
    return f"{' in '.join(path)}: {text[:60]!r}" if text else " in ".join(path)


# -- what is looked at there --------------------------------------------------------------------------------


@everywhere
def test_every_control_has_a_name(place: Place, window: MainWindow, qtbot: QtBot) -> None:
    whole = settled(place, window, qtbot)
    nameless = [told(each) for each in stops(whole) if not name_of(each, whole).strip()]
    assert not nameless, "\n".join(nameless)


def name_of(widget: QWidget, whole: QWidget) -> str:
    """What a screen reader says: the name that was given, the text that is on it, or that of the label beside it."""
    text = ""
    if isinstance(widget, QAbstractButton):
        text = widget.text()
    elif isinstance(widget, QGroupBox):
        text = widget.title()
    labels = [each.text() for each in whole.findChildren(QLabel) if each.buddy() is widget]
    return widget.accessibleName() or text or "".join(labels)


@everywhere
def test_tab_stops_at_every_control_once_and_as_one_reads(
    place: Place, window: MainWindow, qtbot: QtBot
) -> None:
    whole = settled(place, window, qtbot)
    visited = tabbed(whole)
    missed = [f"not reached: {told(each)}" for each in stops(whole) if each not in visited]
    back = [
        f"goes back from {told(one)} to {told(two)}"
        for one, two in pairwise(visited)
        if region_of(one) is region_of(two)
        and not one.isAncestorOf(two)
        and goes_back(where(seen_from(two, one)), where(seen_from(one, two)))
    ]
    assert not missed + back, "\n".join(missed + back)


def tabbed(whole: QWidget) -> list[QWidget]:
    """What has the focus in turn, from the first until the round is complete. Fails where it does not get on."""
    possible = stops(whole)
    first: QWidget | None = whole
    while first not in possible and not (isinstance(first, QTabBar) and first.isVisibleTo(whole)):
        assert first is not None
        first = first.nextInFocusChain()
    assert first is not None
    first.setFocus(Qt.FocusReason.TabFocusReason)
    assert QApplication.focusWidget() is first
    visited: list[QWidget] = [first]
    while True:
        QTest.keyClick(visited[-1], Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        if now is first:
            return visited
        assert now is not None
        assert now is not visited[-1], f"Tab does not leave {told(now)}"
        assert now not in visited, f"Tab comes back to {told(now)} from {told(visited[-1])}"
        visited.append(now)


def region_of(widget: QWidget) -> QWidget:
    """The dock, or else the window, that it is in."""
    chain = upward(widget)
    return next((each for each in chain if isinstance(each, QDockWidget)), chain[-1])


def seen_from(other: QWidget, widget: QWidget) -> QWidget:
    """The widget; or, from outside of what it scrolls in, all of that."""
    areas = [
        each for each in upward(widget) if isinstance(each, QScrollArea) and not each.isAncestorOf(other)
    ]
    return areas[-1] if areas else widget


def where(widget: QWidget) -> QRect:
    """Its place in the window with nothing scrolled: what has the focus is always scrolled into view."""
    at = QPoint(0, 0)
    for inner, outer in pairwise(upward(widget)):
        if not isinstance(outer.parentWidget(), QScrollArea):
            at += inner.pos()
    return QRect(at, widget.size())


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

    def cut() -> list[str]:
        return [f"{told(each)}: {why}" for each in within(whole) for why in [cut_off(each)] if why]

    # What is still being read may just have been put in: its layout follows at once.
    with suppress(WaitTimeoutError):
        qtbot.waitUntil(lambda: not cut())
    assert not cut(), "\n".join(cut())


def cut_off(widget: QWidget) -> str:
    """What of its text cannot be seen; empty if all can, be it by scrolling or in the tooltip of what is elided."""
    if isinstance(widget, ElidedLabel) or not isinstance(widget, QLabel | QAbstractButton):
        return ""
    text = widget.text()
    if not text:
        return ""
    if not sticks_in(widget):
        return "reaches out of what it is in"
    room = widget.contentsRect()
    if isinstance(widget, QLabel) and widget.wordWrap():
        needed = widget.heightForWidth(widget.width())
        if needed > widget.height():
            return f"needs {needed} px of height, has {widget.height()}"
        words = [widget.fontMetrics().horizontalAdvance(word) for word in text.split()]
        return f"a word of {max(words)} px in {room.width()}" if max(words, default=0) > room.width() else ""
    if isinstance(widget, QToolButton) and widget.arrowType() != Qt.ArrowType.NoArrow:
        return ""  # an arrow; the text is for a screen reader
    needed_px = widget.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, text)
    if isinstance(widget, QAbstractButton):
        needed_px = needed_px.expandedTo(widget.sizeHint())  # with what is around its text
        room = widget.rect()
    if needed_px.width() > room.width():
        return f"needs {needed_px.width()} px, has {room.width()}"
    return f"needs {needed_px.height()} px of height" if needed_px.height() > room.height() else ""


def sticks_in(widget: QWidget) -> bool:
    """Whether all of it lies in each of its containers, up to one that scrolls the way it reaches out."""
    rect = widget.rect()
    for inner, outer in pairwise(upward(widget)):
        rect = QRect(inner.mapToParent(rect.topLeft()), rect.size())
        area = outer.parentWidget()
        if isinstance(area, QAbstractScrollArea):
            never = area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff
            return not never or (rect.left() >= 0 and rect.right() < outer.width())
        if not outer.rect().contains(rect):
            return False
    return True


def test_foreign_text_is_plain_text(window: MainWindow, qtbot: QtBot) -> None:
    # Given a scenario and a run with markup wherever a text of the user's can be
    window.session.open_file(hostile_scenario())
    trial_of(window, qtbot, 3)

    # Then no label and no tooltip takes it for markup, on any page and in any dialog that shows such texts
    rich = taken_for_markup(window, at_least=3)
    runs(window, qtbot)
    window.runs.select(3)
    qtbot.waitUntil(lambda: MARK in window.runs.details.title.text())
    rich += taken_for_markup(window, at_least=1)
    window.runs.compare_runs.emit([1, 3])
    qtbot.waitUntil(lambda: window.compare.comparison is not None)
    rich += taken_for_markup(window)
    for place in (inputs, customise, safeguards, opened("assumptions")):
        dialog = settled(place, window, qtbot)
        rich += taken_for_markup(dialog)
        dialog.close()
    assert not rich, "\n".join(rich)


def taken_for_markup(whole: QWidget, at_least: int = 0) -> list[str]:
    """Which widgets take foreign text for markup. Fails if fewer labels show any than there should be."""
    labels = [each for each in within(whole) if isinstance(each, QLabel) and MARK in each.text()]
    assert len(labels) >= at_least, [told(each) for each in labels]
    tips = [each for each in within(whole) if MARK in each.toolTip()]
    return [told(each) for each in labels if each.textFormat() != Qt.TextFormat.PlainText] + [
        f"the tooltip of {told(each)}: {each.toolTip()[:80]!r}" for each in tips
    ]


# -- what is done there -------------------------------------------------------------------------------------


def test_every_action_is_in_a_menu_and_in_the_palette(window: MainWindow, qtbot: QtBot) -> None:
    in_menus = {id(each) for each in all_of(window.menuBar().actions())}
    actions = [window.actions_table[spec.id] for spec in window.actions_table]
    assert [each.objectName() for each in actions if id(each) not in in_menus] == []

    palette = settled(opened("palette"), window, qtbot)
    listed = palette.findChild(QListWidget)
    assert listed is not None
    names = {listed.item(row).data(Qt.ItemDataRole.UserRole) for row in range(listed.count())}
    assert [e.objectName() for e in actions if e.isEnabled() and e.objectName() not in names] == ["palette"]


def all_of(actions: Sequence[QAction]) -> Iterator[QAction]:
    """These and those in their menus."""
    for action in actions:
        yield action
        submenu = action.menu()
        if isinstance(submenu, QMenu):
            yield from all_of(submenu.actions())


def test_every_action_beyond_the_table_is_in_a_context_menu(window: MainWindow, qtbot: QtBot) -> None:
    known = {id(window.actions_table[spec.id]) for spec in window.actions_table}
    for place in (trial, runs, compare):
        settled(place, window, qtbot)
    menus = (Qt.ContextMenuPolicy.ActionsContextMenu, Qt.ContextMenuPolicy.CustomContextMenu)
    hidden = []
    for action in window.findChildren(QAction):
        if id(action) in known or not action.text() or action.menu() is not None:
            continue
        owners = [each for each in action.associatedObjects() if isinstance(each, QWidget)]
        if any(isinstance(each, QMenu | QToolButton) for each in owners):
            continue
        if any(each.contextMenuPolicy() in menus for each in owners):
            continue
        if isinstance(action.parent(), QWidget) and not isinstance(action.parent(), QDockWidget | QLineEdit):
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
    switch = next(iter(window.trial.cards.cards.values())).switch
    before = switch.isChecked()
    switch.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert switch.isChecked() is not before
    assert not window.actions_table["hold_view"].isChecked()


def test_escape_closes_every_dialog(window: MainWindow, qtbot: QtBot) -> None:
    for name in ("Inputs", "Customise", "Palette", "Assumptions", "Is it right?", "Session log", "About"):
        dialog = settled(PLACES[name], window, qtbot)
        QTest.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible(), name
