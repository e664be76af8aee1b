"""Keys: bound to an origin, in the store or in memory, and in nothing that is written or said."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from pydantic import SecretStr

from app.errors import UserError
from app.providers.endpoint import Endpoint
from app.providers.key_rules import MAX_KEY, origin_of, sound_key
from app.providers.keys import Keys
from tests.providers.key_backends import DictBackend, FailingBackend, LockedBackend, system_store

X = "https://api.x.example"
MARKED = "sk-marked-4711"


def keys_in(folder: Path, **environ: str) -> Keys:
    return Keys(folder, environ)


def secret(key: SecretStr | None) -> str:
    return "" if key is None else key.get_secret_value()


def test_a_key_is_stored_for_its_origin_and_the_next_program_finds_it(tmp_path: Path) -> None:
    # given a key added with a base URL
    with system_store(DictBackend()):
        keys = keys_in(tmp_path)
        entry = keys.add("mine", f"{X}:443/v1", SecretStr(f" {MARKED}\n"))
        # when another program asks, in whatever way it writes the origin
        found = keys_in(tmp_path).for_origin("HTTPS://API.X.example:443")
    # then it has the key
    assert (entry.name, entry.origin, entry.where, entry.used) == ("mine", X, "store", True)
    assert secret(found) == MARKED
    assert keys.lasting


@pytest.mark.parametrize(
    "other", ["https://api.x.example:8443", "https://x.example", "https://api.x.example.evil"]
)
def test_no_other_origin_gets_it(tmp_path: Path, other: str) -> None:
    with system_store(DictBackend()):
        keys = keys_in(tmp_path)
        keys.add("mine", X, SecretStr(MARKED))
        assert keys.for_origin(other) is None


def test_a_changed_list_does_not_send_a_key_elsewhere(tmp_path: Path) -> None:
    # given a list of keys in which somebody has written another origin
    with system_store(DictBackend()):
        keys = keys_in(tmp_path)
        keys.add("mine", X, SecretStr(MARKED))
        index = tmp_path / "keys.json"
        index.write_text(index.read_text().replace("api.x.example", "evil.example"))
        # when calls go there
        with pytest.raises(UserError, match=r"was given for https://api\.x\.example") as refused:
            keys.for_origin("https://evil.example")
    # then they get no key
    assert MARKED not in str(refused.value)


def test_the_newest_key_of_an_origin_is_taken(tmp_path: Path) -> None:
    with system_store(DictBackend()):
        keys = keys_in(tmp_path)
        keys.add("first", X, SecretStr("sk-1"))
        keys.add("second", X, SecretStr("sk-2"))
        assert secret(keys.for_origin(X)) == "sk-2"
        assert [(entry.name, entry.used) for entry in keys.entries()] == [("second", True), ("first", False)]
        keys.delete("second")
        assert secret(keys.for_origin(X)) == "sk-1"


def test_the_environment_goes_first_then_memory_then_the_store(tmp_path: Path) -> None:
    with system_store(DictBackend()):
        keys = keys_in(tmp_path, SEATRIAL_KEY_CI=f"{X}/v1 sk-ci", OTHER="sk-no")
        keys.add("stored", X, SecretStr("sk-stored"))
        keys.add("kept here", X, SecretStr("sk-memory"), store=False)
        assert [entry.where for entry in keys.entries()] == ["environment", "memory", "store"]
        assert secret(keys.for_origin(X)) == "sk-ci"
        assert keys.in_memory() == {}
        without = keys_in(tmp_path)
        without.add("kept here", X, SecretStr("sk-memory"), store=False)
        assert secret(without.for_origin(X)) == "sk-memory"
        assert {origin: secret(key) for origin, key in without.in_memory().items()} == {X: "sk-memory"}
        with pytest.raises(UserError, match="comes from the environment"):
            keys.delete("SEATRIAL_KEY_CI")


@pytest.mark.parametrize("text", [MARKED, f"{X}", f"{X} ", f"{MARKED} {X}", f"http://api.x.example {MARKED}"])
def test_a_variable_that_holds_something_else_is_named_and_its_text_is_not_said(
    tmp_path: Path, text: str
) -> None:
    keys = keys_in(tmp_path, SEATRIAL_KEY_CI=text)
    with pytest.raises(UserError, match="SEATRIAL_KEY_CI") as wrong:
        keys.for_origin(X)
    assert "marked" not in "".join(traceback.format_exception(wrong.value))


def test_a_name_in_the_list_cannot_borrow_the_key_of_another_place(tmp_path: Path) -> None:
    # given a list with the name of a variable, for another origin
    with system_store(DictBackend()):
        keys = keys_in(tmp_path, SEATRIAL_KEY_CI=f"{X} {MARKED}")
        (tmp_path / "keys.json").write_text(
            '{"keys": [{"name": "SEATRIAL_KEY_CI", "address": "https://evil.example"}]}'
        )
        # then the variable's key does not go there
        with pytest.raises(UserError, match="not there any more"):
            keys.for_origin("https://evil.example")


def test_a_key_is_renamed(tmp_path: Path) -> None:
    with system_store(DictBackend()):
        keys = keys_in(tmp_path)
        keys.add("old", X, SecretStr(MARKED))
        keys.add("here", "https://b.example", SecretStr("sk-b"), store=False)
        keys.rename("old", "new")
        keys.rename("here", "there")
        assert {entry.name for entry in keys.entries()} == {"new", "there"}
        assert secret(keys.for_origin(X)) == MARKED
        assert secret(keys.for_origin("https://b.example")) == "sk-b"
        with pytest.raises(UserError, match="there is a key 'there' already"):
            keys.rename("new", "there")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 61, "SEATRIAL_KEY_X"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="this is no name"):
        keys_in(tmp_path).add(name, X, SecretStr(MARKED))


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring], ids=["fail", "null"])
def test_without_a_store_a_key_stays_in_memory_and_that_is_said(
    tmp_path: Path, backend: type[KeyringBackend]
) -> None:
    with system_store(backend()):
        keys = keys_in(tmp_path)
        entry = keys.add("mine", X, SecretStr(MARKED))
        assert not keys.lasting
        assert (
            keys.where
            == "Keys are kept in memory until Seatrial ends: this system has no key store that is running."
        )
        assert entry.where == "memory"
        assert secret(keys.for_origin(X)) == MARKED
        assert keys_in(tmp_path).for_origin(X) is None
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_fails_is_told_without_the_key(tmp_path: Path) -> None:
    with system_store(FailingBackend()), pytest.raises(UserError, match="store fails") as wrong:
        keys_in(tmp_path).add("mine", X, SecretStr(MARKED))
    assert MARKED not in "".join(traceback.format_exception(wrong.value))
    assert list(tmp_path.iterdir()) == []


def test_a_locked_store_is_told(tmp_path: Path) -> None:
    with system_store(DictBackend()):
        keys_in(tmp_path).add("mine", X, SecretStr(MARKED))
    with system_store(LockedBackend()):
        keys = keys_in(tmp_path)
        assert [entry.name for entry in keys.entries()] == ["mine"]
        with pytest.raises(UserError, match="locked"):
            keys.for_origin(X)
        assert keys.for_origin("https://b.example") is None  # what it has nothing for, it is not asked


def test_a_key_that_has_left_the_store_is_told(tmp_path: Path) -> None:
    store = DictBackend()
    with system_store(store):
        keys = keys_in(tmp_path)
        keys.add("mine", X, SecretStr(MARKED))
        store.kept.clear()
        with pytest.raises(UserError, match="not there any more"):
            keys.for_origin(X)
        keys.delete("mine")
        assert keys.entries() == []


def test_the_list_holds_no_key_and_is_the_users_alone(tmp_path: Path) -> None:
    with system_store(DictBackend()):
        keys_in(tmp_path).add("mine", X, SecretStr(MARKED))
    index = tmp_path / "keys.json"
    assert "marked" not in index.read_text()
    assert index.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"keys": [1]}', '{"keys": [{"name": "a", "address": "b"}]}'])
def test_a_damaged_list_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(UserError, match="damaged"):
        keys_in(tmp_path).entries()


def test_a_list_that_cannot_be_written_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    # given a folder that cannot be made
    (tmp_path / "file").write_text("")
    store = DictBackend()
    with system_store(store), pytest.raises(UserError, match="cannot be"):
        keys_in(tmp_path / "file").add("mine", X, SecretStr(MARKED))
    assert store.kept == {}


@pytest.mark.parametrize(
    "address", ["http://api.x.example", "http://10.0.0.1:80", "http://localhost.evil.example"]
)
def test_no_key_travels_unencrypted(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError, match="unencrypted"):
        keys_in(tmp_path).add("mine", address, SecretStr(MARKED))
    with pytest.raises(UserError, match="unencrypted"):
        Endpoint(f"{address}/v1", "m", SecretStr(MARKED))
    assert Endpoint(f"{address}/v1", "m").key is None


@pytest.mark.parametrize("address", ["http://127.0.0.1:8642/v1", "http://localhost:1", "http://[::1]:8642"])
def test_to_this_machine_it_may(tmp_path: Path, address: str) -> None:
    with system_store(DictBackend()):
        assert keys_in(tmp_path).add("mine", address, SecretStr(MARKED)).used
    assert Endpoint(address, "m", SecretStr(MARKED)).key is not None


@pytest.mark.parametrize("text", ["", "  ", "sk with space", "sk-ü", "x" * (MAX_KEY + 1), "sk-1\nsk-2"])
def test_what_is_no_key_is_refused_without_saying_it(text: str) -> None:
    with pytest.raises(UserError) as wrong:
        sound_key(SecretStr(text))
    assert not text.strip() or text not in str(wrong.value)


@given(
    host=st.sampled_from(["api.x.example", "127.0.0.1", "[::1]", "münchen.example"]),
    port=st.sampled_from(["", ":443", ":8443"]),
    path=st.sampled_from(["", "/", "/v1", "/a/b"]),
)
def test_an_origin_is_its_own_origin(host: str, port: str, path: str) -> None:
    origin = origin_of(f"https://{host}{port}{path}")
    assert origin_of(origin) == origin
    assert origin.isascii()
    assert origin.endswith(":8443") == (port == ":8443")
    assert ":443" not in origin.removesuffix(":8443")


@pytest.mark.parametrize(
    "address", ["", "api.x.example", "ftp://a", "https://u:p@a", "https://a?b", "https://a#b", "https://"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UserError):
        origin_of(address)
