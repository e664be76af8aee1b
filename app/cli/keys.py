"""`seatrial keys`: the keys for real calls. A key is never an argument, and never printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.application import MISSED, OK, Json, Log, cli
from app.errors import UserError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.providers.keys import KeyEntry

_MAX_LINE = 10_000

keys = typer.Typer(
    invoke_without_command=True, help="List, add, rename, delete and test the keys for real calls."
)
cli.add_typer(keys, name="keys")

Name = Annotated[str, typer.Argument(help="What the key is called.")]


@keys.callback()
def list_keys(context: typer.Context, *, _log: Log = None, json: Json = False) -> int:
    """List the keys for real calls: names, addresses, and where they are. No part of a key is shown."""
    from app import terminal, terminal_keys
    from app.providers.keys import Keys

    if context.invoked_subcommand is not None:
        return OK
    known = Keys()
    entries = known.entries()
    if json:
        plain = [_plain(entry) for entry in entries]
        terminal.say_json({"keys": plain, "store": known.store, "store_problem": known.store_problem or None})
    else:
        terminal_keys.say_keys(entries, known.store_problem)
    return OK


@keys.command()
def add(
    name: Name,
    origin: Annotated[
        str,
        typer.Argument(
            help="Where it may go, and nowhere else: https://api.example.com, or a base URL there."
        ),
    ],
    *,
    _log: Log = None,
    json: Json = False,
) -> int:
    """Store a key. It is asked for without an echo, or read from standard input."""
    from app.providers.key_rules import VARIABLE, check_key_may_go, origin_of
    from app.providers.keys import Keys

    known = Keys()
    check_key_may_go(origin_of(origin))
    if not known.lasting:
        raise UserError(
            f"a key cannot be stored here: {known.store_problem}",
            do=f"Give it in an environment variable instead, {VARIABLE}<NAME>='ORIGIN KEY'.",
        )
    entry = known.add(name, origin, _asked_for(origin_of(origin)))
    return _told(entry, f"'{entry.name}' is stored for {entry.origin}.", json=json)


@keys.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="What it is to be called.")],
    *,
    _log: Log = None,
    json: Json = False,
) -> int:
    """Give a key another name."""
    from app.providers.keys import Keys

    known = Keys()
    known.rename(name, new_name)
    entry = next(each for each in known.entries() if each.name == new_name.strip())
    return _told(entry, f"'{name}' is called '{entry.name}' now.", json=json)


@keys.command()
def delete(name: Name, *, _log: Log = None, json: Json = False) -> int:
    """Delete a key from the store. Revoke it at the provider, too, if somebody may have seen it."""
    from app import terminal, terminal_keys
    from app.providers.keys import Keys

    Keys().delete(name)
    if json:
        terminal.say_json({"deleted": name})
    else:
        terminal_keys.say(f"'{name}' is deleted.")
    return OK


@keys.command(name="test")
def try_out(name: Name, *, _log: Log = None, json: Json = False) -> int:
    """Ask the key's address for its list of models, which costs nothing. Status 1 unless the key is accepted."""
    from app import terminal, terminal_keys
    from app.providers.key_trial import try_key
    from app.providers.keys import Keys

    known = Keys()
    entry = known.entry(name)
    verdict = try_key(entry.address, known.key(name))
    if json:
        terminal.say_json({"key": _plain(entry), "answered": verdict.answered, "told": verdict.told})
    else:
        terminal_keys.say(verdict.told)
    return OK if verdict.answered == "accepted" else MISSED


def _asked_for(origin: str) -> SecretStr:
    from pydantic import SecretStr

    if sys.stdin is not None and sys.stdin.isatty():
        return SecretStr(typer.prompt(f"Key for {origin}", hide_input=True, err=True))
    return SecretStr("" if sys.stdin is None else sys.stdin.readline(_MAX_LINE))


def _told(entry: KeyEntry, sentence: str, *, json: bool) -> int:
    from app import terminal, terminal_keys

    if json:
        terminal.say_json({"key": _plain(entry)})
    else:
        terminal_keys.say(sentence)
    return OK


def _plain(entry: KeyEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "origin": entry.origin,
        "address": entry.address,
        "where": entry.where,
        "used": entry.used,
    }
