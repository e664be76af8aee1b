"""Runs of real calls, whole: in turns and side by side, changed, paused and stopped on the way, and always replayable."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.analysis.curves import RunPicture
from app.analysis.summary import summary
from app.engine.control import Control
from app.engine.observations import Resumer
from app.engine.replay_check import check_replay
from app.engine.run import Progress
from app.errors import UserError
from app.safeguards.commands import Flight
from app.sessions.exporting import export_run
from app.sessions.importing import import_run
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import REAL_CALLS_FACT
from tests.engine.live_runs import GOOD
from tests.engine.loopback import Play, chunk, fails, hangs, replies, says, streams
from tests.engine.real_runs import SCENARIO, Told, good, requests, run_real, servers

MICRO = 1_000_000
CALL_PICO = 200 * 10**6 + 10 * 10**7
"""What a good answer of the primary costs."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.db") as opened:
        yield opened


def asked(reader: RunReader, variant: str) -> list[tuple[int, int, int]]:
    return [(each.number, each.intended_us, each.row) for each in requests(reader, variant)]


def test_variants_take_turns_on_the_same_requests_each_on_a_clock_of_its_own(
    log: SessionLog, tmp_path: Path
) -> None:
    told = Told()
    with servers() as there:
        reader = run_real(log, there.file(tmp_path), told=told)
        calls = len(there.heard[0])

    record = reader.record()
    assert (record.clock, record.state, record.badge) == ("wall", "finished", "REAL CALLS")
    assert asked(reader, "bare") == asked(reader, "safe")
    found = summary(reader)
    for name in ("bare", "safe"):
        variant = found["variants"][name]
        assert variant["requests"] == variant["offered"] == variant["outcomes"]["good"] == record.offered > 20
    # then a turn followed the other: the first variant's calls are the first to have been heard
    assert [each.real.variants for each in told.progress if each.real] == sorted(
        each.real.variants for each in told.progress if each.real
    )
    # and the charts have both from 0 on, bin by bin
    curves = RunPicture(reader).now().curves
    for name, curve in curves.items():
        assert curve.requests.sum() == found["variants"][name]["requests"]
        assert curve.offered.sum() == record.offered
        assert curve.complete >= 1
    facts = reader.facts()[REAL_CALLS_FACT]
    assert {each["origin"] for each in facts["endpoints"].values()} == {
        url.removesuffix("/v1") for url in there.urls
    }
    assert facts["independent"] is False
    assert facts["punctuality"][0]["sends"]["of"] == record.offered
    # and every cent is accounted for
    cost_pico = sum(each.cost_pico for name in curves for each in requests(reader, name))
    assert cost_pico == calls * CALL_PICO
    assert facts["spent_usd"] == pytest.approx(cost_pico / 1e12)
    assert check_replay(reader).differences == ()


def test_side_by_side_they_are_called_at_the_same_time(log: SessionLog, tmp_path: Path) -> None:
    told = Told()
    with servers() as there:
        reader = run_real(log, there.file(tmp_path), side_by_side=True, told=told)

    assert asked(reader, "bare") == asked(reader, "safe")
    assert {each.real.variants for each in told.progress if each.real} == {("bare", "safe")}
    assert reader.record().virtual_us < 5 * MICRO
    assert reader.facts()[REAL_CALLS_FACT]["side_by_side"] is True
    assert check_replay(reader).differences == ()


def test_a_switch_flipped_in_the_first_turn_is_flipped_at_the_same_time_in_the_next(
    log: SessionLog, tmp_path: Path
) -> None:
    control = Control()
    flipped: list[bool] = []

    def act(progress: Progress) -> None:
        if progress.virtual_us > 0.4 * MICRO and not flipped:
            flipped.append(True)
            control.flip("faults.storm", {"kind": "server_error", "rate": 1}, "A storm")
            control.flip("traffic.rate_per_s", 60, "More of them")
            control.flip("variants.safe.safeguards.cache.on", False, "No cache")
            control.flip("traffic.arrivals", "closed", "Never")
            control.flip("faults.gone", {"kind": "outage", "outage_mode": "freeze"}, "Nor that")

    told = Told(act)
    with servers() as there:
        reader = run_real(log, there.file(tmp_path), control=control, told=told)

    assert [event.label for event in reader.events()] == ["A storm", "More of them", "No cache"]
    assert {error.what for error in told.refused} >= {"'traffic.arrivals' cannot change while a run goes"}
    assert len(told.refused) == 2
    assert asked(reader, "bare") == asked(reader, "safe")
    at_us = reader.events()[0].at_us
    for name in ("bare", "safe"):
        before = [each for each in requests(reader, name) if each.intended_us < at_us - 100_000]
        after = [each for each in requests(reader, name) if each.intended_us > at_us + 100_000]
        assert not any("storm" in each.faults for each in before)
        assert all("storm" in each.faults for each in after if each.attempts)
        assert len(after) > 27
    assert {each.cache for each in requests(reader, "safe") if each.intended_us > at_us + MICRO // 2} == {
        "off"
    }
    assert check_replay(reader).differences == ()


def test_planned_changes_and_incidents_are_events_once_and_hold_in_every_turn(
    log: SessionLog, tmp_path: Path
) -> None:
    planned = """
[[faults]]
kind = "server_error"
id = "spell"
rate = 1
from_s = 0.4
to_s = 0.8
[[changes]]
at_s = 0.6
set = "variants.safe.safeguards.retry.max_retries"
value = 0
label = "No retries"
"""
    with servers() as there:
        reader = run_real(log, there.file(tmp_path, SCENARIO + planned))

    events = [(event.kind, event.label, event.at_us) for event in reader.events()]
    assert events == [
        ("incident_begin", "spell", 400_000),
        ("change", "No retries", 600_000),
        ("incident_end", "spell", 800_000),
    ]
    for name in ("bare", "safe"):
        struck = {each.number for each in requests(reader, name) if "spell" in each.faults}
        assert struck
        assert all(
            0.4 <= each.intended_us / MICRO < 0.81 for each in requests(reader, name) if each.number in struck
        )
    safe = [each for each in requests(reader, "safe") if "spell" in each.faults]
    assert {each.retries for each in safe if each.intended_us > 600_000} == {0}
    assert {each.retries for each in safe if each.intended_us < 500_000} == {4}, "two at each target"
    assert check_replay(reader).differences == ()


def test_a_pause_shifts_who_was_to_come_and_the_next_turn_sees_the_same(
    log: SessionLog, tmp_path: Path
) -> None:
    control = Control()
    seen: list[float] = []

    def act(progress: Progress) -> None:
        at_s = progress.virtual_us / MICRO
        if not seen and at_s > 0.4:
            seen.append(at_s)
            control.pause()
        elif len(seen) == 1 and progress.state == "paused" and at_s > seen[0] + 0.8:
            seen.append(at_s)
            control.resume()

    told = Told(act)
    with servers() as there:
        reader = run_real(log, there.file(tmp_path), control=control, told=told)

    assert asked(reader, "bare") == asked(reader, "safe")
    intended = [each.intended_us for each in requests(reader, "bare")]
    gap_us = max(after - before for before, after in pairwise(intended))
    assert gap_us > 0.7 * MICRO
    assert intended[-1] > 1.5 * MICRO, "as many as without a pause, and later"
    assert [event.kind for event in reader.events()] == ["pause", "note"]
    assert summary(reader)["variants"]["safe"]["outcomes"]["failed"] == 0
    assert check_replay(reader).differences == ()


def test_in_a_later_turn_switches_and_pauses_are_refused_and_a_stop_is_not(
    log: SessionLog, tmp_path: Path
) -> None:
    control = Control()
    tried: list[bool] = []

    def act(progress: Progress) -> None:
        assert progress.real
        if progress.real.variants == ("safe",) and progress.virtual_us > 0.3 * MICRO:
            if not tried:
                control.flip("patience_s", 3)
                control.pause()
                control.set_speed(10)
                tried.append(True)
            elif len(told.refused) == 3:
                control.stop()

    told = Told(act)
    with servers() as there:
        reader = run_real(log, there.file(tmp_path), control=control, told=told)

    assert {error.what.split(",")[0] for error in told.refused} == {
        "the variants take turns",
        "real calls have no speed",
    }
    record = reader.record()
    assert record.state == "stopped"
    found = summary(reader)["variants"]
    assert 0 < found["safe"]["offered"] < found["bare"]["offered"]
    for variant in found.values():
        assert variant["requests"] == variant["offered"]
    assert [(event.kind, event.variant) for event in reader.events()] == [("note", "safe")]
    curves = RunPicture(reader).now().curves
    assert curves["safe"].complete <= curves["bare"].complete
    assert check_replay(reader).differences == ()


def test_a_stop_ends_arrivals_and_what_is_under_way_gets_its_answer(log: SessionLog, tmp_path: Path) -> None:
    control = Control()

    def act(progress: Progress) -> None:
        if progress.virtual_us > 0.5 * MICRO and not control.stopping:
            control.stop()

    def slow(n: int) -> Play:
        return hangs() if n % 3 == 0 else good(n)

    with servers(slow) as there:
        reader = run_real(log, there.file(tmp_path), control=control, told=Told(act))

    record = reader.record()
    assert record.state == "stopped"
    (event,) = reader.events()
    assert (event.label, event.details["set"]) == ("Stopped", "duration_s")
    ended = requests(reader, "bare")
    assert len(ended) == record.offered < 40
    assert {each.reason for each in ended} == {"", "timeout"}
    assert reader.requests("safe") == []
    assert check_replay(reader).differences == ()


def test_a_second_stop_gives_up_the_calls_that_are_under_way(log: SessionLog, tmp_path: Path) -> None:
    control = Control()

    def act(progress: Progress) -> None:
        if progress.virtual_us > 0.4 * MICRO and progress.in_flight:
            control.stop()

    text = SCENARIO.replace("attempt_s = 1\n", "attempt_s = 300\n").replace("drain_s = 5", "drain_s = 300")
    with servers(lambda n: hangs(chunk("It is"))) as there:
        reader = run_real(log, there.file(tmp_path, text), control=control, told=Told(act))

    ended = requests(reader, "bare")
    assert ended
    assert {each.reason for each in ended} == {"run_ended"}
    assert reader.record().state == "stopped"
    assert check_replay(reader).differences == ()


@pytest.mark.parametrize("side_by_side", [False, True])
def test_at_the_cap_the_run_ends_in_good_order_and_says_why(
    log: SessionLog, tmp_path: Path, side_by_side: bool
) -> None:
    cap_usd = 0.008
    told = Told()
    with servers() as there:
        reader = run_real(log, there.file(tmp_path), max_usd=cap_usd, side_by_side=side_by_side, told=told)
        calls = sum(map(len, there.heard))

    facts = reader.facts()[REAL_CALLS_FACT]
    assert reader.record().state == "stopped"
    assert facts["stopped_by"] == "spend_cap"
    assert cap_usd / 2 < facts["spent_usd"] <= cap_usd
    assert calls * CALL_PICO / 1e12 == pytest.approx(facts["spent_usd"])
    assert "The spending cap of $0.008 is reached" in [event.label for event in reader.events()]
    ended = [each for name in ("bare", "safe") for each in requests(reader, name)]
    assert "spend_cap" in {each.reason for each in ended}
    for name, variant in summary(reader)["variants"].items():
        assert variant["requests"] == variant["offered"] == len(requests(reader, name))
    spent = [each.real.spent_usd for each in told.progress if each.real]
    assert spent == sorted(spent)
    assert {each.real.cap_usd for each in told.progress if each.real} == {cap_usd}
    assert check_replay(reader).differences == ()


def test_a_failure_of_ours_ends_the_calls_and_what_was_spent_is_kept(log: SessionLog, tmp_path: Path) -> None:
    def act(progress: Progress) -> None:
        if progress.virtual_us > 0.5 * MICRO:
            raise RuntimeError("out of order")

    with servers() as there, pytest.raises(RuntimeError, match="out of order"):
        run_real(log, there.file(tmp_path), told=Told(act))

    reader = RunReader(log, 1)
    assert reader.record().state == "failed"
    assert reader.facts()[REAL_CALLS_FACT]["spent_usd"] > 0
    assert "real calls" not in {thread.name for thread in threading.enumerate()}


def test_usage_that_nobody_tells_is_estimated_and_marked(log: SessionLog, tmp_path: Path) -> None:
    with servers(lambda n: says(GOOD)) as there:
        reader = run_real(log, there.file(tmp_path, SCENARIO, "traffic.max_requests=3"))

    found = reader.request("bare", 0)
    assert found is not None
    (attempt,) = found[1]
    assert (attempt.estimated, attempt.text) == (True, GOOD)
    assert attempt.cost_pico > 0
    [(estimated,)] = log.db.execute("select distinct estimated from attempts").fetchall()
    assert estimated == 1


def test_a_call_that_broke_off_counts_towards_the_cap_for_all_that_it_may_cost(
    log: SessionLog, tmp_path: Path
) -> None:
    settings = ("traffic.max_requests=3", "variants.safe=")
    with servers(lambda n: streams(chunk("half of it"), ends=False)) as there:
        reader = run_real(log, there.file(tmp_path, SCENARIO, *settings))

    ended = requests(reader, "bare")
    assert {each.reason for each in ended} == {"connection_lost"}
    # In the log is what is known of it, its prompt and what came; the cap is told of 50 tokens of answer.
    known_pico = sum(each.cost_pico for each in ended)
    more_pico = sum(50 - each.output_tokens for each in ended) * 10**7
    assert known_pico > 0
    assert reader.facts()[REAL_CALLS_FACT]["spent_usd"] == pytest.approx((known_pico + more_pico) / 1e12)


def test_a_key_that_cannot_be_had_ends_it_before_there_is_a_run(log: SessionLog, tmp_path: Path) -> None:
    def locked(_origin: str) -> SecretStr | None:
        raise UserError("the key store is locked")

    with servers() as there, pytest.raises(UserError, match="is locked"):
        run_real(log, there.file(tmp_path), key_for=locked)
    assert there.heard == [[], []]
    assert log.db.execute("select count(*) from runs").fetchone() == (0,)


def test_texts_of_answers_are_kept_once_and_only_where_they_are_wanted(
    log: SessionLog, tmp_path: Path
) -> None:
    with servers() as there:
        reader = run_real(log, there.file(tmp_path))
        without = run_real(log, there.file(tmp_path), keep_answers=False)

    texts = "select text from answer_texts where run_id = ?"
    assert log.db.execute(texts, (reader.run_id,)).fetchall() == [(GOOD,)]
    assert log.db.execute(texts, (without.run_id,)).fetchall() == []
    assert attempt_text(reader) == GOOD
    assert attempt_text(without) is None

    for texts_too, expected in ((True, GOOD), (False, None)):
        target = tmp_path / f"run-{texts_too}.zip"
        export_run(log, reader.run_id, target, texts=texts_too)
        there_again = RunReader(log, import_run(log, target))
        assert attempt_text(there_again) == expected
        assert summary(there_again)["variants"] == summary(reader)["variants"]
    with pytest.raises(UserError, match="no observations of real calls: it was exported without texts"):
        check_replay(there_again)


def attempt_text(reader: RunReader) -> str | None:
    found = reader.request("bare", 0)
    assert found is not None
    return found[1][0].text


SECRET = "sk-marked-0123456789"


def test_a_key_goes_to_its_origin_alone_and_is_written_nowhere(log: SessionLog, tmp_path: Path) -> None:
    # given a primary that sends its callers elsewhere now and then, and a key for it alone
    away: list[str] = []

    def primary(n: int) -> Play:
        if n % 10 == 1:
            return replies(307, "", location=f"{away[0]}/chat/completions")
        return fails(500, message=SECRET) if n % 10 else good(n)

    with servers(primary) as there:
        away.append(there.urls[1])
        origin = there.urls[0].removesuffix("/v1")
        keys = {origin: SecretStr(SECRET)}
        told = Told()
        reader = run_real(log, there.file(tmp_path), key_for=keys.get, told=told)
        first, second = there.heard

    assert {each.headers["authorization"] for each in first} == {f"Bearer {SECRET}"}
    # then the other server was called as the fallback, and never with that key
    assert second
    assert not any(SECRET in str(each) for each in second)
    assert {each.body["model"] for each in second} == {"second-model"}
    export_run(log, reader.run_id, tmp_path / "run.zip", texts=True)
    log.close()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    assert SECRET not in repr((told.progress, told.events, told.refused, told.notices))


REFUSED = {
    "no endpoint": (('endpoint = { base_url = "FALLBACK" }', ""), "'fallback' has no endpoint"),
    "no model": (('model = "first-model"', ""), "'primary' has no model"),
    "no price": (
        ("price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }", ""),
        "no price known for 'first-model'",
    ),
    "a standstill": (
        ("[variants.bare]", '[[faults]]\nkind = "outage"\noutage_mode = "freeze"\n[variants.bare]'),
        "inside",
    ),
    "a model to come": (
        (
            "[variants.bare]",
            '[[changes]]\nat_s = 1\nset = "targets.primary.model"\nvalue = "dear-model"\n[variants.bare]',
        ),
        "cannot change by themselves",
    ),
    "a price to come": (
        (
            "[variants.bare]",
            '[[changes]]\nat_s = 1\nset = "targets.primary.price"\n'
            "value = { input_usd_per_million_tokens = 0, output_usd_per_million_tokens = 0 }\n[variants.bare]",
        ),
        "cannot change by themselves",
    ),
    "a standstill to come": (
        (
            "[variants.bare]",
            '[[changes]]\nat_s = 1\nset = "faults.later"\nvalue = { kind = "outage", outage_mode = "freeze" }\n'
            "[variants.bare]",
        ),
        "inside",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_called_is_refused_before_anything_is_sent_or_logged(
    log: SessionLog, tmp_path: Path, case: str
) -> None:
    (before, after), why = REFUSED[case]
    assert before in SCENARIO
    with servers() as there, pytest.raises(UserError, match=why):
        run_real(log, there.file(tmp_path, SCENARIO.replace(before, after, 1)))
    assert there.heard == [[], []]
    assert log.db.execute("select count(*) from runs").fetchone() == (0,)


def test_a_cap_of_nothing_is_no_cap(log: SessionLog, tmp_path: Path) -> None:
    with servers() as there, pytest.raises(UserError, match="no amount"):
        run_real(log, there.file(tmp_path), max_usd=0)


def test_monitoring_alerts_and_trouble_are_told_of_each_variant_in_its_turn(
    log: SessionLog, tmp_path: Path
) -> None:
    rule = '{ kind = "error_rate", above_rate = 0.5, window_s = 1, min_requests = 5, for_s = 0 }'
    monitoring = f'{{ kind = "monitoring", rules = [{rule}] }}'
    text = SCENARIO.replace('{ kind = "deadline"', monitoring + ', { kind = "deadline"').replace(
        "duration_s = 1.5", "duration_s = 3"
    )
    text = text.replace('  { kind = "canned", text = "Later." },\n', "")
    with servers(lambda n: fails(500), lambda n: fails(500)) as there:
        reader = run_real(log, there.file(tmp_path, text))

    kinds = {(event.kind, event.variant) for event in reader.events()}
    assert {("alert", "safe"), ("trouble_begin", "safe"), ("trouble_begin", "bare")} <= kinds
    assert summary(reader)["variants"]["safe"]["detection"]["alerts"] >= 1
    assert check_replay(reader).differences == ()


def test_what_requests_held_is_free_as_they_end_without_the_garbage_collector(
    log: SessionLog, tmp_path: Path
) -> None:
    text = SCENARIO.replace(
        '{ kind = "attempt_timeout", attempt_s = 0.5 }',
        '{ kind = "concurrency", max_in_flight = 1 }, { kind = "attempt_timeout", attempt_s = 0.5 }',
    )
    with servers() as there:
        file = there.file(tmp_path, text)
        gc.collect()
        gc.disable()
        try:
            reader = run_real(log, file)
            left = Counter(type(each).__name__ for each in gc.get_objects())
        finally:
            gc.enable()
    assert len(requests(reader, "safe")) > 20
    assert (left["Request"], left["Attempt"], left["Flight"]) == (0, 0, 0)


def test_a_flight_has_the_number_of_its_first_wait_and_nobody_keeps_it() -> None:
    resumer, first, second = Resumer(), Flight(), Flight()
    assert [resumer.number(each) for each in (first, second, first)] == [0, 1, 0]
    assert sys.getrefcount(first) == 2
