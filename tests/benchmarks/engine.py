"""The engine beside its SimPy twin: requests x variants a second of CPU time, and whether both say the same.

Each program has a process of its own. Rounds alternate, each with its own seed, and the median of each counts: the
machine may be shared. Reading prompts and data is left out; planning and drawing is in both. Texts the twin has none:
prompts that are rendered, answers that are written and checked, each once for each row of the data, however long the run.
So they are made beforehand for the comparison without a log; what the engine comes to when it makes them on its way is
told beside it, and with a log they are in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

from app.engine.control import Control
from app.engine.plan import Plan
from app.engine.run import Listener, Order, run_scenario, seldom_collecting
from app.engine.simulation import Simulation
from app.faults.fault_set import FaultSet
from app.scenario.files import ScenarioFile, open_scenario
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES
from tests.benchmarks.line import Line
from tests.benchmarks.twin import both
from tests.benchmarks.twin_world import DURATION_S, RATE_PER_S
from tests.harness import simulation_of

ROUNDS = 8
SHARES_DIFFER_AT_MOST = 0.01
VARIANTS = ("prototype", "safeguarded")


def lines() -> list[Line]:
    """Three ways to run the same model, each program in a process of its own, as the product has it."""
    speeds: dict[str, list[float]] = {}
    ours: dict[str, Counter[str]] = {name: Counter() for name in VARIANTS}
    theirs: dict[str, Counter[str]] = {name: Counter() for name in VARIANTS}
    sums = {"twin": theirs, "bare": ours}
    for seed in range(1, ROUNDS + 1):
        for program in PROGRAMS:
            told = alone(program, seed)
            for name, speed in told.speeds.items():
                speeds.setdefault(name, []).append(speed)
            if program in sums:
                for name, total in sums[program].items():
                    total.update(told.outcomes[name])
    middle = {name: median(values) for name, values in speeds.items()}
    told_as = {name: f"{speed:,.0f} requests x variants a second" for name, speed in middle.items()}
    return [
        Line("SimPy twin, calls and timeouts as processes and events", told_as["twin"]),
        Line(
            "SimPy twin that foresees every race", told_as["foresight"], middle["foresight"] / middle["twin"]
        ),
        Line("engine without a log / twin", told_as["bare"], middle["bare"] / middle["twin"], ">= 4"),
        Line("the same, texts made on its way / twin", told_as["texts"], middle["texts"] / middle["twin"]),
        Line(
            "engine with its session log / twin", told_as["logged"], middle["logged"] / middle["twin"], ">= 2"
        ),
        Line("engine without a log / foreseeing twin", told_as["bare"], middle["bare"] / middle["foresight"]),
        *(_agreement(name, ours[name], theirs[name]) for name in VARIANTS),
    ]


@dataclass(frozen=True)
class Told:
    """What a program told: requests x variants a second by name, and how often which outcome came, by variant."""

    speeds: dict[str, float]
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)


def alone(program: str, seed: int) -> Told:
    """Run one of `PROGRAMS` in a process of its own: what ran before in the same one would slow it down."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, program, str(seed)], check=True, stdout=subprocess.PIPE, text=True
    )
    speeds, outcomes = json.loads(done.stdout.splitlines()[-1])
    return Told(speeds, {name: Counter(counts) for name, counts in outcomes.items()})


def _twin(seed: int) -> Told:
    speed, outcomes = twin(seed, real_timeouts=True)
    return Told({"twin": speed}, outcomes)


def _foresight(seed: int) -> Told:
    return Told({"foresight": twin(seed, real_timeouts=False)[0]})


def _bare(seed: int) -> Told:
    speed, with_texts, outcomes = without_log(_scenario(seed))
    return Told({"bare": speed, "texts": with_texts}, outcomes)


def _logged(seed: int) -> Told:
    return Told({"logged": with_log(_scenario(seed))})


PROGRAMS: dict[str, Callable[[int], Told]] = {
    "twin": _twin,
    "foresight": _foresight,
    "bare": _bare,
    "logged": _logged,
}


def _scenario(seed: int) -> ScenarioFile:
    return open_scenario(str(Path(__file__).with_name("full.toml")), [f"seed={seed}"])


def twin(seed: int, *, real_timeouts: bool) -> tuple[float, dict[str, Counter[str]]]:
    """Speed and outcomes of the twin."""
    began = process_time()
    outcomes, offered = both(seed, round(DURATION_S * RATE_PER_S * 1.05), real_timeouts=real_timeouts)
    return 2 * offered / (process_time() - began), outcomes


def without_log(file: ScenarioFile) -> tuple[float, float, dict[str, Counter[str]]]:
    """Speed of the engine, also with the time that its texts take, and outcomes; these are counted, and no rows made."""
    with simulation_of(file) as (simulation, _), seldom_collecting():
        for world in simulation.worlds:
            world.logged = False
        texts_s = make_texts(simulation)
        began = process_time()
        while not simulation.done:
            simulation.advance(simulation.horizon_us())
            for world in simulation.worlds:
                world.take_faults()
            simulation.arrived_us.clear()
        simulation.finish()
        took_s = process_time() - began
        named = {
            world.name: Counter(dict(zip(OUTCOMES, world.outcomes, strict=True)))
            for world in simulation.worlds
        }
        asked = 2 * simulation.offered
        return asked / took_s, asked / (took_s + texts_s), named


def make_texts(simulation: Simulation) -> float:
    """Have all questions of a run made, with the answers that most requests get: the seconds that this takes, beyond those
    of planning, which the run does again."""

    def plan_all() -> float:
        began = process_time()
        faults = FaultSet(
            simulation.scenario.faults, simulation.draws, [True] * len(simulation.scenario.faults)
        )
        plan = Plan(simulation.scenario, simulation.draws, simulation.questions, faults)
        while plan.take(plan.horizon_us()):
            pass
        return process_time() - began

    with_texts_s = plan_all()
    return with_texts_s - plan_all()


def with_log(file: ScenarioFile) -> float:
    """Speed of a whole run, from its entry in the log to its end."""
    began = 0.0

    def start(_run_id: int) -> None:
        nonlocal began
        began = process_time()

    with TemporaryDirectory() as folder:
        offered = logged(file, Path(folder) / "log.db", Listener(started=start))
        return 2 * offered / (process_time() - began)


def logged(file: ScenarioFile, path: Path, listener: Listener | None = None) -> int:
    """Run it with a log; the requests offered."""
    with SessionLog.open(path) as log:
        run_id = run_scenario(Order(file), log, Control(), listener or Listener())
        (offered,) = log.db.execute("select offered from runs where id = ?", [run_id]).fetchone()
    return int(offered)


def _agreement(variant: str, ours: Counter[str], theirs: Counter[str]) -> Line:
    """The largest difference between shares of outcomes, and the shares: ours | theirs."""
    a = {name: ours[name] / ours.total() for name in OUTCOMES}
    b = {name: theirs[name] / theirs.total() for name in OUTCOMES}
    shares = ", ".join(f"{name} {a[name]:.4f} | {b[name]:.4f}" for name in reversed(OUTCOMES))
    largest = max(abs(a[name] - b[name]) for name in OUTCOMES)
    return Line(f"{variant}: outcomes, ours | twin's", shares, largest, f"<= {SHARES_DIFFER_AT_MOST}")


if __name__ == "__main__":
    told = PROGRAMS[sys.argv[1]](int(sys.argv[2]))
    print(json.dumps([told.speeds, told.outcomes]))
