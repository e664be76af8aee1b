"""Every fault that can strike on the wire, over real sockets and in each API, against what it does in the virtual world."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.engine.replay import replay
from app.errors import UserError
from app.faults.base import AttemptFault
from app.faults.registry import GROUPS, KINDS
from app.providers.address import Api
from app.providers.wire_errors import APIS
from tests.engine.live_runs import GOOD
from tests.engine.loopback import chunk, fails, streams
from tests.engine.wire_rig import USAGE, Ended, WireRig, fault, wire_rig

BARE = """
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = {attempt_s}
first_token_s = {attempt_s}
"""
RETRYING = """
[variants.safe]
safeguards = [
  { kind = "fallback", targets = ["fallback"] },
  { kind = "retry", max_retries = 2, base_s = 0.01, cap_s = 0.05, max_retry_after_s = 1 },
  { kind = "attempt_timeout", attempt_s = 2, first_token_s = 2 },
  { kind = "answer_check" },
]
"""
PATIENT = BARE.format(attempt_s=20)
SILENT = ("hang", "silence", "keep_alives")
"""Kinds that only the client's patience ends."""
_GROUPS = ("connection", "provider errors", "latency", "stream", "content")
ON_THE_WIRE = [
    kind
    for kind, cls in KINDS.items()
    if cls.__module__ in {GROUPS[name].__name__ for name in _GROUPS} and issubclass(cls, AttemptFault)
]
NEVER_REACH = [
    *(kind for kind in ON_THE_WIRE if KINDS[kind].__module__ == GROUPS["provider errors"].__name__),
    *("connection_refused", "dns_failure", "tls_failure", "connection_reset", "empty_response", "black_hole"),
    "hang",
]
_OWN_STATUS = {"insufficient_quota": 402, "request_too_large": 413, "overloaded": 529}
"""By error: where Anthropic has another status for what is the same to a client."""
_QUICK = {"after_s": 0.01, "retry_after_s": 2, "stall_s": 0.05, "factor": 2, "bandwidth_bytes_per_s": 200_000}


def quick(kind: str, **more: object) -> str:
    """The fault, and nobody need wait for it."""
    fields = KINDS[kind].model_fields
    return fault(kind, **{name: value for name, value in _QUICK.items() if name in fields}, **more)


def told_by(api: Api, ended: list[Ended]) -> list[Ended]:
    """How calls end when a provider with that API tells it."""
    if api != "anthropic-messages":
        return ended
    return [replace(each, status=_OWN_STATUS.get(each.error, each.status)) for each in ended]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireRig]:
    with wire_rig(tmp_path_factory.mktemp("wire")) as rig:
        yield rig


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_a_fault_on_the_wire_ends_a_call_as_in_the_virtual_world(rig: WireRig, kind: str, api: Api) -> None:
    text = (BARE.format(attempt_s=1) if kind in SILENT else PATIENT) + quick(kind)
    expected = rig.virtual(text, 3)
    ended = told_by(api, expected.ended)
    if kind in ("silence", "keep_alives"):
        # The virtual client that gives up forgets the status that it had.
        ended = [replace(each, status=200) for each in ended]

    made = rig.live(text, 3, api)

    assert made.ended == ended
    assert [name for _, name in made.log] == [kind] * 3
    if kind in NEVER_REACH:
        assert (made.heard, made.costs) == (0, [0, 0, 0])
    else:
        assert made.heard == 3
        assert all(made.costs)
    assert replay(made.observations, made.scenario) == []


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "outage", "hang_share": 0.5},
        {"kind": "outage", "outage_mode": '"lost"'},
        {"kind": "brownout", "error_share": 0.5, "factor": 2},
    ],
    ids=["outage", "lost", "brownout"],
)
def test_incidents_strike_the_same_calls(rig: WireRig, settings: dict[str, object], api: Api) -> None:
    patience_s = 20 if settings["kind"] == "brownout" else 1
    text = BARE.format(attempt_s=patience_s) + fault(**settings)  # type: ignore[arg-type]
    expected = rig.virtual(text, 8)
    made = rig.live(text, 8, api)
    assert made.ended == told_by(api, expected.ended)
    assert len({each.error for each in made.ended}) == (1 if "outage_mode" in settings else 2)


def test_a_price_rise_makes_real_calls_dearer(rig: WireRig) -> None:
    once = rig.live(PATIENT, 2, "openai-chat").costs
    twice = rig.live(PATIENT + fault("price_rise", factor=2), 2, "openai-chat").costs
    assert once == [USAGE[0] * 10**6 + USAGE[1] * 10**7] * 2
    assert twice == [2 * cost for cost in once]


@pytest.mark.parametrize("api", APIS)
def test_of_many_faults_the_same_strike_the_same_requests_and_the_run_replays(rig: WireRig, api: Api) -> None:
    kinds = [kind for kind in ON_THE_WIRE if kind not in SILENT]
    faults = "".join(quick(kind, rate=0.05) for kind in kinds)
    expected = rig.virtual(PATIENT + faults, 60)
    made = rig.live(PATIENT + faults, 60, api)
    assert made.ended == told_by(api, expected.ended)
    assert len({each.error for each in made.ended}) > 5
    assert replay(made.observations, made.scenario) == []


@pytest.mark.parametrize("api", APIS)
def test_retries_and_fallbacks_meet_the_faults_that_are_drawn_for_them(rig: WireRig, api: Api) -> None:
    kinds = [
        "server_error",
        "cut_stream",
        "malformed_json",
        "connection_reset",
        "slow_first_token",
        "refusal",
    ]
    faults = "".join(quick(kind, rate=0.2) for kind in kinds)
    expected = rig.virtual(RETRYING + faults, 60)
    made = rig.live(RETRYING + faults, 60, api)
    assert made.ended == told_by(api, expected.ended)
    assert {each.retry for each in made.ended} == {0, 1, 2}
    assert {each.target for each in made.ended} == {0, 1}
    assert replay(made.observations, made.scenario) == []


def test_so_do_hedges_whose_losers_are_cancelled(rig: WireRig) -> None:
    hedging = RETRYING.replace('{ kind = "retry"', '{ kind = "hedge", after_s = 0.05 },\n  { kind = "retry"')
    made = rig.live(hedging + fault("hang", rate=0.3) + fault("silence", rate=0.1), 60, "anthropic-messages")
    cancelled = [each for each in made.ended if each.error == "cancelled"]
    assert any(each.hits for each in cancelled)
    assert all(each.billed == (each.hits != 1) for each in cancelled if each.hits in (1, 2))
    assert replay(made.observations, made.scenario) == []


def test_the_schedule_of_a_fault_holds_in_real_time(rig: WireRig) -> None:
    text = PATIENT + quick("server_error", from_s=0.5, to_s=1.5)
    made = rig.live(text, 400, "openai-chat")
    struck = [each.number for each in made.ended if each.error]
    starts = {o.number: o.now_us for o in made.observations if o.outcome["came"] == "request"}
    assert struck == [number for number, at_us in starts.items() if 500_000 <= at_us < 1_500_000]
    assert 0 < len(struck) < 400


def test_a_rule_about_rows_holds_on_the_wire(rig: WireRig) -> None:
    rule = '{ column = "plan", equals = "Trailhead" }'
    text = '[data]\npath = "sample:support.csv"\n' + PATIENT + quick("server_error", match=rule)
    made = rig.live(text, 40, "openai-chat")
    assert made.ended == rig.virtual(text, 40).ended
    assert {each.error for each in made.ended} == {"", "server_error"}


def test_it_is_the_real_answer_that_is_spoiled(rig: WireRig) -> None:
    def said(kind: str) -> str:
        return rig.live(PATIENT + quick(kind), 1, "anthropic-messages").texts[0]

    assert said("truncated") == GOOD[: len(GOOD) * 3 // 5]
    assert f"```json\n{GOOD}\n```" in said("prose_around_json")
    assert said("repetition_loop").count(GOOD[:40]) == 50
    assert json.loads(said("hallucinated_tool_call"))["tool_calls"][0]["name"]
    assert said("empty") == ""


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_cut_comes_once_its_share_of_the_answer_has(rig: WireRig, share: float) -> None:
    # What was held back is charged all the same: the provider has done it.
    text = PATIENT + quick("cut_stream", after_share=share)
    made = rig.live(text, 1, "openai-chat")
    assert made.ended[0].error == "connection_lost"
    assert made.costs == [USAGE[0] * 10**6 + USAGE[1] * 10**7]


def test_what_a_provider_gets_wrong_by_itself_passes(rig: WireRig) -> None:
    text = PATIENT + quick("malformed_json") + quick("slow_tokens")
    assert rig.live(text, 1, "openai-chat", fails(503)).ended[0].error == "overloaded"
    cut = streams(chunk("It is"), ends=False)
    assert rig.live(text, 1, "openai-chat", cut).ended[0].error == "connection_lost"


def test_slowness_stretches_real_times(rig: WireRig) -> None:
    text = PATIENT + fault("slow_bandwidth", bandwidth_bytes_per_s=2_000, bytes_per_token=0.001)
    made = rig.live(text, 1, "openai-chat")
    (begun,) = [o for o in made.observations if o.outcome["came"] == "request"]
    (done,) = [o for o in made.observations if o.outcome["came"] == "attempt"]
    # Seven pieces of 200 bytes each, at 2,000 bytes a second, the first at once.
    assert done.now_us - begun.now_us >= 600_000


def test_a_prompt_that_is_still_on_its_way_has_not_reached_the_provider(rig: WireRig) -> None:
    text = BARE.format(attempt_s=0.1) + fault("slow_bandwidth", bandwidth_bytes_per_s=10)
    made = rig.live(text, 2, "openai-chat")
    assert [(each.error, each.billed) for each in made.ended] == [("timeout", False)] * 2
    assert (made.heard, made.costs) == (0, [0, 0])


@pytest.mark.parametrize("kind", ["capacity_loss", "outage"])
def test_what_happens_inside_a_provider_is_refused(rig: WireRig, kind: str) -> None:
    mode = {"outage_mode": '"freeze"'} if kind == "outage" else {}
    with pytest.raises(UserError, match="inside the provider"):
        rig.live(PATIENT + fault(kind, **mode), 1, "openai-chat")


@pytest.mark.parametrize("kind", ["black_hole", "dns_failure", "silence", "stall"])
def test_the_bounds_on_connections_and_between_tokens_hold_alike_in_both_worlds(
    rig: WireRig, kind: str
) -> None:
    more = {"after_s": 30} if kind in ("black_hole", "dns_failure") else {}
    more = {"stall_s": 30} if kind == "stall" else more
    text = f"{PATIENT}connect_s = 0.1\nbetween_tokens_s = 0.2\n{fault(kind, **more)}"
    expected = rig.virtual(text, 3)
    assert {each.error for each in expected.ended} == {"timeout"}
    made = rig.live(text, 3, "openai-chat")
    assert [replace(each, status=0) for each in made.ended] == expected.ended
    assert replay(made.observations, made.scenario) == []


def test_a_slow_stream_goes_on_as_long_as_its_tokens_come(rig: WireRig) -> None:
    # A token in 0.05 s, and far more of them than the patience between two
    slow = fault("slow_bandwidth", bandwidth_bytes_per_s=4_000)
    text = f"{PATIENT}between_tokens_s = 0.3\n{slow}"
    made = rig.live(text, 3, "openai-chat")
    assert [each.error for each in made.ended] == [""] * 3
    assert made.ended == rig.virtual(text, 3).ended
