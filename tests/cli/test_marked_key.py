"""A key that can be recognised is used, refused, said again by the provider, and left behind by a crash: afterwards it is in
no byte that was written or said, but for the system's key store."""

from __future__ import annotations

import json
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, command, environment
from tests.cli.commands import child as to_its_end
from tests.cli.commands import seatrial as here
from tests.providers.refusing import Refusing, refusing
from tests.providers.secret_service import needs_gnome_keyring, secret_service

MARKED = "sk-marked-2718281828"
_SCENARIO = """
title = "Refused"
seed = 5
duration_s = {duration_s}
drain_s = 20
[prompts]
path = "sample:prompts"
only = ["triage"]
[traffic]
arrivals = "constant"
rate_per_s = 10
[targets.primary]
model = "m"
endpoint = {{ base_url = "{base_url}" }}
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }}
[variants.bare]
[[variants.bare.safeguards]]
kind = "retry"
retry_on = "sdk"
"""


@pytest.fixture
def provider() -> Iterator[Refusing]:
    with refusing() as served:
        yield served


@contextmanager
def stored(home: Path, provider: Refusing) -> Iterator[dict[str, str]]:
    """The key is in the system's key store."""
    with secret_service(home) as variables:
        said = seatrial("keys", "add", "mine", provider.base_url, variables=variables, said=MARKED)
        assert "is stored" in said
        yield variables


@contextmanager
def given(home: Path, provider: Refusing) -> Iterator[dict[str, str]]:
    """The key is in the environment."""
    yield {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "SEATRIAL_KEY_MINE": f"{provider.base_url} {MARKED}",
    }


def seatrial(*arguments: str | Path, variables: dict[str, str], said: str = "") -> str:
    """Everything that a command says, on both streams."""
    ended = to_its_end(*arguments, said=said, **variables)
    assert "Traceback" not in ended.err
    return ended.out + ended.err


def scenario(home: Path, provider: Refusing, duration_s: float) -> Path:
    path = home / "refused.toml"
    path.write_text(_SCENARIO.format(base_url=provider.base_url, duration_s=duration_s), encoding="utf-8")
    return path


def assert_nowhere(home: Path, said: str) -> None:
    """The key is in no file under the folder, packed ones unpacked, and in nothing that was said."""
    assert "sk-marked" not in said
    looked_at = 0
    for path in home.rglob("*"):
        if not path.is_file():
            continue
        looked_at += 1
        assert b"sk-marked" not in path.read_bytes(), path
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                assert all(b"sk-marked" not in packed.read(name) for name in packed.namelist()), path
    assert looked_at > 1  # the scenario, the log, and what is beside it


@pytest.mark.parametrize(
    "place", [pytest.param(stored, marks=needs_gnome_keyring), given], ids=["store", "variable"]
)
def test_refused_and_exported(tmp_path: Path, provider: Refusing, place: object) -> None:
    # given a run whose provider refuses the key, and says it in words, status and headers
    with place(tmp_path, provider) as variables:  # type: ignore[operator]
        file = scenario(tmp_path, provider, 1)
        said = seatrial("run", file, "--real", "--max-usd", "1", "--yes", variables=variables)
        assert set(provider.keys) == {MARKED}
    # when the run is shown, replayed, and exported with all texts
    export, log = tmp_path / "run.zip", tmp_path / "data" / "seatrial" / "seatrial.db"
    for line in (
        ("runs",),
        ("show", "last", "--json"),
        ("show", "last", "--request", "0"),
        ("replay", "last", "--check"),
        ("export", "last", "-o", export, "--texts"),
    ):
        told = here(*line, log=log)
        said += told.out + told.err
    # then it is nowhere
    assert export.exists()
    assert_nowhere(tmp_path, said)


@needs_gnome_keyring
def test_killed_in_the_middle(tmp_path: Path, provider: Refusing) -> None:
    # given calls that hang, so that the key is in use
    provider.open.clear()
    with stored(tmp_path, provider) as variables:
        file = scenario(tmp_path, provider, 30)
        with subprocess.Popen(
            command("run", file, "--real", "--max-usd", "1", "--yes"),
            env=environment(**variables),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert provider.heard.wait(60)
            # then neither the command line nor the environment has it
            for name in ("cmdline", "environ"):
                assert b"sk-marked" not in Path(f"/proc/{child.pid}/{name}").read_bytes()
            # when it is killed
            child.send_signal(signal.SIGKILL)
            said = "".join(child.communicate(timeout=60))
    provider.open.set()
    told = here("runs", log=tmp_path / "data" / "seatrial" / "seatrial.db")
    assert_nowhere(tmp_path, said + told.out + told.err)


def test_the_windows_engine_gets_it_by_the_pipe_alone(tmp_path: Path, provider: Refusing) -> None:
    # given a key that the window has in memory
    file = scenario(tmp_path, provider, 1)
    start = {
        "do": "start",
        "scenario": str(file),
        "log": str(tmp_path / "log.db"),
        "real": {"max_usd": 1},
        "keys": {provider.base_url.removesuffix("/v1"): MARKED},
    }
    with subprocess.Popen(
        command("_engine"),
        env=environment(HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data")),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(start) + "\n")
        child.stdin.flush()
        said = ""
        for line in child.stdout:
            said += line
            if '"event": "ended"' in line:
                break
        said += "".join(child.communicate(timeout=60))
    assert set(provider.keys) == {MARKED}
    assert_nowhere(tmp_path, said)
