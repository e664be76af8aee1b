"""The input check: repaired questions are asked in place of messy ones, and what cannot be asked costs no call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.engine.versions import VersionMaker
from app.scenario.files import ScenarioFile
from tests.engine.small import TOKEN_PICO, Small, scenario, small_runs
from tests.harness import Ran
from tests.safeguards.script import Bench

CHECK = """
[[variants.checked.safeguards]]
kind = "input_check"
reply = "Please say it again."
"""
BARE = "\n[variants.bare]\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("input_check")) as made:
        yield made


def messy(
    *kinds: str, check: str = CHECK, by_text: bool = True, quality: float = 1, rate: float = 1, n: int = 40
) -> ScenarioFile:
    """Requests in such a mess, for a variant without and one with the check."""
    faults = "".join(f'[[faults]]\nkind = "{kind}"\nrate = {rate}\n' for kind in kinds)
    settings = ("tokens.input_tokens=",) if by_text else ()
    return scenario(
        f"{faults}{BARE}{check}",
        rate_per_s=4,
        duration_s=n / 4,
        settings=(*settings, f"targets.primary.quality={quality}"),
    )


def outcomes(ran: Ran, variant: str) -> set[tuple[str, str]]:
    """Outcomes and reasons of a variant."""
    return {(each["outcome"], each["reason"]) for each in ran.requests(variant)}


@pytest.mark.parametrize("kind", ["mojibake", "stray_characters", "html_left_in"])
@pytest.mark.parametrize("by_text", [True, False])
def test_a_mess_that_is_undone_costs_neither_quality_nor_tokens(
    small: Small, kind: str, by_text: bool
) -> None:
    # Given questions in a mess that lowers the odds, when they are checked first,
    ran = small.run(messy(kind, by_text=by_text, n=100))
    clean = small.run(messy(by_text=by_text, n=100))

    # then they are as good and as long as clean ones, and the log still knows in what mess they came.
    for checked, as_clean, bare in zip(
        ran.requests("checked"), clean.requests("checked"), ran.requests("bare"), strict=True
    ):
        assert checked["mess"] == kind
        assert checked["reason"] == "input check: repaired"
        # Typography that mojibake brings along may make a token's difference.
        assert abs(checked["input_tokens"] - as_clean["input_tokens"]) <= 2
        assert checked["input_tokens"] <= bare["input_tokens"]
        assert checked["cost_pico"] == (checked["input_tokens"] + checked["output_tokens"]) * TOKEN_PICO
    sizes = [sum(each["input_tokens"] for each in ran.requests(name)) for name in ("checked", "bare")]
    assert sizes[0] < sizes[1]
    assert {each["outcome"] for each in ran.requests("checked")} == {"good"}
    assert "wrong" in {each["outcome"] for each in ran.requests("bare")}


def test_a_mess_that_stays_keeps_its_odds(small: Small) -> None:
    ran = small.run(messy("typos", "mojibake", n=200))
    good = [sum(each["outcome"] == "good" for each in ran.requests(name)) for name in ("bare", "checked")]
    # Typos are left (0.95), mojibake (0.9) is not: what the one gets right, so does the other.
    assert 0 < good[1] - good[0] < 200 * 0.2
    assert good[1] < 200
    pairs = zip(ran.requests("bare"), ran.requests("checked"), strict=True)
    assert all(checked["outcome"] == "good" for bare, checked in pairs if bare["outcome"] == "good")


@pytest.mark.parametrize("kind", ["empty_field", "null_text", "missing_field"])
def test_what_cannot_be_repaired_gets_a_reply_and_costs_no_call(small: Small, kind: str) -> None:
    ran = small.run(messy(kind))
    said = "missing" if kind == "missing_field" else "empty"
    fields = {f"input check: field {name} is {said}" for name in ("question", "plan")}

    # One of the prompts does not use the plan, and asks all the same.
    assert {reason for _, reason in outcomes(ran, "checked")} == {"", *fields}
    replied = [each for each in ran.requests("checked") if each["reason"]]
    for each in replied:
        assert each["outcome"] == "degraded"
        assert (each["served_by"], each["attempts"], each["cost_pico"]) == ("canned", 0, 0)
        assert each["finished_us"] == each["intended_us"]


def test_a_field_that_may_be_missing_is_asked_about_as_empty(small: Small) -> None:
    lenient = f"{CHECK}every_field = {{ required = false, not_empty = false }}\n"
    ran = small.run(messy("missing_field", check=lenient))

    bare, checked = ran.requests("bare"), ran.requests("checked")
    assert {each["reason"] for each in bare} == {"", "prompt_error"}
    assert [each["reason"] == "prompt_error" for each in bare] == [
        each["reason"] == "input check: repaired" for each in checked
    ]
    assert {each["served_by"] for each in ran.requests("checked")} == {"primary"}


def test_a_field_has_its_own_rule(small: Small) -> None:
    own = f"{CHECK}by_field = {{ plan = {{ required = false, not_empty = false }} }}\n"
    ran = small.run(messy("empty_field", check=own))
    assert {each["reason"] for each in ran.requests("checked")} <= {
        "",
        "input check: repaired",
        "input check: field question is empty",
    }


def test_a_clean_question_is_left_alone(small: Small) -> None:
    ran = small.run(messy())
    rows = [[{**each, "key": 0} for each in ran.requests(name)] for name in ("bare", "checked")]
    assert rows[0] == rows[1]


def test_without_safeguards_of_the_input_nothing_is_made(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VersionMaker, "__init__", None)
    assert small.run(messy("typos", check="")).requests("bare")


def test_a_reply_is_not_kept_as_an_answer_and_whoever_waits_for_it_gets_it_as_such(small: Small) -> None:
    cached = f'[[variants.checked.safeguards]]\nkind = "cache"\n{CHECK}'
    file = scenario(
        f'[[faults]]\nkind = "null_text"\nrate = 1\n{BARE}{cached}',
        rate_per_s=4,
        duration_s=10,
        repeat_rate=0.5,
    )
    ran = small.run(file)
    replied = [each for each in ran.requests("checked") if not each["cost_pico"] and each["cache"] != "hit"]
    assert len(replied) > 5
    assert {(each["served_by"], each["outcome"]) for each in replied} == {("canned", "degraded")}
    assert all(each["mess"] for each in replied)


def test_it_works_inside_a_retry_too(small: Small) -> None:
    again = f'[[variants.checked.safeguards]]\nkind = "retry"\nbase_s = 0.1\n{CHECK}'
    file = scenario(
        f'[[faults]]\nkind = "mojibake"\nrate = 1\n[[faults]]\nkind = "server_error"\nfirst = 1\ncount_by = "retry"\n'
        f"{BARE}{again}",
        rate_per_s=4,
        duration_s=5,
        settings=("tokens.input_tokens=",),
    )
    ran = small.run(file)
    once = small.run(messy("mojibake"))
    assert {each["attempts"] for each in ran.requests("checked")} == {2}
    sizes = {each["number"]: each["input_tokens"] for each in once.requests("checked")}
    last = {each["number"]: each["input_tokens"] for each in ran.attempts("checked")}
    assert last == {number: sizes[number] for number in last}


def test_switched_on_in_mid_run_it_holds_for_what_comes_after(small: Small) -> None:
    off = f"{CHECK}on = false\n"
    with small.begin(messy("mojibake", check=off)) as (simulation, names):
        simulation.advance(5_000_000)
        simulation.change("variants.checked.safeguards.input_check.on", True)
        simulation.advance(200_000_000)
        simulation.finish()
        requests = Ran(simulation, names, {}).requests("checked")
    reasons = [(each["intended_us"] > 5_000_000, each["reason"]) for each in requests]
    assert set(reasons) == {(False, ""), (True, "input check: repaired")}


def test_its_settings_are_a_scenarios() -> None:
    file = scenario(f"{BARE}{CHECK}every_field = {{ max_chars = 99 }}\n")
    (check,) = file.scenario.variants["checked"].safeguards
    assert check.model_dump()["every_field"]["max_chars"] == 99


def test_a_rule_for_a_field_that_no_prompt_uses_is_told(small: Small) -> None:
    own = f"{CHECK}by_field = {{ questoin = {{ required = false }} }}\n"
    notices = small.inputs(messy(check=own)).notices
    assert any("no prompt uses a field 'questoin'" in each and "'question'" in each for each in notices)


def test_a_request_of_which_nothing_is_known_passes() -> None:
    # As in records made before there was such a check.
    from app.engine.observations import request_of
    from app.safeguards.input_check import InputCheck

    bench = Bench(InputCheck())
    data = {"intended_us": 0, "cache_key": 1, "input_tokens": 10, "max_tokens": 5}
    layer = bench.layer("input_check")
    assert layer.enter(request_of(0, data, bench.pipeline), 0) is None
