"""What is looked up before real calls are confirmed: hosts, keys and the estimate. Off the GUI thread; nothing is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.analysis.estimate import Estimate, estimate
from app.engine.real_calls import check_real
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.providers.endpoint import Endpoint
from app.providers.keys import KeyEntry, Keys
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from widgets.background import Job
from widgets.inputs.own_inputs import OwnInputs
from widgets.latest_job import Work


@dataclass(frozen=True)
class Host:
    """An origin that calls go to: the models asked for there, and the key that goes with them, if there is one."""

    origin: str
    models: tuple[str, ...]
    key: KeyEntry | None


@dataclass(frozen=True)
class Prepared:
    """All that the question before the first call says."""

    hosts: tuple[Host, ...]
    estimate: Estimate
    duration_s: float
    """How long requests arrive for each variant, in real time."""
    store_problem: str
    """Why a key that is added cannot be stored; empty where it can."""


def preparing(text: str, path: Path, inputs: OwnInputs, keys: Keys) -> Work:
    """Work that finds it out for a scenario's `text`. It raises UserError where these calls cannot be made."""

    def work(job: Job) -> Prepared:
        file = parse_scenario(text, path)
        with BoundedWorker() as worker:
            found = prepare_inputs(
                file, worker, prompts=inputs.prompts, data=inputs.data, columns=dict(inputs.columns)
            )
            job.check()
            check_real(found.scenario)
            cost = estimate(found, worker)
        hosts = hosts_of(found.scenario, keys.entries())
        return Prepared(hosts, cost, found.scenario.duration_s, keys.store_problem)

    return work


def hosts_of(scenario: Scenario, entries: list[KeyEntry]) -> tuple[Host, ...]:
    """The origins of the targets' endpoints, in the order of the targets."""
    models: dict[str, dict[str, None]] = {}
    for target in scenario.targets.values():
        if target.endpoint is not None:
            endpoint = Endpoint(target.endpoint.base_url, target.model, None, target.endpoint.api)
            models.setdefault(endpoint.origin, {})[target.model] = None
    used = {entry.origin: entry for entry in entries if entry.used}
    return tuple(Host(origin, tuple(names), used.get(origin)) for origin, names in models.items())
