"""Real calls to stand-ins that others wrote: what they send is understood, and what they inject is classified."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.engine.control import Control
from app.engine.real_calls import RealCalls
from app.engine.run import Listener, Order, run_scenario
from app.providers.address import Api
from app.providers.calls import Call, CallOutcome, open_transport
from app.providers.endpoint import Endpoint
from app.providers.wire_errors import APIS
from app.scenario.files import parse_scenario
from app.sessions.session_log import SessionLog
from tests.providers import others
from tests.providers.others import ANSWER, here

REQUESTS = 20
SCENARIO = """
title = "Others"
seed = 5
duration_s = 10
drain_s = 20
patience_s = 20
[prompts]
path = "sample:prompts"
only = ["triage"]
[traffic]
rate_per_s = 50
max_requests = {requests}
[tokens]
max_tokens = 50
[targets.primary]
model = "{model}"
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }}
endpoint = {{ base_url = "http://127.0.0.1:{port}/v1", api = "{api}" }}
[variants.bare]
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 10
first_token_s = 10
"""


def run(folder: Path, port: int, api: Api) -> Counter[tuple[str, str]]:
    """Outcomes and reasons of a run against that port."""
    text = SCENARIO.format(requests=REQUESTS, port=port, api=api, model=model(api))
    with SessionLog.open(folder / "log.db") as log:
        order = Order(parse_scenario(text, folder / "others.toml"), real=RealCalls(10))
        run_id = run_scenario(order, log, Control(), Listener())
        found = log.db.execute("select outcome, reason from requests where run_id = ?", [run_id]).fetchall()
    return Counter((outcome, reason or "") for outcome, reason in found)


def model(api: Api) -> str:
    return "claude-sonnet-4-5" if api == "anthropic-messages" else "gpt-4o-mini"


def called(port: int, api: Api = "openai-chat", *, patience_s: float = 10) -> CallOutcome:
    """One call."""

    async def run() -> CallOutcome:
        async with open_transport() as transport:
            endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", model(api), SecretStr("k"), api)
            by_s = asyncio.get_running_loop().time() + patience_s
            return await Call(transport, endpoint, [["user", "Who knows?"]], 30).make(by_s, by_s)

    return asyncio.run(run())


# -- fakellm ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not here("fakellm"), reason="fakellm is not installed")
def test_runs_against_fakellm_complete(tmp_path: Path) -> None:
    apis: tuple[Api, ...] = ("openai-chat", "anthropic-messages")
    with others.fakellm(tmp_path) as port:
        for api in apis:
            assert called(port, api).text == ANSWER
            assert run(tmp_path, port, api) == {("good", ""): REQUESTS}
        rejected = called(port, "openai-responses").error
        assert rejected is not None
        assert rejected.name == "rejected", "it does not know that API"


# -- aimock ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not here("aimock"), reason="aimock is not installed")
def test_runs_against_aimock_complete(tmp_path: Path) -> None:
    with others.aimock(tmp_path, {}) as port:
        for api in APIS:
            outcome = called(port, api)
            assert (outcome.error, outcome.text, outcome.finish) == (None, ANSWER, "stop")
            assert run(tmp_path, port, api) == {("good", ""): REQUESTS}


@pytest.mark.skipif(not here("aimock"), reason="aimock is not installed")
@pytest.mark.parametrize(
    ("chaos", "error"),
    [
        ("dropRate", "server_error"),
        ("malformedRate", "unreadable_answer"),
        ("disconnectRate", "connection_lost"),
        ("rateLimitRate", "rate_limited"),
    ],
)
def test_what_aimock_injects_is_classified(tmp_path: Path, chaos: str, error: str) -> None:
    with others.aimock(tmp_path, {chaos: 1}) as port:
        for api in APIS:
            found = called(port, api).error
            assert found is not None
            assert found.name == error
        assert run(tmp_path, port, "openai-chat") == {("failed", error): REQUESTS}


# -- chaosllm --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chaosllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if not here("chaosllm"):
        pytest.skip("chaosllm (errorworks) is not installed")
    with others.chaosllm(tmp_path_factory.mktemp("chaosllm")) as port:
        yield port


@pytest.mark.parametrize(
    ("settings", "error", "status"),
    [
        ({"rate_limit_pct": 100, "retry_after_sec": [3, 3]}, "rate_limited", 429),
        ({"capacity_529_pct": 100}, "overloaded", 529),
        ({"service_unavailable_pct": 100}, "overloaded", 503),
        ({"bad_gateway_pct": 100}, "server_error", 502),
        ({"gateway_timeout_pct": 100}, "server_error", 504),
        ({"internal_error_pct": 100}, "server_error", 500),
        ({"forbidden_pct": 100}, "forbidden", 403),
        ({"not_found_pct": 100}, "rejected", 404),
        # It says of these two that they happened, with status 503, and keeps the connection.
        ({"connection_reset_pct": 100}, "overloaded", 503),
        ({"connection_failed_pct": 100, "connection_failed_lead_sec": [0, 0]}, "overloaded", 503),
        ({"invalid_json_pct": 100}, "unreadable_answer", 200),
        ({"truncated_pct": 100}, "unreadable_answer", 200),
        ({"empty_body_pct": 100}, "connection_lost", 200),
        ({"missing_fields_pct": 100}, "unreadable_answer", 200),
        ({"wrong_content_type_pct": 100}, "unreadable_answer", 200),
        ({}, "unreadable_answer", 200),  # a good answer, and no stream
    ],
)
def test_what_chaosllm_injects_is_classified(
    chaosllm: int, tmp_path: Path, settings: dict[str, Any], error: str, status: int
) -> None:
    others.inject(chaosllm, **settings)
    outcome = called(chaosllm)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.status) == (error, status)
    if error == "rate_limited":
        assert outcome.retry_after_us == 3_000_000
        assert run(tmp_path, chaosllm, "openai-chat") == {("failed", error): REQUESTS}


@pytest.mark.parametrize("kind", ["timeout", "connection_stall"])
def test_where_chaosllm_says_nothing_patience_ends(chaosllm: int, kind: str) -> None:
    wait = {"timeout": "timeout_sec", "connection_stall": "connection_stall_sec"}[kind]
    others.inject(chaosllm, **{f"{kind}_pct": 100, wait: [30, 30]})
    outcome = called(chaosllm, patience_s=0.5)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.expired) == ("timeout", True)
