"""The simulated provider by the wall clock: the same world as in a run, into which calls come from outside.

It is a simulation of one variant without safeguards and without traffic of its own. Time is told it as it passes; a call is
entered as a request, and its attempt says how the provider gets on with it. Everything happens in one thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from app.engine.attempt_plans import MICRO
from app.engine.draws import Draws
from app.engine.events import Event
from app.engine.questions import QuestionBook
from app.engine.simulation import Simulation
from app.errors import UserError
from app.faults.base import AttemptFault
from app.inputs.preparation import Inputs
from app.inputs.tokens import estimate_tokens
from app.providers.quota import Quota
from app.providers.simulated import SimulatedProvider
from app.providers.states import OVER
from app.safeguards.commands import Attempt
from app.safeguards.errors import CANCELLED, RUN_ENDED
from app.scenario.files import ScenarioFile
from app.scenario.model import Variant
from app.serve.dialect import Asked, Limits, Meter
from app.serve.recognition import Recognizer
from app.serve.recorder import Recorder
from app.traffic.settings import Traffic

_LONGEST_S = 31_536_000
"""A year, which is as long as a scenario may be."""
_CHANGEABLE = ("targets", "faults", "tokens")
_MAX_SLEEP_S = 3_600.0


def served(file: ScenarioFile) -> ScenarioFile:
    """The scenario as it is served: its targets and faults with their schedules, and nobody who calls them.

    The schedules, and those planned changes that concern targets, faults and tokens, count from the start.
    """
    scenario = file.scenario
    changes = tuple(each for each in scenario.changes if each.set.split(".")[0] in _CHANGEABLE)
    faults = tuple(fault.model_copy(update={"variants": []}) for fault in scenario.faults)
    update: dict[str, Any] = {
        "duration_s": _LONGEST_S,
        "traffic": Traffic(rate_per_s=0),
        "faults": faults,
        "variants": {"client": Variant(title="Your app")},
        "complaints": None,
        "changes": changes,
        "acts": (),
    }
    return replace(file, scenario=scenario.model_copy(update=update))


@dataclass(frozen=True)
class Call:
    """A call at the provider. `limit` names the limit that turned it away, if one did."""

    attempt: Attempt
    provider: SimulatedProvider
    number: int
    model: str
    tokens: int
    """What it reserves: its prompt, and the most that it may be answered."""
    limit: str


class Sandbox:
    """The provider at work; `run` passes the time until `close`. Times are microseconds since it was made."""

    transparent = False

    def __init__(
        self,
        inputs: Inputs,
        questions: QuestionBook,
        draws: Draws,
        happened: Callable[[Event], None],
        recorder: Recorder | None = None,
    ) -> None:
        """`happened` is told what the schedules begin and end, and each change; `recorder` keeps what is called, if anybody.

        Raises UserError for a planned change that cannot be made.
        """
        names, key_base = ({}, 0) if recorder is None else (recorder.names, recorder.key_base)
        logged = recorder is not None
        self._simulation = Simulation(
            inputs.scenario, questions, draws, names, lambda _: key_base, logged=logged
        )
        self._questions = questions
        self._recorder = recorder
        (self._world,) = self._simulation.worlds
        self._recognizer = Recognizer(inputs, questions, draws)
        self._happened = happened
        self._began_s = time.monotonic()
        self._count = 0
        self._sooner = asyncio.Event()
        self._moved = asyncio.Event()
        self.closed = asyncio.Event()

    @property
    def now_us(self) -> int:
        """The time."""
        return int((time.monotonic() - self._began_s) * MICRO)

    @property
    def models(self) -> list[str]:
        """The models that can be asked for: each target's, or its own name where it names none."""
        targets = self._simulation.scenario.targets
        return list(dict.fromkeys(target.model or name for name, target in targets.items()))

    async def run(self) -> None:
        """Pass the time."""
        while not self.closed.is_set():
            self._advance()
            self._sooner.clear()
            wait_s = (self._simulation.next_us() - self.now_us) / MICRO
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait_s, 0), _MAX_SLEEP_S)):
                    await self._sooner.wait()

    def collect(self) -> int:
        """Hand over to the recorder what has happened up to now, and tell up to when (µs) that is."""
        self._advance()
        world, recorder = self._world, self._recorder
        if recorder is not None:
            recorder.add(world.request_rows, world.attempt_rows)
            recorder.data_rows(self._questions.take_new_rows())
        world.request_rows.clear()
        world.attempt_rows.clear()
        return max(self._simulation.now_us, 0)

    async def until(self, due_us: int) -> None:
        """Wait until `due_us`, or until anything has happened at the provider."""
        moved = self._moved
        with suppress(TimeoutError):
            async with asyncio.timeout(min((due_us - self.now_us) / MICRO, _MAX_SLEEP_S)):
                await moved.wait()

    def call(self, asked: Asked) -> Call:
        """A call arrives, now.

        It goes to the target with the model's name, or that is called so; any other model's to the first target.
        """
        self._advance()
        number, self._count = self._count, self._count + 1
        index = self._target_of(asked.model)
        provider = self._world.providers[index]
        max_tokens = asked.max_tokens or self._simulation.scenario.tokens.max_tokens
        input_tokens = max(1, sum(estimate_tokens(text) for text in asked.texts))
        question: Any = self._recognizer.question(asked.texts)
        now = self._simulation.now_us
        self._world.arrive((number, now, question, number, input_tokens, max_tokens, 0), index)
        (attempt,) = self._world.in_flight[number].attempts
        if self._recorder is not None:
            self._recorder.offered(now)
        if self.closed.is_set():
            provider.abandon(attempt, RUN_ENDED)
        rpm = None if provider.quotas is None else provider.quotas.rpm
        limit = "requests" if rpm is not None and rpm.left(now) < 1 else "tokens"
        self._sooner.set()
        return Call(attempt, provider, number, asked.model, input_tokens + max_tokens, limit)

    def leave(self, call: Call) -> None:
        """The client has hung up; if the call is over by then, nothing happens."""
        self._advance()
        if call.attempt.state != OVER:
            call.provider.abandon(call.attempt, CANCELLED)
            self._tell()

    def faults_of(self, call: Call) -> list[AttemptFault]:
        """The faults that struck a call, in the scenario's order."""
        return call.provider.faults.struck(call.attempt)

    def limits(self, call: Call) -> Limits:
        """How the limits of a call's target stand now."""
        quotas, target, now = call.provider.quotas, call.provider.target, self._simulation.now_us
        if quotas is None:
            return Limits(None, None)
        return Limits(_meter(quotas.rpm, target.rpm, now), _meter(quotas.tpm, target.tpm, now))

    def change(self, path: str, value: Any) -> Event:
        """Flip a switch, for calls that begin from now on. Raises UserError if it cannot be."""
        if path.split(".", maxsplit=1)[0] not in _CHANGEABLE:
            raise UserError(
                f"'{path}' cannot be changed here",
                do=f"What can: {', '.join(_CHANGEABLE)}, such as faults.outage.on.",
            )
        self._advance()
        event = self._simulation.change(path, value)
        self._sooner.set()
        return event

    def close(self) -> None:
        """Nobody gets an answer any more."""
        self.closed.set()
        self._simulation.finish()
        self._sooner.set()
        self._tell()

    def _advance(self) -> None:
        """Let everything happen up to now."""
        if self.closed.is_set():
            return
        self._simulation.advance(self.now_us)
        for event in self._simulation.events:
            self._happened(event)
            if self._recorder is not None:
                self._recorder.happened(event)
        self._simulation.events.clear()
        struck = self._world.take_faults()
        if self._recorder is not None:
            self._recorder.faults(struck)
        self._tell()

    def _tell(self) -> None:
        """Let everybody see how it stands."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _target_of(self, model: str) -> int:
        targets = self._simulation.scenario.targets
        return next((at for at, (name, each) in enumerate(targets.items()) if model in (name, each.model)), 0)


def _meter(quota: Quota | None, per_minute: float | None, now: int) -> Meter | None:
    if quota is None or per_minute is None:
        return None
    return Meter(per_minute, quota.left(now), quota.full_in_us(now))
