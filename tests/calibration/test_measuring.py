"""Real calls over real sockets: what is measured, what it may cost, and what becomes of calls that fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.calibration.calibration import Calibration, Order, calibrate, prepare
from app.calibration.doubts import doubts
from app.calibration.measuring import Halt, Progress
from app.calibration.report import as_json
from app.calibration.saving import calibrated_text, settings
from app.errors import UserError
from app.scenario.files import parse_scenario
from tests.calibration.rig import calibrated, loopback, no_keys, scenario_in
from tests.engine.loopback import Play, chunk, cuts, fails, hangs, replies, says, streams

TEXT = "This mail is about an order that went astray."
GOOD = says(TEXT, usage=(33, 12))


def order(folder: Path, base_url: str, *changes: str, **more: object) -> Order:
    return replace(Order(scenario_in(folder, base_url, *changes), 1.0, calls=8), **more)  # type: ignore[arg-type]


def run(folder: Path, plays: Play | list[Play], *changes: str, **more: object) -> Calibration:
    """The calibration of a server that answers every call alike, or each by its own play."""
    with loopback(lambda n: plays[n] if isinstance(plays, list) else plays) as server:
        return calibrated(order(folder, server.base_url, *changes, **more))


def impatient(folder: Path, plays: list[Play], patience_s: float) -> Calibration:
    """The same, and calls are soon given up."""
    with loopback(lambda n: plays[n]) as server:
        prepared = prepare(order(folder, server.base_url, calls=len(plays)), no_keys)
        course = replace(prepared.course, patience_s=patience_s)
        return calibrate(replace(prepared, course=course), lambda _: None, Halt())


def test_every_question_is_asked_and_counted_as_the_provider_counts(tmp_path: Path) -> None:
    told: list[Progress] = []
    with loopback(lambda _: GOOD) as server:
        found = calibrated(order(tmp_path, server.base_url), told.append)

    assert len(server.heard) == 8
    assert {heard.body["model"] for heard in server.heard} == {"small-model"}
    assert {heard.body["max_tokens"] for heard in server.heard} == {300}
    questions = {heard.body["messages"][-1]["content"].splitlines()[-1] for heard in server.heard}
    assert len(questions) == 3  # all there are
    assert (found.fits.calls, found.fits.answered, found.fits.estimated) == (8, 8, 0)
    fit = found.fits.output.fit
    assert fit is not None
    assert (fit.median, fit.sigma) == (12, 0)
    assert found.fits.input_factor is not None
    estimated = sum(call.asked.tokens for call in found.measurement.calls)
    assert found.fits.input_factor.value == pytest.approx(8 * 33 / estimated)
    assert found.measurement.cost_pico == 8 * (33 * 1_000_000 + 12 * 10_000_000)
    assert [each.made for each in told] == list(range(1, 9))
    assert told[-1].cost_pico == found.measurement.cost_pico


def test_questions_are_the_same_for_a_seed_and_spread_over_sizes(tmp_path: Path) -> None:
    def asked(*changes: str) -> list[tuple[int, int]]:
        course = prepare(order(tmp_path, "http://127.0.0.1:9/v1", *changes, calls=12), no_keys).course
        return [(each.row, each.tokens) for each in course.questions]

    assert asked() == asked()
    assert asked() != asked("seed=5")
    assert Counter(row for row, _ in asked()) == {1: 4, 2: 4, 3: 4}


def test_the_key_of_the_origin_goes_along_and_nowhere_else(tmp_path: Path) -> None:
    wanted: list[str] = []

    def keys(origin: str) -> SecretStr:
        wanted.append(origin)
        return SecretStr("sk-very-secret")

    with loopback(lambda _: GOOD) as server:
        prepared = prepare(order(tmp_path, server.base_url, calls=5), keys)
        found = calibrate(prepared, lambda _: None, Halt())

    assert wanted == [f"http://127.0.0.1:{server.port}"]
    assert {heard.headers["authorization"] for heard in server.heard} == {"Bearer sk-very-secret"}
    assert "sk-very-secret" not in f"{found}{as_json(found)}{settings(found)}"


def test_failed_calls_are_counted_and_enter_no_fit(tmp_path: Path) -> None:
    limits = {"x_ratelimit_limit_requests": "500", "x_ratelimit_limit_tokens": "30000"}
    broken = [fails(503), fails(429, kind="requests", **limits), cuts(), streams(chunk("Hm"), ends=False)]

    found = run(tmp_path, [*broken, *[GOOD] * 6], calls=10)

    kinds = {each.kind: each.count for each in found.fits.errors}
    assert kinds == {"overloaded": 1, "rate_limited": 1, "connection_lost": 2}
    low, high = next(each.interval for each in found.fits.errors if each.kind == "connection_lost")
    assert 0.05 < low < 0.06 < 0.5 < high < 0.51  # Wilson's, for 2 of 10
    assert found.fits.first_token.sample.count == 6
    assert found.fits.limits["requests"].limit == 500
    assert ("targets.primary.rpm", 500) in settings(found)
    assert ("targets.primary.tpm", 30_000) in settings(found)


def test_calls_that_are_given_up_count_as_at_least_so_slow(tmp_path: Path) -> None:
    found = impatient(tmp_path, [hangs(), hangs(chunk("It is")), *[GOOD] * 6], 0.2)

    fits = found.fits
    assert (fits.answered, fits.given_up) == (6, 2)
    assert [each.kind for each in fits.errors] == ["timeout"]
    assert fits.first_token.sample.at_least == pytest.approx([0.2], abs=0.05)
    assert fits.whole.sample.at_least == pytest.approx([0.2, 0.2], abs=0.05)
    assert len(fits.first_token.sample.values) == 7
    assert any("2 calls were given up" in each for each in doubts(found))


def test_what_a_call_may_have_cost_that_was_given_up_is_held_to_the_cap(tmp_path: Path) -> None:
    with loopback(lambda _: hangs()) as server:
        prepared = prepare(order(tmp_path, server.base_url), no_keys)
        most = max(prepared.course.most_pico(asked) for asked in prepared.course.questions)
        course = replace(prepared.course, patience_s=0.05, cap_pico=2 * most)
        found = calibrate(replace(prepared, course=course), lambda _: None, Halt())

    assert len(found.measurement.calls) == 2
    assert "cap" in found.measurement.ended_early


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_call_is_made_that_might_exceed_the_cap_and_what_there_is_is_kept(
    tmp_path: Path, concurrency: int
) -> None:
    with loopback(lambda _: GOOD) as server:
        prepared = prepare(order(tmp_path, server.base_url, concurrency=concurrency, calls=20), no_keys)
        each = 33 * 1_000_000 + 12 * 10_000_000
        most = max(prepared.course.most_pico(asked) for asked in prepared.course.questions)
        course = replace(prepared.course, cap_pico=most + 6 * each)
        found = calibrate(replace(prepared, course=course), lambda _: None, Halt())

    assert 5 <= len(server.heard) <= 8
    assert found.measurement.cost_pico == len(server.heard) * each <= course.cap_pico
    assert found.measurement.ended_early == "the next call might have exceeded the cap"
    assert found.fits.enough
    assert "Only " in doubts(found)[0]


def test_answers_without_usage_are_estimated_and_said_to_be(tmp_path: Path) -> None:
    found = run(tmp_path, says(TEXT))

    assert found.fits.estimated == 8
    assert found.fits.input_factor is None
    assert any("without token counts" in each for each in doubts(found))


def test_answers_that_were_cut_off_would_have_been_longer(tmp_path: Path) -> None:
    long = streams(
        chunk("On and "), chunk("on"), chunk(finish="length"),
        b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 300}}\n\ndata: [DONE]\n\n',
    )  # fmt: skip
    some = run(tmp_path, [*[GOOD] * 5, says(TEXT, usage=(33, 40)), long, long])
    assert list(some.fits.output.sample.at_least) == [300, 300]
    assert some.fits.output.fit is not None
    assert some.fits.output.fit.median > 12

    found = run(tmp_path, long)
    assert found.fits.output.fit is None
    assert ("tokens.output_tokens", 300) in settings(found)
    assert any("cut off at max_tokens" in each for each in doubts(found))


def test_answers_in_one_piece_have_no_rate_and_their_whole_time_is_fitted(tmp_path: Path) -> None:
    whole = streams(
        chunk(TEXT) + chunk(finish="stop") + b"data: [DONE]\n\n",
    )
    found = run(tmp_path, whole)

    paths = dict(settings(found))
    assert found.fits.in_one_piece
    assert paths["targets.primary.service"] == "lognormal"
    assert "targets.primary.service_s" in paths
    assert "targets.primary.tokens_per_s" not in paths


@pytest.mark.parametrize(
    ("play", "calls"),
    [(fails(401, code="invalid_api_key"), 1), (fails(402), 1), (fails(404), 5), (cuts(), 5)],
)
def test_what_is_hopeless_is_left_off(tmp_path: Path, play: Play, calls: int) -> None:
    found = run(tmp_path, play, calls=20)

    assert len(found.measurement.calls) == calls
    assert not found.fits.enough
    assert settings(found) == []
    assert doubts(found)[-1].startswith("Nothing can be fitted: 0 calls were answered")


def test_what_was_measured_is_kept_when_it_is_stopped(tmp_path: Path) -> None:
    halt = Halt()

    def tell(progress: Progress) -> None:
        if progress.made == 6:
            halt.ask()

    with loopback(lambda n: GOOD if n < 6 else hangs()) as server:
        found = calibrated(order(tmp_path, server.base_url, calls=20, concurrency=2), tell, halt)

    assert found.measurement.ended_early == "it was stopped"
    assert found.fits.answered == 6
    assert found.fits.enough
    assert all(each.kind != "run_ended" for each in found.fits.errors)


def test_a_wait_that_the_provider_asks_for_is_waited(tmp_path: Path) -> None:
    clock, starts = asyncio.new_event_loop(), []

    def script(n: int) -> Play:
        starts.append(clock.time())
        return fails(429, retry_after_ms="300") if n == 0 else GOOD

    with loopback(script) as server:
        calibrated(order(tmp_path, server.base_url, calls=3))
    clock.close()

    assert starts[1] - starts[0] >= 0.3


@pytest.mark.parametrize(
    ("changes", "more", "complaint"),
    [
        ((), {"target": "tertiary"}, "there is no target 'tertiary'"),
        (("targets.primary.endpoint=",), {}, "the target 'primary' has no endpoint"),
        (("targets.primary.model=",), {}, "the target 'primary' has no model"),
        (("targets.primary.price=",), {}, "no price known for 'small-model'"),
        ((), {"calls": 0}, "0 calls"),
        ((), {"concurrency": 65}, "65 calls at a time"),
        ((), {"max_usd": -1.0}, "-1 US dollars are no cap"),
        ((), {"max_usd": 0.0001}, "which is above the cap"),
    ],
)
def test_what_cannot_be_is_refused_before_any_call(
    tmp_path: Path, changes: tuple[str, ...], more: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint.replace("(", r"\(")):
        prepare(order(tmp_path, "http://127.0.0.1:9/v1", *changes, **more), no_keys)


def test_a_redirect_and_a_page_are_failures_like_others(tmp_path: Path) -> None:
    elsewhere = replies(307, "", location="http://127.0.0.1:9/")
    found = run(tmp_path, [elsewhere, replies(200, "<html></html>"), *[GOOD] * 6])
    assert {each.kind for each in found.fits.errors} == {"rejected", "unreadable_answer"}


def test_another_target_is_calibrated_without_touching_the_lengths_of_answers(tmp_path: Path) -> None:
    found = run(tmp_path, GOOD, target="fallback")
    assert all(not path.startswith("tokens.") for path, _ in settings(found))
    assert any("this is not its first target" in each for each in doubts(found))


def test_the_scenario_keeps_its_comments_and_says_where_its_numbers_are_from(tmp_path: Path) -> None:
    n = count()
    with loopback(lambda _: says(TEXT, usage=(33, 10 + next(n)))) as server:
        made = calibrated(order(tmp_path, server.base_url))
    file = made.prepared.order.file

    text = calibrated_text(made, file.text)

    assert "# the one that we rent" in text
    again = parse_scenario(text, file.path).scenario
    assert again.targets["primary"].slots == 20
    assert again.assumptions["patience_s"] == "a guess"
    told = again.assumptions["targets.primary.service_s"]
    assert told.startswith(
        f"calibrated against http://127.0.0.1:{server.port} model small-model, 8 calls, 20"
    )
    assert "95 % interval" in told
    assert "does not measure capacity" in again.assumptions["targets.primary.slots"]
    assert "tokens to one of the estimate" in again.assumptions["tokens.input_tokens"]
