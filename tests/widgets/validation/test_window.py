"""Is it right?: real commands run real cases; they can be cancelled, changed, copied, and end with the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from PySide6.QtCore import QProcess
from PySide6.QtWidgets import QApplication, QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from app.analysis.validation.base import KnownResult
from app.analysis.validation.results import RESULTS, cases_of
from widgets.appearance import Appearance
from widgets.validation.parameters_dialog import ParametersDialog
from widgets.validation.window import ValidationWindow

QUICK = cases_of("layered-retries", ["tries=2", "layers=2"])
SLOW = cases_of("metastable")[:1]
COARSE = cases_of("md1", ["requests=1000", "precision=0.01"])
TOO_MUCH = cases_of("erlang-c", ["c=1000", "rho=0.1"])

Opened = Callable[[Sequence[KnownResult]], ValidationWindow]


@pytest.fixture
def opened(qtbot: QtBot, appearance: Appearance) -> Iterator[Opened]:
    """The window with these cases, beside another one."""
    main = QWidget()
    main.resize(1280, 800)
    qtbot.addWidget(main)

    def made(cases: Sequence[KnownResult]) -> ValidationWindow:
        window = ValidationWindow(appearance, main, cases)
        window.show()
        return window

    yield made
    appearance.choose("light")


def top(window: ValidationWindow, place: int) -> QTreeWidgetItem:
    item = window.tree.topLevelItem(place)
    assert item is not None
    return item


def row(window: ValidationWindow, place: int) -> QTreeWidgetItem:
    """The first row of a case."""
    item = top(window, place).child(0)
    assert item is not None
    return item


def verdicts(window: ValidationWindow) -> list[str]:
    return [top(window, place).text(1) for place in range(window.tree.topLevelItemCount())]


def finish(window: ValidationWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not window.runner.busy)


def parameters(window: ValidationWindow, place: int) -> ParametersDialog:
    window.tree.setCurrentItem(top(window, place))
    window.edit.click()
    dialog = window.findChild(ParametersDialog)
    assert dialog is not None
    return dialog


def test_every_case_is_listed_before_anything_is_run(opened: Opened) -> None:
    window = opened(())
    cases = [case for kind in RESULTS.values() for case in kind.cases()]
    assert verdicts(window) == ["not run"] * len(cases)
    assert all(top(window, place).text(6) == case.source for place, case in enumerate(cases))
    assert not window.copy.isEnabled()


def test_rows_come_with_known_ours_interval_verdict_and_source(opened: Opened, qtbot: QtBot) -> None:
    window = opened([*QUICK, *COARSE, *TOO_MUCH])

    window.run_all.click()
    assert "waiting" in verdicts(window) or "running…" in verdicts(window)
    finish(window, qtbot)

    assert verdicts(window) == ["pass", "too coarse", "no answer"]
    fewest, coarse = row(window, 0), row(window, 1)
    assert [fewest.text(column) for column in range(6)] == [
        "fewest calls of a request",
        "pass",
        "4",
        "4",
        "",
        "exact",
    ]
    assert "…" in coarse.text(4)
    window.tree.setCurrentItem(top(window, 2))
    assert "would take" in window.detail.text()
    assert "1 of 3 runs have no answer" in window.told.text()
    # And as text
    window.copy.click()
    copied = QApplication.clipboard().text()
    assert "layered-retries: tries=2, layers=2" in copied
    assert "source: F. Pollaczek" in copied


def test_a_verdict_is_a_word_and_has_the_colour_of_its_theme(
    opened: Opened, qtbot: QtBot, appearance: Appearance
) -> None:
    window = opened(QUICK)
    window.start()
    finish(window, qtbot)
    for choice in ("dark", "light"):
        appearance.choose(choice)
        shown = row(window, 0)
        assert shown.text(1) == "pass"
        assert shown.foreground(1).color() == appearance.theme.colour("ok")


def test_cancel_ends_what_runs_and_keeps_what_was_found(opened: Opened, qtbot: QtBot) -> None:
    # Given a quick case that has ended, and slow ones that run and wait
    window = opened([*QUICK, *SLOW, *SLOW, *SLOW])
    window.start()
    qtbot.waitUntil(lambda: verdicts(window)[0] == "pass")
    processes = window.runner.findChildren(QProcess)

    window.cancel.click()

    assert not window.runner.busy
    assert all(each.state() == QProcess.ProcessState.NotRunning for each in processes)
    assert verdicts(window) == ["pass", "not run", "not run", "not run"]
    assert window.run_all.isEnabled()
    assert not window.progress.isVisible()


def test_closing_the_window_ends_the_commands(opened: Opened) -> None:
    window = opened(SLOW)
    window.start()
    (process,) = window.runner.findChildren(QProcess)
    assert process.waitForStarted()

    window.close()

    assert not window.isVisible()
    assert process.state() == QProcess.ProcessState.NotRunning


def test_parameters_are_checked_and_the_row_is_run_alone(opened: Opened, qtbot: QtBot) -> None:
    window = opened([*QUICK, *COARSE])
    dialog = parameters(window, 0)

    # When a value is beyond its bounds
    dialog.fields["tries"].setText("22")  # type: ignore[union-attr]
    dialog._confirm()
    # Then it is refused, and the reason is told
    assert "must be at most 21" in dialog.error.what.text()
    assert not window.runner.busy

    # When it fits
    dialog.fields["tries"].setText("3")  # type: ignore[union-attr]
    dialog._confirm()
    finish(window, qtbot)
    # Then that row alone has been run
    assert verdicts(window) == ["pass", "not run"]
    assert top(window, 0).text(0) == "Layered retries: tries=3, layers=2"
    assert row(window, 0).text(2) == "9"


def test_choices_are_offered_and_numbers_tell_their_bounds(opened: Opened) -> None:
    window = opened(cases_of("backoff"))
    dialog = parameters(window, 2)
    assert dialog.value("jitter") == "equal"
    assert dialog.value("requests") == "4000"
    assert [dialog.fields["jitter"].itemText(n) for n in range(5)] == [  # type: ignore[union-attr]
        "none",
        "exponential",
        "equal",
        "full",
        "decorrelated",
    ]
