"""`seatrial keys` on the system's key store, and without one; a key is in no argument, no output and no file."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import SecretService, fail

from tests.cli.commands import ROOT, Said, child, command, environment, seatrial
from tests.providers.key_backends import system_store
from tests.providers.model_list import listing
from tests.providers.secret_service import needs_gnome_keyring, secret_service

MARKED = "sk-marked-0815"
X = "https://api.x.example"


def keys(*arguments: str, variables: dict[str, str], said: str = "") -> Said:
    """Run `seatrial keys` with these variables; it reads `said`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", StringIO(said))
        store: type[KeyringBackend] = fail.Keyring
        if "DBUS_SESSION_BUS_ADDRESS" in variables:
            store = SecretService.Keyring
        with system_store(store()):
            return seatrial("keys", *arguments)


@needs_gnome_keyring
def test_a_key_is_kept_by_the_system_and_found_again(tmp_path: Path) -> None:
    # given a key that was read from standard input, and a session that has ended
    with secret_service(tmp_path) as variables:
        added = keys("add", "mine", f"{X}/v1", "--json", variables=variables, said=MARKED + "\n")
        assert (added.status, added.json["key"]["where"]) == (0, "store"), added.err
    # when there is another one
    with secret_service(tmp_path) as variables:
        listed = keys("--json", variables=variables)
        # then it is listed, without the key, and may be renamed and deleted
        assert listed.json["keys"] == [
            {"name": "mine", "origin": X, "address": f"{X}/v1", "where": "store", "used": True}
        ]
        assert "SecretService" in listed.json["store"]
        assert keys("rename", "mine", "ours", variables=variables).out == "'mine' is called 'ours' now.\n"
        shown = keys(variables=variables)
        assert keys("delete", "ours", variables=variables).out == "'ours' is deleted.\n"
        assert keys("--json", variables=variables).json["keys"] == []
    for said in (added, listed, shown):
        assert "marked" not in said.out + said.err
    assert f"ours  {X}/v1  store" in shown.out
    _assert_nowhere(tmp_path)


@needs_gnome_keyring
def test_a_locked_store_is_told_and_nobody_waits(tmp_path: Path) -> None:
    with secret_service(tmp_path) as variables:
        assert keys("add", "mine", X, variables=variables, said=MARKED).status == 0
    with secret_service(tmp_path, unlocked=False) as variables:
        assert keys("--json", variables=variables).json["keys"][0]["name"] == "mine"
        # In a process of its own, since the library leaves a connection open.
        assert "the system's key store is locked" in child("keys", "test", "mine", **variables).complaint


@needs_gnome_keyring
def test_a_key_is_tried_where_it_belongs(tmp_path: Path) -> None:
    with secret_service(tmp_path) as variables, listing(MARKED) as server:
        keys("add", "right", server.base_url, variables=variables, said=MARKED)
        right = keys("test", "right", "--json", variables=variables)
        keys("add", "wrong", server.base_url, variables=variables, said="sk-other")
        wrong = keys("test", "wrong", variables=variables)
    assert (right.status, right.json["answered"]) == (0, "accepted")
    assert (wrong.status, wrong.out) == (1, f"{server.origin} refuses the key (401).\n")


@needs_gnome_keyring
def test_on_a_terminal_it_is_asked_for_without_an_echo(tmp_path: Path) -> None:
    with secret_service(tmp_path) as variables:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            command("keys", "add", "mine", X),
            env=environment(**variables),
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as asked:
            os.close(theirs)
            seen = _read_until(ours, b": ")
            os.write(ours, MARKED.encode() + b"\n")
            seen += _read_until(ours, b"stored")
            assert asked.wait(60) == 0
        os.close(ours)
        assert b"Key for https://api.x.example" in seen
        assert b"marked" not in seen
        assert keys("--json", variables=variables).json["keys"][0]["name"] == "mine"


def test_without_a_store_it_is_said_what_to_do(tmp_path: Path) -> None:
    variables = {"XDG_DATA_HOME": str(tmp_path)}
    listed = keys(variables=variables)
    assert listed.out.startswith("There are no keys.\nNone can be stored: this system has no key store")
    added = keys("add", "mine", X, variables=variables, said=MARKED)
    assert "SEATRIAL_KEY_<NAME>" in added.complaint
    _assert_nowhere(tmp_path)


def test_a_variable_is_listed_without_its_key(tmp_path: Path) -> None:
    variables = {"XDG_DATA_HOME": str(tmp_path), "SEATRIAL_KEY_CI": f"{X}/v1 {MARKED}"}
    listed = keys("--json", variables=variables)
    (entry,) = listed.json["keys"]
    assert (entry["name"], entry["origin"], entry["where"]) == ("SEATRIAL_KEY_CI", X, "environment")
    shown = keys(variables=variables)
    assert "marked" not in listed.out + listed.err + shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("add", "mine", "http://api.x.example"), "unencrypted"),
        (("add", "mine", "api.x.example"), "address"),
        (("rename", "nobody", "x"), "there is no key 'nobody'"),
        (("delete", "nobody"), "there is no key 'nobody'"),
        (("test", "nobody"), "there is no key 'nobody'"),
    ],
)
def test_wrong_input_is_one_message(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in keys(*arguments, variables={"XDG_DATA_HOME": str(tmp_path)}).complaint


def _read_until(descriptor: int, end: bytes) -> bytes:
    seen = b""
    while end not in seen:
        seen += os.read(descriptor, 1000)
    return seen


def _assert_nowhere(folder: Path) -> None:
    """The key is in no file of ours. The store's own is encrypted."""
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"marked" not in path.read_bytes(), path
    for path in folder.rglob("keys.json"):
        json.loads(path.read_text())
