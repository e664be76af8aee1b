"""Who noticed trouble: from events made by hand, and from a run whose rows say what it had cost by then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.analysis.comparison import Side, compare
from app.analysis.curves import RunPicture
from app.analysis.detection import NOTHING, Spell, as_json, spells
from app.analysis.metrics import METRICS, shown_metric
from app.analysis.summary import sentence, summary
from app.analysis.thresholds import Threshold
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.records import EventRecord
from app.sessions.session_log import SessionLog

SETTINGS = ("duration_s=200", "traffic.rate_per_s=8", "complaints.mean_delay_s=120", "faults.drift.rate=0")


def event(at_s: float, kind: str, **details: Any) -> EventRecord:
    return EventRecord(0, round(at_s * 1e6), kind, kind, "safe", {"variant": "safe", **details})


def trouble(onset_s: float, end_s: float) -> list[EventRecord]:
    return [
        event(onset_s + 4, "trouble_begin", onset_s=onset_s),
        event(end_s + 20, "trouble_end", onset_s=onset_s, end_s=end_s),
    ]


def alert(onset_s: float, detected_s: float, rule: str = "slow") -> EventRecord:
    return event(detected_s, "alert", rule=rule, onset_s=onset_s, detected_s=detected_s)


def over(ended_s: float, rule: str = "slow") -> EventRecord:
    return event(ended_s, "alert_end", rule=rule, ended_s=ended_s)


def complaint(onset_s: float, noticed_s: float) -> EventRecord:
    return event(noticed_s, "complaint_noticed", onset_s=onset_s, noticed_s=noticed_s, complaints=3)


def noticed(*events: EventRecord, until_s: float = 600) -> list[tuple[float | None, str | None]]:
    found = spells("safe", sorted(events, key=lambda each: each.at_us), until_s)
    return [(each.noticed_s, each.noticed_by) for each in found]


def test_the_earlier_of_alert_and_complaint_counts() -> None:
    there = trouble(100, 200)
    assert noticed(*there) == [(None, None)]
    assert noticed(*there, complaint(100, 260)) == [(260, "customer")]
    assert noticed(*there, complaint(100, 260), alert(108, 115)) == [(115, "alert")]
    assert noticed(*there, complaint(100, 110), alert(108, 115)) == [(110, "customer")]


def test_an_alert_of_another_time_is_no_notice() -> None:
    there = trouble(100, 200)
    # over before it began, or with a condition that held only after it had ended
    assert noticed(alert(50, 55), over(90), *there) == [(None, None)]
    assert noticed(*there, alert(220, 225)) == [(None, None)]
    # an alert that is on already is known of at once; one whose window still held the trouble, as it comes
    assert noticed(alert(50, 55), over(150), *there) == [(100, "alert")]
    assert noticed(*there, alert(199, 204)) == [(204, "alert")]
    # and one of two rules ends with its own end
    assert noticed(alert(50, 55, "cost"), over(90, "slow"), *there) == [(100, "alert")]


def test_a_spell_is_followed_until_somebody_knows_or_it_ends_or_the_run_has_got_so_far() -> None:
    open_spell = Spell("safe", 100, None, None, None, "", 170)
    assert (open_spell.time_to_detect_s, open_spell.unknown_until_s) == (None, 170)
    (late,) = spells("safe", [*trouble(100, 200), complaint(100, 260)], 600)
    assert (late.time_to_detect_s, late.unknown_until_s) == (160, 200)


def test_events_from_elsewhere_that_tell_nothing_of_use_do_no_harm() -> None:
    told = [event(at_s, kind) for at_s, kind in ((100, "trouble_begin"), (110, "alert"), (120, "alert_end"))]
    odd = event(200, "trouble_end", end_s=1e300, onset_s="now")
    assert noticed(*told, odd) == [(110, "alert")]


def test_nothing_is_nothing() -> None:
    nothing = as_json(NOTHING)
    assert (nothing["troubles"], nothing["time_to_detect_s"], nothing["spells"]) == (0, 0, [])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path_factory.mktemp("detection") / "log.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def reader(log: SessionLog) -> RunReader:
    order = Order(open_scenario("unwatched", SETTINGS))
    return RunReader(log, run_scenario(order, log, Control(), Listener()))


@pytest.mark.parametrize("variant", ["prototype", "safeguarded"])
def test_what_it_cost_until_then_is_what_the_rows_say(reader: RunReader, variant: str) -> None:
    (spell,) = summary(reader)["variants"][variant]["detection"]["spells"]
    bad = [
        each
        for each in reader.each_request(variant)
        if each.outcome in ("failed", "wrong", "late")
        and spell["onset_s"] <= each.finished_us / 1e6 < spell["noticed_s"]
    ]
    assert spell["bad_requests"] == len(bad) > 10
    assert spell["cost_usd"] == pytest.approx(sum(each.cost_pico for each in bad) / 1e12)
    assert spell["noticed_by"] == ("alert" if variant == "safeguarded" else "customer")


def test_it_is_told_in_sentences_metrics_thresholds_and_comparison(
    log: SessionLog, reader: RunReader
) -> None:
    told = summary(reader)
    bare, watched = (told["variants"][name] for name in ("prototype", "safeguarded"))
    assert "Trouble was noticed after" in sentence("Bare", bare)
    assert "by complaints:" in sentence("Bare", bare)
    assert "by an alert:" in sentence("Watched", watched)
    assert Threshold.parse("prototype.detection.time_to_detect_s > 30").missed(told)
    assert not Threshold.parse("safeguarded.detection.time_to_detect_s > 30").missed(told)
    compared = compare(log, [Side(reader.run_id, "prototype"), Side(reader.run_id, "safeguarded")])
    rows = {row.metric.key: row for row in compared.metrics}
    assert rows["detection.time_to_detect_s"].best == {1}
    assert rows["detection.bad_requests"].values[0] == bare["detection"]["bad_requests"]


def test_a_picture_of_an_earlier_moment_knows_only_what_was_known_then(reader: RunReader) -> None:
    picture = RunPicture(reader)
    now = picture.now().summary["variants"]["prototype"]["detection"]
    assert now == summary(reader)["variants"]["prototype"]["detection"]
    (spell,) = picture.at(130).summary["variants"]["prototype"]["detection"]["spells"]
    assert (spell["noticed_s"], spell["end_s"]) == (None, None)
    assert 0 < spell["bad_requests"] < now["bad_requests"]
    assert picture.at(60).summary["variants"]["prototype"]["detection"]["spells"] == []


def test_what_nobody_notices_is_never_best() -> None:
    (metric,) = (each for each in METRICS if each.key == "detection.time_to_detect_s")
    nobody = {"detection": {"troubles": 1, "unnoticed": 1, "time_to_detect_s": None}}
    assert shown_metric(metric, metric.value(nobody)) == "nobody noticed"
    assert metric.value({"detection": as_json(NOTHING)}) is None


def spell_json(by: str | None, after_s: float | None) -> dict[str, Any]:
    return {"noticed_by": by, "time_to_detect_s": after_s}


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ([("alert", 12.0)], "Trouble was noticed after 12 s by an alert: 312 customers, $0.41 until then."),
        ([(None, None)], "Nobody noticed the trouble: 312 customers, $0.41."),
        (
            [("alert", 12.0), ("customer", 250.0), (None, None)],
            "3 troubles were noticed after 12 s by an alert, then after 4 min 10 s by complaints, then by nobody: "
            "312 customers, $0.41 until then.",
        ),
        (
            [("alert", 12.0)] * 3 + [(None, None)] * 2,
            "5 troubles were noticed, 3 by an alert, 2 by nobody: 312 customers, $0.41 until then.",
        ),
    ],
)
def test_trouble_in_a_sentence(
    reader: RunReader, by: list[tuple[str | None, float | None]], says: str
) -> None:
    variant = summary(reader)["variants"]["prototype"]
    detection = {
        "spells": [spell_json(*each) for each in by],
        "unnoticed": sum(who is None for who, _ in by),
        "bad_requests": 312,
        "cost_usd": 0.41,
    }
    assert sentence("Bare", {**variant, "detection": detection}).endswith(says)
