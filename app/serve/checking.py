"""The scenario's runtime checks for the answers that a proxy holds. Nobody here knows expected answers."""

from __future__ import annotations

from threading import Lock

from app.engine.verdicts import Verdicts
from app.inputs.bounded import BoundedWorker
from app.safeguards.answer_check import AnswerCheck
from app.scenario.model import Scenario
from app.serve.relayed_calls import Checks


def checks_of(scenario: Scenario, worker: BoundedWorker) -> tuple[Lock, Checks]:
    """What tells which checks a text fails, and the lock under which the worker is used.

    Without a safeguard that asks for it nothing is checked. Raises UserError for a check that cannot be carried out.
    """
    lock = Lock()
    wanted = any(
        isinstance(safeguard, AnswerCheck) and safeguard.on
        for variant in scenario.variants.values()
        for safeguard in variant.safeguards
    )
    known = [check for check in scenario.checks if check.scores != "truth" and not check.prompts]
    verdicts = Verdicts(known if wanted else (), [""], worker)

    def failed(text: str) -> frozenset[str]:
        with lock:
            return verdicts.of([(0, text, {})])[0][1]

    return lock, failed
