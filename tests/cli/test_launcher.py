"""The entry points: who is run, what is imported for it, and what happens to output that nobody takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app import __version__
from tests.cli.commands import FIRST_DAY, ROOT, command, environment

LAUNCHER = ROOT / "app" / "launcher.py"


def launched(
    folder: Path, *paths: Path, arguments: tuple[str, ...] = ("--version",)
) -> subprocess.CompletedProcess[str]:
    """The launcher, standing alone as it is installed, in an environment that holds `paths` and nothing else."""
    (folder / "seatrial_launcher.py").write_text(LAUNCHER.read_text(encoding="utf-8"), encoding="utf-8")
    code = f"import sys; sys.argv[1:] = {list(arguments)}; import seatrial_launcher as l; sys.exit(l.main())"
    path = ":".join(str(each) for each in (*paths, folder))
    return subprocess.run(
        [sys.executable, "-P", "-S", "-c", code],
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_launcher_runs_our_package(tmp_path: Path) -> None:
    ended = launched(tmp_path, ROOT)

    assert (ended.returncode, ended.stdout) == (0, f"seatrial {__version__}\n")


@pytest.mark.parametrize("marker", ["print('mine')", None, "SEATRIAL = 'not quite'"])
def test_a_foreign_package_of_the_same_name_is_refused(marker: str | None, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign" / "app"
    foreign.mkdir(parents=True)
    if marker is not None:
        (foreign / "__init__.py").write_text(f"{marker}\n", encoding="utf-8")
        (foreign / "__main__.py").write_text("def main(_): print('foreign code ran')\n", encoding="utf-8")
    # A folder without __init__.py yields to any real package, so ours must be out of reach there.
    paths = (foreign.parent, ROOT) if marker is not None else (foreign.parent,)

    ended = launched(tmp_path, *paths)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "the package 'app' in this environment is not Seatrial's" in ended.stderr
    assert str(foreign) in ended.stderr
    assert "uv tool install seatrial" in ended.stderr


def test_the_child_is_started_from_a_wheel_too(tmp_path: Path) -> None:
    """There the launcher stands beside the package, under its other name, and not in it."""
    shutil.copytree(
        ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("launcher.py", "__pycache__")
    )
    shutil.copy(LAUNCHER, tmp_path / "seatrial_launcher.py")
    code = (
        "import subprocess, sys; from app.engine.child import seatrial_command;"
        "sys.exit(subprocess.call(seatrial_command('--version')))"
    )

    ended = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=environment(PYTHONPATH=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"seatrial {__version__}\n", "")


def test_the_version_is_told_without_importing_anything_large() -> None:
    code = (
        "import sys; from app.__main__ import main; status = main(['--version']);"
        "heavy = {'numpy', 'typer', 'rich', 'pydantic', 'sqlite_utils', 'PySide6'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"seatrial {__version__}\n", "")


def test_no_command_imports_what_it_does_not_need(tmp_path: Path) -> None:
    code = (
        f"import sys; from app.cli import run_cli; run_cli(['runs', '--log', {str(tmp_path / 'log.db')!r}]);"
        "heavy = {'PySide6', 'pyqtgraph', 'genai_prices', 'httpx', 'jsonschema', 'tomlkit', 'uvicorn'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_output_that_nobody_reads_to_its_end_is_no_failure() -> None:
    with subprocess.Popen(
        command("check", FIRST_DAY, "--json"),
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(60) == 0
    assert said == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_to_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command("scenarios"),
            env=environment(),
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert ended.returncode == 2
    assert ended.stderr == b"seatrial: standard output cannot be written: its disk is full.\n"
