"""The switchboard: flips, their way into text and run, and taking them back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.faults.card_table import CARDS, SEVERITIES
from app.faults.cards import settings_off, settings_on
from app.safeguards.matrix import ROWS, settings_for
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.scenario.model import Scenario
from tests.harness import simulation_of
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH
from widgets.trial.switchboard import Setting, Switchboard

SUPPORT = open_scenario("support-assistant")


class Heard:
    """What a switchboard told."""

    def __init__(self, board: Switchboard) -> None:
        self.flipped: list[tuple[str, Any, str]] = []
        self.refused: list[UserError] = []
        self.changed: list[Scenario] = []
        board.flipped.connect(lambda path, value, label: self.flipped.append((path, value, label)))
        board.refused.connect(self.refused.append)
        board.changed.connect(self.changed.append)


def loaded(file: ScenarioFile = SUPPORT) -> tuple[Switchboard, Heard]:
    board = Switchboard()
    heard = Heard(board)
    board.load(file)
    return board, heard


def of_base(board: Switchboard) -> Scenario:
    return parse_scenario(board.base_text(), PATH).scenario


def test_a_flip_shows_goes_into_the_text_and_can_be_undone(qtbot: QtBot) -> None:
    board, heard = loaded()
    assert board.base_text() == SUPPORT.text
    assert board.flip([("faults.outage.on", False)], "Outage off")
    assert not board.scenario.faults[1].on
    assert of_base(board) == board.scenario
    assert "# A demo that works is not a product" in board.base_text()
    assert heard.flipped == []  # no run goes that should hear of it
    board.undo()
    assert board.scenario == SUPPORT.scenario
    assert board.base_text() == SUPPORT.text
    board.redo()
    assert not board.scenario.faults[1].on


def test_what_does_not_fit_is_refused_and_nothing_changes(qtbot: QtBot) -> None:
    # Given two settings of which the second is wrong, when they are flipped, then the first is not made either.
    board, heard = loaded()
    assert not board.flip([("faults.outage.on", False), ("faults.outage.rate", 7)], "Too much")
    assert "must be at most 1" in str(heard.refused[0])
    assert board.scenario == SUPPORT.scenario
    assert heard.changed[-1] == SUPPORT.scenario  # for the control that was moved to fall back to
    assert not board.undo_stack.canUndo()


def test_what_is_so_already_is_no_flip(qtbot: QtBot) -> None:
    board, _ = loaded()
    assert board.flip([("faults.outage.on", True)], "Outage on")
    assert not board.undo_stack.canUndo()
    assert not board.modified


def test_flips_make_it_modified_until_saved_or_undone(qtbot: QtBot) -> None:
    board, _ = loaded()
    told: list[bool] = []
    board.modified_changed.connect(told.append)
    steps = [lambda: board.flip([("seed", 9)], "Seed 9"), board.saved, board.undo]
    for step, modified in zip(steps, (True, False, True), strict=True):
        step()
        assert board.modified is modified
    assert told == [True, False, True]


def test_moves_of_one_slider_are_undone_together_and_of_two_apart(qtbot: QtBot) -> None:
    board, _ = loaded()
    for factor in (2.0, 3.0, 4.0):
        board.flip([("traffic.factor", factor)], "Traffic", sliding=True)
    board.flip([("patience_s", 10)], "Patience", sliding=True)
    assert board.undo_stack.count() == 2
    board.undo()
    assert board.scenario.traffic.factor == 4.0
    board.undo()
    assert board.base_text() == SUPPORT.text


def test_a_run_hears_of_flips_and_of_their_undoing(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.begin_run()
    board.flip([("faults.outage.on", False), ("traffic.factor", 2.0)], "Calmer, busier")
    board.undo()
    assert heard.flipped == [
        ("faults.outage.on", False, "Calmer, busier"),
        ("traffic.factor", 2.0, "Calmer, busier"),
        ("traffic.factor", 1.0, "Undone: Calmer, busier"),
        ("faults.outage.on", True, "Undone: Calmer, busier"),
    ]
    assert board.base_text() == SUPPORT.text


def test_while_a_run_goes_its_seed_stays_and_so_does_what_was_set_before_it(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.flip([("seed", 9)], "Seed 9")
    board.begin_run()
    assert not board.flip([("seed", 10)], "Seed 10")
    board.undo()
    assert [error.what for error in heard.refused] == ["'seed' cannot change while a run goes"] * 2
    assert board.scenario.seed == 9
    board.end_run()
    board.undo()
    assert board.scenario.seed == 7
    board.undo()  # there is nothing left to undo
    board.redo()
    assert board.scenario.seed == 9


def test_a_planned_change_is_shown_while_the_run_goes_and_never_written(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.begin_run()
    board.happened("targets.primary.rpm", 500)
    assert board.scenario.targets["primary"].rpm == 500
    assert board.base_text() == SUPPORT.text
    assert heard.flipped == []
    board.end_run()
    assert board.scenario == SUPPORT.scenario
    board.happened("targets.primary.rpm", 400)  # told late: there is no run that it could be of
    assert board.scenario == SUPPORT.scenario


def test_a_flip_of_what_only_the_run_has_is_undone_to_what_the_run_had(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.begin_run()
    board.happened("targets.primary.rpm", 500)
    board.flip([("targets.primary.rpm", None)], "No limits")
    assert board.scenario.targets["primary"].rpm is None
    board.undo()
    assert [value for _, value, _ in heard.flipped] == [None, 500]
    assert board.base_text() == SUPPORT.text


def test_the_echo_of_an_earlier_move_does_not_pull_a_slider_back(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.begin_run()
    board.flip([("traffic.factor", 2.0)], "Traffic", sliding=True)
    board.flip([("traffic.factor", 3.0)], "Traffic", sliding=True)
    times = len(heard.changed)
    board.happened("traffic.factor", 2.0)
    board.happened("traffic.factor", 3.0)
    assert board.scenario.traffic.factor == 3.0
    assert len(heard.changed) == times
    board.happened("traffic.factor", 1.0)
    assert board.scenario.traffic.factor == 1.0


def test_a_fault_that_a_run_has_met_is_switched_off_by_undo_and_never_taken_out(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.begin_run()
    storm = {"kind": "overloaded", "rate": 0.2, "id": "storm"}
    board.flip([("faults.storm", storm)], "Storm")
    board.undo()
    assert heard.flipped[-1] == ("faults.storm.on", False, "Undone: Storm")
    assert board.base_text() == SUPPORT.text
    # And when it is switched on after all, then the next run has it too.
    board.flip([("faults.storm.on", True)], "Storm after all")
    assert [fault.id for fault in of_base(board).faults if fault.on] == ["everyday_errors", "outage", "storm"]
    board.end_run()
    assert board.scenario == of_base(board)


def test_another_scenario_forgets_the_flips_and_the_run(qtbot: QtBot) -> None:
    board, heard = loaded()
    board.begin_run()
    board.flip([("traffic.factor", 2.0)], "Traffic")
    board.load(parse_scenario(SMALL, PATH))
    assert not board.undo_stack.canUndo()
    assert not board.modified
    assert board.base_text() == SMALL
    board.flip([("traffic.factor", 3.0)], "Traffic")
    assert len(heard.flipped) == 1


def test_a_run_can_be_of_another_text_than_the_base(qtbot: QtBot) -> None:
    board, _ = loaded()
    staged = open_scenario("support-assistant", ["traffic.factor=0.5"]).scenario
    board.begin_run(staged)
    assert board.scenario == staged
    board.end_run()
    assert board.scenario == SUPPORT.scenario


@pytest.mark.parametrize("name", ["support-assistant", "cost-spike"])
def test_a_real_run_takes_whatever_is_flipped_and_is_as_it_is_shown(qtbot: QtBot, name: str) -> None:
    # Given a run, when all kinds of switches are flipped and undone, then the run's settings are those shown.
    board, _ = loaded(open_scenario(name, ["duration_s=30"]))
    with simulation_of(open_scenario(name, ["duration_s=30"])) as (simulation, _names):
        board.flipped.connect(simulation.change)
        board.begin_run()
        for step, move in enumerate([*_moves(board.original), "undo", "undo", "redo"]):
            simulation.advance((step + 1) * 300_000)
            _make(board, move)
            assert simulation.scenario == board.scenario
        simulation.finish()
    board.end_run()
    assert of_base(board) == board.scenario


def _moves(scenario: Scenario) -> list[Any]:
    cards = [(card.id, move) for card in CARDS.values() if card.faults for move in [*SEVERITIES, "off"]]
    cells = [(variant, row.kind) for variant in scenario.variants for row in ROWS]
    return [*cards, *cells, ("traffic.factor", 3.0), "undo"]


def _make(board: Switchboard, move: Any) -> None:
    """Undo, redo, a card's severity, a safeguard the other way round, or a setting."""
    if move in ("undo", "redo"):
        getattr(board, move)()
        return
    first, second = move
    flips: list[Setting] = [(first, second)]
    if first in CARDS:
        card = CARDS[first]
        flips = (
            settings_off(card, board.scenario, board.original)
            if second == "off"
            else settings_on(card, board.scenario, second, board.original)
        )
    elif first in board.scenario.variants:
        try:
            flips = settings_for(board.scenario, first, second, on=True) or settings_for(
                board.scenario, first, second, on=False
            )
        except UserError:
            return  # a fallback needs a second model
    board.flip(flips, str(move), sliding=first not in CARDS)


SMALL_FILE = parse_scenario(SMALL, PATH)
FILES = [SMALL_FILE, SUPPORT]


@settings(max_examples=40)
@given(
    st.sampled_from(FILES).flatmap(
        lambda file: st.tuples(
            st.just(file),
            st.lists(
                st.one_of(
                    st.sampled_from([*_moves(file.scenario), "undo", "redo"]),
                    st.tuples(st.just("traffic.factor"), st.floats(0, 20)),
                    st.sampled_from([("run", "begin"), ("run", "end"), ("run", "happened")]),
                ),
                max_size=8,
            ),
        )
    )
)
def test_any_series_of_flips_and_then_undo_gives_the_original_text_back(
    qapp: object, given_: tuple[ScenarioFile, list[Any]]
) -> None:
    file, moves = given_
    board = Switchboard()
    board.load(file)
    for move in moves:
        if move == ("run", "begin"):
            board.begin_run()
        elif move == ("run", "end"):
            board.end_run()
        elif move == ("run", "happened"):
            board.happened("targets.primary.rpm", 77)
        else:
            _make(board, move)
        if not board.running:
            assert of_base(board) == board.scenario
    board.end_run()
    assert of_base(board) == board.scenario
    while board.undo_stack.canUndo():
        board.undo()
    assert board.base_text() == file.text
    assert board.scenario == file.scenario
    assert not board.modified
