"""The virtual driver: all variants' worlds, side by side, on the same requests and failures.

What happens to all worlds at once (a fault's schedule, a change of settings) happens between two stretches of time: the
worlds are advanced up to just before it, one after the other, and go on from there. So a change at time T holds for
what arrives, or starts, at T or later, and the same changes at the same times give the same run to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from app.engine.agenda import Agenda
from app.engine.attempt_plans import MICRO, AttemptPlans
from app.engine.draws import BLOCK, Draws
from app.engine.events import Event
from app.engine.plan import Plan
from app.engine.questions import QuestionBook
from app.engine.users import ClosedLoop
from app.engine.watch import Watch
from app.engine.world import World
from app.faults.base import Fault
from app.faults.fault_set import FaultSet
from app.faults.schedule import FOREVER_US, Schedule, has_end
from app.providers.prompt_cache import KeptPrompts
from app.providers.simulated import SimulatedProvider
from app.safeguards import base
from app.safeguards.commands import Attempt
from app.safeguards.pipeline import Pipeline, Workshop
from app.safeguards.prompt_cache import PromptCacheLayer
from app.scenario.complaints import complaints_of
from app.scenario.edit import check_changeable, with_setting
from app.scenario.model import Change, Scenario
from app.scenario.rehearsal import rehearse_changes


class Simulation:
    """A run in virtual time. `now_us` is how far it is; `offered` counts the requests that have arrived: in a closed
    loop, where each variant has its own, those of the variant that was asked most.

    `names` gives the log's code of a text, `key_of(variant)` the key of a variant's request 0. Without a log
    (`logged` false) outcomes are counted and no rows are made. `provider` is what stands behind each target.
    """

    def __init__(
        self,
        scenario: Scenario,
        questions: QuestionBook,
        draws: Draws,
        names: Mapping[str, int],
        key_of: Callable[[int], int],
        *,
        logged: bool = True,
        provider: type[SimulatedProvider] = SimulatedProvider,
    ) -> None:
        self._provider = provider
        self.scenario = scenario
        self.questions = questions
        self.draws = draws
        self.now_us = -1
        self.offered = 0
        self.events: list[Event] = []
        self.arrived_us: list[int] = []
        rehearse_changes(scenario)
        self._planned_changes = sorted(scenario.changes, key=lambda change: change.at_s)
        self._names = names
        self._schedules = [Schedule(fault, draws, 0) for fault in scenario.faults]
        self._faults = self._fault_set()
        self._closed = scenario.traffic.arrivals == "closed"
        self._plan = Plan(scenario, draws, questions, self._faults)
        self._attempt_plans = self._make_attempt_plans()
        self._workshops = [Workshop() for _ in scenario.variants]
        self.worlds = [
            World(name, self._providers, names, key_of(index), logged=logged)
            for index, name in enumerate(scenario.variants)
        ]
        self._watch: Watch | None = None
        self._configure_worlds()
        for world in self.worlds if self._closed else ():
            own = Plan(scenario, draws, questions, self._faults)
            world.users = ClosedLoop(own, draws, scenario.traffic)
            world.users.begin(world.agenda, world.arrive)
        self._look(0)
        for fault, schedule in zip(scenario.faults, self._schedules, strict=True):
            if fault.on and schedule.on and has_end(fault):
                self._tell_edge(0, fault, begins=True)

    @property
    def last_arrival_us(self) -> int:
        """When arrivals end."""
        return round(self.scenario.duration_s * MICRO)

    @property
    def end_us(self) -> int:
        """When the run is over even if requests still wait."""
        return self.last_arrival_us + round(self.scenario.drain_s * MICRO)

    @property
    def done(self) -> bool:
        """Whether nothing is left to happen."""
        if self.now_us >= self.end_us:
            return True
        return self.now_us >= self.last_arrival_us and not any(world.in_flight for world in self.worlds)

    def horizon_us(self, most: int = BLOCK) -> int:
        """A good time to advance to next, with at most so many requests until then: the longer a world goes on before the
        other has its turn, the faster both are."""
        if self.now_us >= self.last_arrival_us:
            return min(self.now_us + MICRO, self.end_us)
        near_us = self.now_us + MICRO if self._closed else self._plan.horizon_us(most)
        return min(near_us, self.last_arrival_us)

    def next_us(self) -> int:
        """When the next thing happens by itself, arrivals aside."""
        by_agenda = [world.agenda.next_us() for world in self.worlds]
        return min([self._next_cut(), *(time_us for time_us in by_agenda if time_us is not None)])

    def advance(self, until_us: int) -> None:
        """Let everything happen up to `until_us`, included."""
        while True:
            # A change on the way may bring the end nearer.
            until_us = min(until_us, self.end_us)
            cut_us = self._next_cut()
            if cut_us > until_us:
                break
            if cut_us - 1 > self.now_us:
                self._advance_worlds(cut_us - 1)
            self._pass_cut(cut_us)
        if until_us > self.now_us:
            self._advance_worlds(until_us)

    def change(self, path: str, value: Any, label: str = "") -> Event:
        """Flip a switch now: it holds for what comes after `now_us`. Raises UserError if it cannot be."""
        check_changeable(path)
        changed = with_setting(self.scenario, path, value)
        at_us = self.now_us + 1
        self._pass_edges(at_us)
        event = Event(at_us, "change", label or f"{path} = {value}", {"set": path, "value": value})
        self._apply(changed, at_us)
        self.events.append(event)
        return event

    def finish(self) -> None:
        """Whoever still waits has no answer."""
        for world in self.worlds:
            world.end()

    # -- time ------------------------------------------------------------------------------------------------------

    def _advance_worlds(self, until_us: int) -> None:
        arrivals = [] if self._closed else self._plan.take(until_us)
        self.offered += len(arrivals)
        self.arrived_us += map(itemgetter(1), arrivals)
        for world in self.worlds:
            world.advance(arrivals, until_us)
            if world.users is not None:
                self.offered = max(self.offered, world.users.offered)
        self.now_us = until_us
        if self._watch is not None:
            self.events += self._watch.pass_time(until_us)

    def _next_cut(self) -> int:
        """When the next thing happens to all worlds."""
        edges = [schedule.next_us for schedule in self._schedules]
        if self._planned_changes:
            edges.append(round(self._planned_changes[0].at_s * MICRO))
        return max(min(edges, default=FOREVER_US), self.now_us + 1)

    def _pass_cut(self, cut_us: int) -> None:
        self._pass_edges(cut_us)
        while self._planned_changes and round(self._planned_changes[0].at_s * MICRO) <= cut_us:
            self._flip(self._planned_changes.pop(0), cut_us)

    def _pass_edges(self, cut_us: int) -> None:
        """Begin and end what the faults' schedules have for this time."""
        edges = False
        for index, schedule in enumerate(self._schedules):
            while schedule.next_us <= cut_us:
                schedule.step()
                edges = True
                fault = self.scenario.faults[index]
                if fault.on and has_end(fault):
                    self._tell_edge(cut_us, fault, begins=schedule.on)
        if edges:
            self._faults.scheduled = [schedule.on for schedule in self._schedules]
            self._set_clocks(cut_us)
            for world in self.worlds:
                world.strike(self._faults)

    def _flip(self, change: Change, at_us: int) -> None:
        where = f"changes, at {change.at_s:g} s"
        check_changeable(change.set)
        self._apply(with_setting(self.scenario, change.set, change.value, where=where), at_us)
        label = change.label or f"{change.set} = {change.value}"
        self.events.append(Event(at_us, "change", label, {"set": change.set, "value": change.value}))

    def _tell_edge(self, at_us: int, fault: Fault, *, begins: bool) -> None:
        kind = "incident_begin" if begins else "incident_end"
        self.events.append(
            Event(at_us, kind, fault.label or fault.id, {"fault": fault.id, "kind": fault.kind})
        )

    # -- settings --------------------------------------------------------------------------------------------------

    def _apply(self, scenario: Scenario, at_us: int) -> None:
        """Go on with other settings from `at_us` on."""
        before, self.scenario = self.scenario, scenario
        self._set_clocks(at_us)
        if scenario.faults != before.faults:
            self._schedules = [Schedule(fault, self.draws, at_us) for fault in scenario.faults]
        if scenario.targets != before.targets:
            self.questions.configure(scenario)
        self.questions.treat(scenario)
        self._faults = self._fault_set()
        self._attempt_plans = self._make_attempt_plans()
        self._configure_worlds()
        self._look(at_us)
        self._plan.change(scenario, self._faults, at_us)
        for world in self.worlds:
            if world.users is not None:
                world.users.plan.change(scenario, self._faults, at_us)
                world.users.change(scenario.traffic)

    def _look(self, at_us: int) -> None:
        """Watch the variants by the settings; once it is asked for, there is a watch to the end of the run."""
        if self._watch is None:
            complaints = complaints_of(self.scenario)
            if complaints is None:
                return
            self._watch = Watch(self.scenario, complaints, self.draws, at_us)
            for world, sights in zip(self.worlds, self._watch.sights, strict=True):
                world.sights = sights
        self.events += self._watch.configure(self.scenario, at_us)

    def _set_clocks(self, now_us: int) -> None:
        for world in self.worlds:
            world.clock.now = now_us

    def _fault_set(self) -> FaultSet:
        return FaultSet(self.scenario.faults, self.draws, [schedule.on for schedule in self._schedules])

    def _make_attempt_plans(self) -> list[AttemptPlans]:
        trace = self.questions.trace
        recorded = None if trace is None else trace.output_tokens
        return [
            AttemptPlans(
                name,
                target,
                self.scenario.tokens,
                self._faults,
                self.draws,
                primary=index == 0,
                recorded=recorded,
            )
            for index, (name, target) in enumerate(self.scenario.targets.items())
        ]

    def _providers(self, agenda: Agenda, over: Callable[[Attempt], None]) -> list[SimulatedProvider]:
        return [
            self._provider(index, target, target.tariff(), plans, agenda, over)
            for index, (target, plans) in enumerate(
                zip(self.scenario.targets.values(), self._attempt_plans, strict=True)
            )
        ]

    def _configure_worlds(self) -> None:
        scenario = self.scenario
        targets = tuple(scenario.targets.values())
        tariffs = tuple(target.tariff() for target in targets)
        surroundings = base.World(
            tuple(scenario.targets),
            tuple(target.model for target in targets),
            tariffs,
            self.draws,
            tuple(target.limits() for target in targets),
        )
        for world, workshop, variant in zip(
            self.worlds, self._workshops, scenario.variants.values(), strict=True
        ):
            world.pipeline = workshop.build(variant.safeguards, surroundings)
            world.patience_us = round(scenario.patience_s * MICRO)
            for provider, target, tariff, plans in zip(
                world.providers, targets, tariffs, self._attempt_plans, strict=True
            ):
                provider.configure(target, tariff, plans)
                self._keep_prompts(provider, world.pipeline)
            world.strike(self._faults)

    def _keep_prompts(self, provider: SimulatedProvider, pipeline: Pipeline) -> None:
        """Have the provider keep the beginnings of prompts, if the variant asks it to."""
        asked = next((layer for layer in pipeline.layers if isinstance(layer, PromptCacheLayer)), None)
        if asked is None:
            provider.kept_prompts = None
        elif provider.kept_prompts is None:
            provider.kept_prompts = KeptPrompts(asked.settings, self.questions.prefix_tokens)
        else:
            provider.kept_prompts.configure(asked.settings, self.questions.prefix_tokens)
