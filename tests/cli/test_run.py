"""`seatrial run`: what it prints, what it keeps, and that a seed gives one run and no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from app.scenario.files import open_scenario
from tests.cli.commands import FIRST_DAY, Said, child, comparable, seatrial

OUTCOMES = {"good", "late", "degraded", "wrong", "failed"}
SERVERS = {"primary", "hedge", "fallback", "cache", "canned", "human", "nobody"}


@dataclass(frozen=True)
class Ran:
    """One run through limits and into the outage, and its log."""

    log: Path
    said: Said


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    log = tmp_path_factory.mktemp("run") / "log.db"
    said = seatrial("run", FIRST_DAY, "--duration", "190", "--json", log=log)
    assert said.status == 0, said.err
    return Ran(log, said)


def test_nothing_is_dropped_silently(ran: Ran) -> None:
    summary = ran.said.json

    assert set(summary["variants"]) == {"prototype", "safeguarded"}
    for variant in summary["variants"].values():
        assert variant["requests"] == summary["offered"] > 1000
        assert set(variant["outcomes"]) == OUTCOMES
        assert sum(variant["outcomes"].values()) == variant["requests"]
        assert set(variant["served_by"]) == SERVERS
        assert sum(variant["served_by"].values()) == variant["requests"]
        assert variant["good_rate"] == variant["outcomes"]["good"] / variant["requests"]


def test_json_holds_at_least_what_others_script_against(ran: Ran) -> None:
    summary = ran.said.json

    assert {"run", "scenario", "seed", "clock", "duration_s", "offered", "variants"} <= set(summary)
    assert (summary["scenario"], summary["clock"], summary["duration_s"]) == (FIRST_DAY, "virtual", 190)
    for variant in summary["variants"].values():
        assert set(variant["answer_s"]) == {"p50", "p95", "p99"}
        for name in ("latency_s", "service_latency_s", "ttft_s", "tpot_s"):
            times = variant[name]
            assert times["p50"] <= times["p95"] <= times["p99"] <= times["max"]
        assert variant["attempts"] >= variant["retries"] >= 0
        assert variant["cost_usd"] > 0
        assert variant["faults"]["outage"] > 0


def test_tokens_come_as_fast_as_the_profile_says_and_caches_are_counted(tmp_path: Path) -> None:
    # given a provider that speaks at 50 tokens a second, without faults, and a cache that is soon full
    ways = [f"faults.{fault.id}.on=false" for fault in open_scenario(FIRST_DAY).scenario.faults]
    ways += ["targets.primary.tokens_per_s=50", "targets.fallback.tokens_per_s=50"]
    ways += ["variants.safeguarded.safeguards.cache.max_entries=20"]
    settings = [part for way in ways for part in ("--set", way)]
    log = tmp_path / "log.db"
    said = seatrial("run", FIRST_DAY, "--duration", "190", "--json", *settings, log=log)

    # then the time per token is that of the profile, in every rank and in the mean
    for name, variant in said.json["variants"].items():
        for value in (variant["tpot_s"]["p50"], variant["tpot_s"]["p99"], variant["itl_s"]["mean"]):
            assert value == pytest.approx(0.02, rel=0.006), name
    # and who asked the cache hit, missed, shared, or found too old an answer; those that missed put others out
    assert set(said.json["variants"]["prototype"]["cache"].values()) == {0}
    cache = said.json["variants"]["safeguarded"]["cache"]
    assert cache["hit"] + cache["miss"] + cache["shared"] + cache["stale"] == said.json["offered"]
    assert 0 < cache["miss"] - cache["evicted"] - 20 < 0.1 * cache["miss"]
    assert cache["hit"] + cache["shared"] == said.json["variants"]["safeguarded"]["served_by"]["cache"]


def test_everything_but_the_json_goes_to_standard_error(ran: Ran) -> None:
    assert ran.said.out.startswith("{")
    assert "The primary is out (begins)" in ran.said.err


def test_show_says_what_run_said(ran: Ran) -> None:
    assert seatrial("show", "last", "--json", log=ran.log).json == ran.said.json


def test_the_same_seed_gives_the_same_run_and_another_seed_another(ran: Ran, tmp_path: Path) -> None:
    log = tmp_path / "log.db"

    again = seatrial("run", FIRST_DAY, "--duration", "190", "--seed", "7", "--json", log=log)
    other = seatrial("run", FIRST_DAY, "--duration", "190", "--seed", "8", "--json", log=log)

    assert comparable(again.json) == comparable(ran.said.json)
    assert comparable(other.json)["variants"] != comparable(ran.said.json)["variants"]
    assert [each["seed"] for each in seatrial("runs", "--json", log=log).json["runs"]] == [8, 7]


def test_the_summary_puts_the_variants_side_by_side(ran: Ran) -> None:
    shown = seatrial("show", log=ran.log)

    assert shown.status == 0
    title, heading, *_ = shown.out.splitlines()
    assert title.startswith("Run 1: Support assistant (")
    assert heading.split("  ")[-1] == "With safeguards"
    assert "no answer" in shown.out  # of the prototype's slowest
    assert "SIMULATED, seed 7" in shown.out


def test_a_run_without_requests_says_so(tmp_path: Path) -> None:
    said = seatrial(
        "run", FIRST_DAY, "--set", "traffic.rate_per_s=0", "--duration", "5", log=tmp_path / "log.db"
    )

    assert said.status == 0
    assert "Prototype: no requests have ended yet." in said.out


def test_a_run_may_be_watched_at_a_speed(tmp_path: Path) -> None:
    said = seatrial("run", FIRST_DAY, "--duration", "3", "--speed", "50", "--json", log=tmp_path / "log.db")

    at_once = seatrial("run", FIRST_DAY, "--duration", "3", "--json", log=tmp_path / "log.db")
    assert comparable(said.json) == comparable(at_once.json)


def test_what_is_piped_has_no_colours_is_not_cut_short_and_can_be_printed() -> None:
    said = child("check", FIRST_DAY, TERM="xterm-256color", PYTHONIOENCODING="ascii")

    assert said.status == 0, said.err
    assert "\x1b" not in said.out + said.err
    assert "targets.primary.first_token_sigma" in said.out
    # Letters that the console does not know are escaped.
    assert "prototype: retry \\u2192 attempt_timeout" in said.out


def test_the_help_names_every_command() -> None:
    said = seatrial("--help")

    assert said.status == 0
    for name in ("run", "runs", "show", "scenarios", "check", "export", "import"):
        assert f" {name} " in said.out
    assert "_engine" not in said.out
