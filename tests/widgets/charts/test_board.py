"""The board shows moments of a run, on one time axis, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from app.analysis.curves import Picture, RunPicture
from widgets.appearance import Appearance
from widgets.charts.board import ChartBoard
from widgets.charts.plot import Plot
from widgets.charts.stack import ChartStack


@pytest.fixture
def board(qtbot: QtBot, appearance: Appearance) -> Iterator[ChartBoard]:
    made = ChartBoard(appearance)
    qtbot.addWidget(made)
    made.resize(760, 560)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    appearance.present(False)
    appearance.choose("light")


def charts(board: ChartBoard) -> ChartStack:
    assert board.charts is not None
    return board.charts


def place_of(board: ChartBoard, plot: Plot, at_s: float) -> QPoint:
    return QPoint(round(plot.margins.x(board.timeline, at_s, plot.width())), plot.height() // 2)


def label(board: ChartBoard, name: str) -> QLabel:
    found = board.findChild(QLabel, name)
    assert isinstance(found, QLabel)
    return found


def test_without_a_run_it_says_what_to_do(board: ChartBoard, whole: Picture) -> None:
    board.set_empty_text("Press Run to see your prototype at sea.")
    assert label(board, "chart_empty").isVisible()
    board.show_picture(whole)
    assert not label(board, "chart_empty").isVisible()
    board.show_picture(None)
    assert label(board, "chart_empty").isVisible()
    assert board.accessibleDescription() == "Press Run to see your prototype at sea."


def test_the_four_charts_are_there_and_more_only_when_asked_for(board: ChartBoard, whole: Picture) -> None:
    board.show_picture(whole)
    names = ["chart_got_prototype", "chart_got_safeguarded", "chart_times", "chart_saved", "chart_cost"]
    assert [plot.objectName() for plot in charts(board).plots() if plot.isVisibleTo(board)] == names
    board.set_more(True)
    assert charts(board).attempts.isVisibleTo(board)
    assert all(plot.accessibleName() for plot in charts(board).plots())


def test_all_charts_show_the_same_time_and_both_strips_the_same_scale(
    board: ChartBoard, whole: Picture
) -> None:
    board.show_picture(whole)
    board.timeline.zoom(190, 0.3)
    ranges = {tuple(plot.box.viewRange()[0]) for plot in charts(board).plots()}
    assert ranges == {(board.timeline.from_s, board.timeline.to_s)}
    above, below = charts(board).strips
    assert above.frame().high == below.frame().high
    lefts = {plot.box.geometry().left() for plot in charts(board).plots() if plot.isVisibleTo(board)}
    assert len(lefts) == 1


def test_bins_that_are_not_complete_are_not_drawn(board: ChartBoard, past: RunPicture) -> None:
    board.show_picture(past.at(43))
    shown = charts(board).strips[0].stack
    assert shown.total.size == 8
    assert charts(board).times.lines[0].values.size == 8
    assert board.timeline.bin_at(41) is None


def test_while_one_variant_has_its_turn_its_numbers_are_told(board: ChartBoard, whole: Picture) -> None:
    # given real calls, where the second variant's turn is still to come
    first, second = whole.variants
    curves = {
        first.name: replace(whole.curves[first.name], complete=8),
        second.name: replace(whole.curves[second.name], complete=0),
    }
    going = replace(whole.record, state="running")
    summary = whole.summary | {"state": "running"}
    board.show_picture(replace(whole, record=going, summary=summary, curves=curves))
    # then the first one's newest numbers are read, and any of its bins can be pointed at
    told = dict(board.readout.lines)
    assert "% of" in told[first.title]
    assert told[second.title] == "its turn is still to come"
    assert board.timeline.bin_at(12) is not None
    # when the second one's turn has begun, the newest that both have is read
    board._pace.stop()
    curves = curves | {second.name: replace(whole.curves[second.name], complete=3)}
    board.show_picture(replace(whole, record=going, summary=summary, curves=curves))
    assert board.readout.time == "Latest: 0:10 to 0:15"
    assert all("asked for" in words for _, words in board.readout.lines)
    board.timeline.point(6)
    assert dict(board.readout.lines)[second.title] == "not yet complete"
    # and where it was stopped before, nothing is promised
    board._pace.stop()
    board.show_picture(replace(whole, record=replace(whole.record, state="stopped"), curves=curves))
    assert "had ended" in dict(board.readout.lines)[second.title]


def test_the_time_axis_does_not_jump_while_the_run_goes(board: ChartBoard, past: RunPicture) -> None:
    ends, tops = [], []
    for at_s in (10, 60, 120, 200, 290):
        board.hold(False)
        board._pace.stop()
        board.show_picture(past.at(at_s))
        ends.append(board.timeline.end_s)
        tops.append(charts(board).strips[0].frame().high)
    assert len(set(ends)) == 1
    assert tops == sorted(tops)


def test_of_many_pictures_at_once_the_first_and_the_newest_are_drawn(
    qtbot: QtBot, board: ChartBoard, past: RunPicture
) -> None:
    for at_s in (20, 40, 60):
        board.show_picture(past.at(at_s))
    assert board.picture is not None
    assert board.picture.until_s == 20
    qtbot.waitUntil(lambda: board.picture is not None and board.picture.until_s == 60)


def test_a_held_view_says_so_and_catches_up_when_let_go(board: ChartBoard, past: RunPicture) -> None:
    board.show_picture(past.at(20))
    board.hold(True)
    board.show_picture(past.at(60))
    assert label(board, "chart_held").isVisible()
    assert board.picture is not None
    assert board.picture.until_s == 20
    board.hold(False)
    assert not label(board, "chart_held").isVisible()
    assert board.picture.until_s == 60


def test_a_click_on_a_bar_picks_its_bin_and_variant(qtbot: QtBot, board: ChartBoard, whole: Picture) -> None:
    board.show_picture(whole)
    strip = charts(board).strips[1]
    with qtbot.waitSignal(board.range_picked) as picked:
        qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=place_of(board, strip, 187))
    assert picked.args == [185, 190, "safeguarded"]


def test_a_drag_picks_a_range_of_all_variants(qtbot: QtBot, board: ChartBoard, whole: Picture) -> None:
    board.show_picture(whole)
    times = charts(board).times
    begin, end = place_of(board, times, 181), place_of(board, times, 219)
    qtbot.mousePress(times.viewport(), Qt.MouseButton.LeftButton, pos=begin)
    qtbot.mouseMove(times.viewport(), (begin + end) / 2)
    qtbot.mouseMove(times.viewport(), end)
    with qtbot.waitSignal(board.range_picked) as picked:
        qtbot.mouseRelease(times.viewport(), Qt.MouseButton.LeftButton, pos=end)
    assert picked.args == [180, 220, None]


def test_a_click_beyond_what_is_drawn_picks_nothing(
    qtbot: QtBot, board: ChartBoard, past: RunPicture
) -> None:
    board.show_picture(past.at(50))
    strip = charts(board).strips[0]
    with qtbot.assertNotEmitted(board.range_picked):
        qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=place_of(board, strip, 200))


def test_of_a_run_that_is_over_the_last_arrivals_are_told_and_not_its_drain(
    board: ChartBoard, whole: Picture, past: RunPicture
) -> None:
    # given a run whose last requests arrived before 300 s, and that then waited for answers
    board.show_picture(whole)
    # then, while nobody points at anything, the last bin with arrivals is told, as what it is
    assert board.readout.time == "Last arrivals: 4:55 to 5:00"
    assert all("% of" in words and " 0/s" not in words for _, words in board.readout.lines)
    # when it is replayed, the newest bin is told
    board._pace.stop()
    board.show_picture(past.at(120))
    assert board.readout.time == "Latest: 1:55 to 2:00"


def test_the_crosshair_goes_through_all_charts_and_reads_their_values(
    qtbot: QtBot, board: ChartBoard, whole: Picture
) -> None:
    board.show_picture(whole)
    cost = charts(board).cost
    qtbot.mouseMove(cost.viewport(), place_of(board, cost, 42))
    assert board.readout.time == "0:40 to 0:45"
    titles = [title for title, _ in board.readout.lines]
    assert titles == ["Prototype", "With safeguards"]
    good = whole.curves["prototype"].outcomes["good"][8]
    asked = whole.curves["prototype"].requests[8]
    assert f"{100 * good / asked:.0f} % of {asked:.0f} good" in board.readout.lines[0][1]


def test_keys_alone_are_enough(qtbot: QtBot, board: ChartBoard, past: RunPicture) -> None:
    board.show_picture(past.at(100))
    board.setFocus()
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Right):
        qtbot.keyClick(board, key)
    assert board.readout.time == "1:35 to 1:40"
    assert "Prototype: " in board.accessibleDescription()
    qtbot.keyClick(board, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    with qtbot.waitSignal(board.range_picked) as picked:
        qtbot.keyClick(board, Qt.Key.Key_Return)
    assert picked.args == [90, 100, None]
    qtbot.keyClick(board, Qt.Key.Key_Plus)
    assert board.timeline.from_s > 0
    qtbot.keyClick(board, Qt.Key.Key_0)
    qtbot.keyClick(board, Qt.Key.Key_Escape)
    assert board.timeline.from_s == 0
    assert board.timeline.picked() is None


def test_the_wheel_zooms_in_time_only_and_within_the_run(board: ChartBoard, whole: Picture) -> None:
    board.show_picture(whole)
    times = charts(board).times
    before = times.box.viewRange()[1]
    turn_wheel(times, place_of(board, times, 100), 240)
    assert board.timeline.from_s > 0
    assert times.box.viewRange()[1] == before
    turn_wheel(times, place_of(board, times, 100), -2400)
    assert board.timeline.whole


def test_a_replay_from_before_what_is_in_view_shows_the_whole_run(
    qtbot: QtBot, board: ChartBoard, past: RunPicture, whole: Picture
) -> None:
    # Given a part of the run in view
    board.show_picture(whole)
    turn_wheel(charts(board).times, place_of(board, charts(board).times, board.timeline.end_s), 480)
    from_s = board.timeline.from_s
    assert from_s > 0

    # When it is replayed from its begin
    board.show_picture(past.at(from_s / 2))

    # Then there is something to see
    qtbot.waitUntil(lambda: board.timeline.whole)


def turn_wheel(plot: Plot, at: QPoint, by: int) -> None:
    event = QWheelEvent(
        QPointF(at),
        QPointF(plot.viewport().mapToGlobal(at)),
        QPoint(),
        QPoint(0, by),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot.viewport(), event)


def test_another_run_begins_anew(board: ChartBoard, past: RunPicture, whole: Picture) -> None:
    board.show_picture(whole)
    board.timeline.zoom(100, 0.2)
    board.timeline.step(-1)
    other = replace(past.at(20), record=replace(whole.record, run_id=77, state="running"))
    board._pace.stop()
    board.show_picture(other)
    assert board.timeline.whole
    assert board.timeline.bin is None
    assert board.timeline.end_s == 300


def test_a_run_that_was_stopped_has_no_empty_rest(board: ChartBoard, past: RunPicture) -> None:
    early = past.at(62)
    board.show_picture(replace(early, record=replace(early.record, state="stopped", virtual_us=62_000_000)))
    assert board.timeline.end_s == 65


def test_a_log_whose_scenario_cannot_be_read_has_no_patience_line(board: ChartBoard, whole: Picture) -> None:
    board.show_picture(replace(whole, record=replace(whole.record, scenario_toml="from = 'the future'")))
    assert charts(board).times.isVisible()


def test_it_is_told_apart_from_its_ground_in_both_schemes_and_when_presenting(
    board: ChartBoard, whole: Picture, appearance: Appearance
) -> None:
    board.show_picture(whole)
    for scheme in ("light", "dark"):
        appearance.choose("dark" if scheme == "dark" else "light")
        image = board.grab().toImage()
        assert image.pixelColor(5, image.height() - 8) == QColor(appearance.theme.surface)
        assert colours(image) >= {QColor("#0072B2").rgb(), appearance.theme.colour("ink").rgb()}
    before = charts(board).times.minimumHeight()
    appearance.present(True)
    assert charts(board).times.minimumHeight() > before


def colours(image: QImage) -> set[int]:
    return {image.pixel(x, y) for x in range(0, image.width(), 2) for y in range(image.height())}


def test_a_low_window_scrolls_and_keeps_axis_and_charts_in_line(
    qtbot: QtBot, board: ChartBoard, whole: Picture
) -> None:
    board.show_picture(whole)
    board.resize(640, 330)
    scroller = board.findChild(QScrollArea, "chart_scroll")
    assert isinstance(scroller, QScrollArea)
    qtbot.waitUntil(lambda: scroller.verticalScrollBar().isVisible())
    assert board.axis.contentsRect().width() == scroller.viewport().width()
    assert charts(board).times.height() >= charts(board).times.minimumHeight()


def test_the_snapshot_holds_all_charts_and_says_that_it_is_simulated(
    board: ChartBoard, whole: Picture
) -> None:
    board.show_picture(whole)
    board.resize(640, 330)
    image = board.snapshot()
    assert image.height() > charts(board).height() > 0
    assert image.width() >= charts(board).width()


def test_the_board_can_be_reached_by_tab(qtbot: QtBot, board: ChartBoard, whole: Picture) -> None:
    board.show_picture(whole)
    assert board.focusPolicy() == Qt.FocusPolicy.StrongFocus
    others = [
        each
        for each in board.findChildren(QWidget)
        if each.focusPolicy() & Qt.FocusPolicy.TabFocus and each.isVisible()
    ]
    assert not others


def test_the_crosshair_leaves_with_the_mouse(qtbot: QtBot, board: ChartBoard, whole: Picture) -> None:
    board.show_picture(whole)
    cost = charts(board).cost
    qtbot.mouseMove(cost.viewport(), place_of(board, cost, 42))
    QApplication.sendEvent(cost, QEvent(QEvent.Type.Leave))
    assert board.timeline.bin is None
