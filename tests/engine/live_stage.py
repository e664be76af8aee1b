"""One live world and nothing around it: the first requests of a scenario, served by one variant against given endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from app.engine.attempt_plans import MICRO
from app.engine.desk import desk_for
from app.engine.draws import Draws
from app.engine.live import Arrival, LiveWorld
from app.engine.live_calls import LiveCalls
from app.engine.live_traffic import prompts_of
from app.engine.observations import Observe
from app.engine.plan import Plan
from app.engine.punctuality import Delays
from app.engine.questions import QuestionBook
from app.engine.spending import SpendingLedger
from app.engine.wire_faults import WireFaults
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs
from app.providers.endpoint import Endpoint

PLENTY = 10**18


class Stage:
    """A world, and the first `requests` that come to it."""

    def __init__(
        self,
        inputs: Inputs,
        worker: BoundedWorker,
        variant: str,
        requests: int,
        *,
        cap_pico: int = PLENTY,
    ) -> None:
        scenario = self.scenario = inputs.scenario
        draws = Draws(scenario.seed)
        book = QuestionBook(inputs, Draws(scenario.seed), worker)
        plan = Plan(scenario, draws, book, FaultSet(scenario.faults, draws, [True] * len(scenario.faults)))
        planned = plan.take(plan.horizon_us())[:requests]
        self.desk = desk_for(inputs, book, worker)
        self.faults = WireFaults(scenario, variant, Draws(scenario.seed))
        self.sends = Delays()
        self.spending = SpendingLedger(cap_pico)
        self._variant = variant
        prompts = prompts_of([each[2] for each in planned], self.desk)
        self._arrivals: list[Arrival] = list(zip(planned, prompts, strict=True))

    def world(
        self, endpoints: Mapping[str, Endpoint], transport: httpx.AsyncBaseTransport, observe: Observe
    ) -> LiveWorld:
        """The world, not yet at work."""
        calls = LiveCalls(
            self.scenario,
            endpoints,
            transport=transport,
            desk=self.desk,
            faults=self.faults,
            spending=self.spending,
        )
        return LiveWorld(self.scenario, self._variant, calls, observe, self.sends)

    async def play(self, world: LiveWorld) -> None:
        """Let the requests come, and serve them."""
        with ThreadPoolExecutor(1) as thread:
            async with asyncio.TaskGroup() as tasks:
                world.begin(tasks, asyncio.get_running_loop().time(), thread)
                world.expect(self._arrivals)
                last_us = self._arrivals[-1][0][1]
                world.close(last_us, round(self.scenario.drain_s * MICRO))
                await world.run()
