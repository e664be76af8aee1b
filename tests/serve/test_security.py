"""Nobody but programs on this machine gets in, and nobody flips a switch without the token."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import pytest

from app.serve.bodies import MAX_BYTES
from app.serve.server import opened_doors
from tests.serve.clients import MODEL, messages
from tests.serve.rig import BOUND_S, Endpoint

JSON = {"content-type": "application/json"}
QUESTION = json.dumps({"model": MODEL, "messages": messages()})


def post(url: str, headers: Mapping[str, str], content: str | bytes = QUESTION) -> httpx.Response:
    return httpx.post(url, headers=dict(headers), content=content, timeout=BOUND_S)


def chat(served: Endpoint) -> str:
    return f"{served.url}/v1/chat/completions"


def port_of(url: str) -> int:
    return int(urlsplit(url).port or 0)


def test_the_ports_are_open_on_loopback_only() -> None:
    with opened_doors(0, 0) as doors:
        assert {door.getsockname()[0] for door in (doors.data, doors.admin)} == {"127.0.0.1"}
        assert doors.data_port != doors.admin_port


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"]
)
def test_a_foreign_host_is_refused(served: Endpoint, host: str) -> None:
    for url in (chat(served), served.admin_url):
        named = {"host": host.format(port=port_of(url)), "authorization": f"Bearer {served.token}"}
        refused = post(url, JSON | named)

        assert refused.status_code == 403
        assert "Host" in refused.json()["error"]["message"]


def test_this_machine_may_be_called_localhost(served: Endpoint) -> None:
    answer = post(chat(served), JSON | {"host": f"localhost:{port_of(served.url)}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", ""])
def test_any_origin_is_refused(served: Endpoint, origin: str) -> None:
    for url in (chat(served), served.admin_url):
        refused = post(url, JSON | {"origin": origin, "authorization": f"Bearer {served.token}"})

        assert refused.status_code == 403
        assert not [name for name in refused.headers if name.startswith("access-control")]


def test_a_preflight_is_refused_without_cors_headers(served: Endpoint) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}

    refused = httpx.options(chat(served), headers=asked, timeout=BOUND_S)

    assert refused.status_code == 403
    assert not [name for name in refused.headers if name.startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", None])
def test_what_is_not_declared_as_json_is_refused(served: Endpoint, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}

    for url in (chat(served), f"{served.url}/v1/messages", served.admin_url):
        assert post(url, headers | {"authorization": f"Bearer {served.token}"}).status_code == 415


def test_an_absolute_target_leads_nowhere_else(served: Endpoint) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served.url)), timeout=BOUND_S) as wire:
        wire.sendall(b"GET http://evil.example/v1/models HTTP/1.1\r\nhost: evil.example\r\n\r\n")
        assert wire.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("[]", 400),
        ("[" * 100_000, 400),
        (b"\xff\xfe", 400),
        ('{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}', 400),
        ("x" * (MAX_BYTES + 1), 413),
    ],
    ids=["cut", "list", "deep", "bytes", "surrogate", "large"],
)
def test_hostile_bodies_are_refused_as_the_api_words_it(
    served: Endpoint, body: str | bytes, status: int
) -> None:
    refused = post(chat(served), JSON, body)

    assert refused.status_code == status
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.headers["x-request-id"].startswith("req_")


def test_a_text_of_half_characters_is_answered(served: Endpoint) -> None:
    body = '{"model": "m", "messages": [{"role": "user", "content": "\\ud800 hello"}]}'

    assert post(chat(served), JSON, body).status_code == 200


# -- switches ----------------------------------------------------------------------------------------------------------

FLIP = json.dumps({"set": "tokens.max_tokens", "value": 20})


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "bearer {token}", "{token}", "Bearer {token}x"]
)
def test_a_switch_needs_the_token(served: Endpoint, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization.format(token=served.token)}

    assert post(served.admin_url, JSON | headers, FLIP).status_code == 401


def test_the_data_port_has_no_switches_and_the_admin_port_no_api(served: Endpoint) -> None:
    bearer = {"authorization": f"Bearer {served.token}"}

    assert post(served.url, JSON | bearer, FLIP).status_code == 404
    assert post(f"{served.admin_url}/v1/chat/completions", JSON | bearer).status_code == 404


def test_a_switch_is_flipped_and_tells_when(served: Endpoint) -> None:
    told = served.flip("targets.fallback.rpm", 60)

    assert told.status_code == 200
    assert told.json().keys() == {"at_s", "set", "value"}
    assert told.json()["value"] == 60


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("traffic.rate_per_s", 5, "cannot be changed here"),
        ("variants.client.safeguards", [], "cannot be changed here"),
        ("faults.nothing.on", True, "there is no 'nothing'"),
        ("targets.primary.slots", -1, "slots"),
        ("targets.primary.slotz", 1, "slots"),
        ("", 1, "cannot be changed here"),
        ("faults.\ud800", 1, "half a character"),
        ("faults.new", {"kind": "server_error", "rate": 0, "label": "\ud800"}, "half a character"),
    ],
)
def test_a_switch_that_cannot_be_flipped_says_why(
    served: Endpoint, path: str, value: object, told: str
) -> None:
    refused = served.flip(path, value)

    assert refused.status_code == 400
    assert told in refused.json()["error"]["message"]


@pytest.mark.parametrize("body", ["{", "{}", '{"set": 1, "value": 2}', '{"set": "a", "value": 1, "more": 2}'])
def test_what_is_no_change_is_refused(served: Endpoint, body: str) -> None:
    refused = post(served.admin_url, JSON | {"authorization": f"Bearer {served.token}"}, body)

    assert refused.status_code == 400
