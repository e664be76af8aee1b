"""Whether a key is accepted: told without a call that costs, without following anybody, and honestly where it is unclear."""

from __future__ import annotations

import socket

import pytest
from pydantic import SecretStr

from app.errors import UserError
from app.providers.key_trial import models_url, try_key
from tests.providers.model_list import listing

MARKED = SecretStr("sk-marked-0815")


def test_a_key_that_is_accepted() -> None:
    with listing(MARKED.get_secret_value()) as server:
        verdict = try_key(server.base_url, MARKED)
    assert (verdict.answered, verdict.told) == ("accepted", f"{server.origin} accepts the key.")
    assert [path for path, _ in server.asked] == ["/v1/models"] * 2


def test_an_address_that_wants_it_in_the_other_header() -> None:
    with listing(MARKED.get_secret_value(), header="x-api-key") as server:
        assert try_key(server.origin, MARKED).answered == "accepted"


def test_a_key_that_is_refused() -> None:
    with listing("another") as server:
        verdict = try_key(server.base_url, MARKED)
    assert (verdict.answered, verdict.told) == ("refused", f"{server.origin} refuses the key (401).")


def test_a_list_that_is_open_to_anybody_does_not_tell() -> None:
    with listing(None) as server:
        verdict = try_key(server.base_url, MARKED)
    assert verdict.answered == "unclear"
    assert "without a key, too" in verdict.told
    assert "authorization" not in server.asked[-1][1]


def test_a_redirect_is_not_followed() -> None:
    with listing(None) as other, listing(None, status=302, location=f"{other.base_url}/models") as server:
        verdict = try_key(server.base_url, MARKED)
    assert verdict.answered == "unclear"
    assert other.asked == []


@pytest.mark.parametrize(
    ("status", "said"), [(404, "lists no models"), (429, "status 429"), (500, "status 500")]
)
def test_any_other_answer_is_unclear(status: int, said: str) -> None:
    with listing(None, status=status) as server:
        verdict = try_key(server.base_url, MARKED)
    assert verdict.answered == "unclear"
    assert said in verdict.told


def test_an_address_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    verdict = try_key(f"http://127.0.0.1:{port}", MARKED)
    assert (verdict.answered, verdict.told) == (
        "unreachable",
        f"http://127.0.0.1:{port} could not be reached: the connection was refused.",
    )


def test_an_address_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "took too long" in try_key(f"http://127.0.0.1:{port}", MARKED, patience_s=0.05).told


def test_a_host_that_there_is_not() -> None:
    assert "no such host" in try_key("https://nobody.invalid", MARKED).told


def test_a_server_that_speaks_no_tls() -> None:
    with listing(None) as server:
        assert try_key(server.base_url.replace("http:", "https:"), MARKED).answered == "unreachable"


def test_it_is_not_sent_unencrypted() -> None:
    with pytest.raises(UserError, match="unencrypted"):
        try_key("http://api.x.example", MARKED)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://a.example", "https://a.example/v1/models"),
        ("https://a.example/v1/", "https://a.example/v1/models"),
        ("https://a.example/openai/v1", "https://a.example/openai/v1/models"),
    ],
)
def test_where_models_are_listed(address: str, url: str) -> None:
    assert models_url(address) == url
