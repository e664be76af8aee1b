"""One variant's world under the virtual driver: its requests in flight, its targets, its agenda.

Worlds share nothing but what is the same for all: arrivals, questions, draws. A world is advanced to a virtual time, as
fast as the machine goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop

from app.engine.agenda import Agenda
from app.engine.rows import RowMaker, outcome_of
from app.engine.users import ClosedLoop
from app.engine.watch import Sight, sight_of
from app.faults.base import Fault
from app.faults.fault_set import FaultSet
from app.providers.simulated import SimulatedProvider
from app.providers.states import OVER
from app.safeguards.commands import (
    FOREVER_US,
    Attempt,
    Cancel,
    Command,
    Flight,
    Outcome,
    Resolve,
    Result,
    Sleep,
    Spawn,
    WaitAny,
)
from app.safeguards.errors import CANCELLED, RUN_ENDED
from app.safeguards.lifecycle import Clock, Said, Step, inwards, lifecycle, outwards
from app.safeguards.pipeline import Pipeline, place_of
from app.safeguards.request import Branch, PlannedRequest, Request
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.vocabulary import OUTCOMES

MakeProviders = Callable[[Agenda, Callable[[Attempt], None]], list[SimulatedProvider]]


class Waiter:
    """A request that waits for a flight, or for its own patience to end."""

    __slots__ = ("done", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.done = False


class World:
    """One variant at work.

    `names` gives the code of a text in the log; `key_base` is the key of the variant's request 0. Finished requests and
    attempts gather as rows (`app.sessions.flat_rows`) until somebody collects them; without a log
    they are only counted in `outcomes`.
    """

    def __init__(
        self,
        name: str,
        make_providers: MakeProviders,
        names: Mapping[str, int],
        key_base: int,
        *,
        logged: bool = True,
    ) -> None:
        self.name = name
        self.clock = Clock()
        self.agenda = Agenda(self.clock)
        self.providers = make_providers(self.agenda, self._attempt_over)
        self.names = names
        self._rows = RowMaker(key_base, names, self._fault_name)
        self.pipeline: Pipeline
        self.patience_us = 0
        self.logged = logged
        self.outcomes = [0] * len(OUTCOMES)
        self.request_rows = request_rows()
        self.attempt_rows = attempt_rows()
        self.sights: list[Sight] | None = None
        """Where somebody watches: the requests that ended, until they are taken away."""
        self.in_flight: dict[int, Request] = {}
        self.users: ClosedLoop | None = None
        """Who asks, in a closed loop; else arrivals come from outside."""
        self._mess_log: list[tuple[int, str]] = []
        self._fault_names: dict[int, int] = {0: 0}
        self._faults: FaultSet | None = None

    def take_faults(self) -> list[tuple[int, str]]:
        """Time (µs) and kind of every fault that struck since the last call."""
        struck: list[tuple[int, str]] = []
        for provider in self.providers:
            struck += provider.faults.log
            provider.faults.log.clear()
        struck += self._mess_log
        self._mess_log.clear()
        return struck

    def strike(self, faults: FaultSet) -> None:
        """Take on the faults that are on now."""
        self._faults = faults
        self._fault_names = {0: 0}
        for provider in self.providers:
            provider.strike(faults, self.name)

    def advance(self, arrivals: Sequence[PlannedRequest], until_us: int) -> None:
        """Let everything happen up to `until_us`, included; `arrivals` are the requests that arrive by then."""
        clock = self.clock
        heap = self.agenda.heap
        arrive = self.arrive
        for planned in arrivals:
            intended_us = planned[1]
            while heap and heap[0][0] <= intended_us:
                clock.now, _, call, argument = heappop(heap)
                call(argument)
            clock.now = intended_us
            arrive(planned)
        while heap and heap[0][0] <= until_us:
            clock.now, _, call, argument = heappop(heap)
            call(argument)
        clock.now = until_us

    def arrive(self, planned: PlannedRequest, target: int = 0) -> None:
        """A request arrives, now; its first attempt goes to the target with this index."""
        pipeline = self.pipeline
        request = Request().begun(planned, target)
        request.pipeline = pipeline
        request.memo = pipeline.blank.copy()
        self.in_flight[request.number] = request
        now = request.intended_us
        if request.hits:
            self._note_mess(request)
        step = inwards(request, pipeline, 0, now, request.question.unaskable)
        if type(step) is Attempt:
            self.providers[target].begin(step)
            return
        assert type(step) is tuple
        slot, turned = step
        if type(turned) is not Result:
            self._live(request, step=step)
        elif (said := outwards(request, pipeline, slot, turned, now)) is None:
            self._finish(request, turned)
        else:
            self._live(request, left=(turned, said))

    def _note_mess(self, request: Request) -> None:
        self._mess_log += [(request.intended_us, fault.kind) for fault in self._chosen(request.hits)]

    def end(self) -> None:
        """The run is over: whoever still waits has no answer."""
        for request in list(self.in_flight.values()):
            if request.life is not None:
                request.life.close()
            for attempt in request.attempts:
                if attempt.state != OVER:
                    provider = self.providers[attempt.target]
                    provider.over = self._log_attempt
                    provider.abandon(attempt, RUN_ENDED)
                    provider.over = self._attempt_over
            self._finish(request, Result.failure(RUN_ENDED))
        self.agenda.heap.clear()

    # -- lifecycles ------------------------------------------------------------------------------------------------

    def _live(
        self, request: Request, *, step: Step | None = None, left: tuple[Result, Said] | None = None
    ) -> None:
        """From here on a lifecycle of its own decides, because a layer has spoken on its way in or out."""
        request.life = lifecycle(
            request, request.pipeline, self.clock, request.question.unaskable, step=step, left=left
        )
        self._resume(request, None)

    def _resume(self, request: Request, outcome: Outcome) -> None:
        """Send a lifecycle what it waited for, and carry out its commands until it waits again."""
        life = request.life
        assert life is not None
        try:
            while True:
                command = life.send(outcome)
                if type(command) is Attempt:
                    self.providers[command.target].begin(command)
                    return
                if type(command) is Resolve:
                    self._resolve(command.flights)
                    outcome = None
                elif type(command) is Sleep:
                    self.agenda.at(command.until_us, self._wake, request)
                    return
                elif type(command) is Spawn:
                    self.agenda.at(self.clock.now, self._wake, command.branch)
                    outcome = None
                elif type(command) is Cancel:
                    self.agenda.at(self.clock.now, self._cancel, command.branch)
                    outcome = None
                else:
                    self._wait(request, command)
                    return
        except StopIteration as stop:
            self._finish(request, stop.value)

    def _wake(self, request: Request) -> None:
        if not request.ended:
            self._resume(request, None)

    def _cancel(self, branch: Branch) -> None:
        """Have it leave off, whatever it waits for."""
        if branch.ended:
            return
        branch.cancelled = True
        for attempt in branch.attempts:
            if attempt.request is branch and attempt.state != OVER:
                self.providers[attempt.target].abandon(attempt, CANCELLED)
                return
        self._resume(branch, None)

    def _wait(self, request: Request, command: Command) -> None:
        assert isinstance(command, WaitAny)
        waiter = Waiter(request)
        for flight in command.flights:
            flight.waiting.append(waiter)
        if command.until_us < FOREVER_US:
            self.agenda.at(command.until_us, self._out_of_patience, waiter)

    def _out_of_patience(self, waiter: Waiter) -> None:
        if not waiter.done and not waiter.request.ended:
            waiter.done = True
            self._resume(waiter.request, None)

    def _resolve(self, flights: Sequence[Flight]) -> None:
        """Whoever waits for one of the flights goes on at once, in the order in which they came."""
        for flight in flights:
            for waiter in flight.waiting:
                assert isinstance(waiter, Waiter)
                if not waiter.done:
                    waiter.done = True
                    self.agenda.at(self.clock.now, self._landed, (waiter.request, flight))

    def _landed(self, landing: tuple[Request, Flight]) -> None:
        if not landing[0].ended:
            self._resume(*landing)

    # -- rows ------------------------------------------------------------------------------------------------------

    def _attempt_over(self, attempt: Attempt) -> None:
        if self.logged:
            self.attempt_rows.add(self._rows.attempt(attempt))
        request = attempt.request
        if request.life is not None:
            self._resume(request, attempt)
            return
        # What `outwards` does, without another call: nearly all requests come by here.
        pipeline = request.pipeline
        now = self.clock.now
        for hook in pipeline.answered[-1] if attempt.error is None else pipeline.failed[-1]:
            verdict = hook(request, attempt, now)
            if verdict is not None:
                self._live(request, left=(attempt, (place_of(hook), verdict)))
                return
        self._finish(request, attempt)

    def _log_attempt(self, attempt: Attempt) -> None:
        if self.logged:
            self.attempt_rows.add(self._rows.attempt(attempt))

    def _finish(self, request: Request, result: Result) -> None:
        """The customer has got what there is, or a branch has ended."""
        if type(request) is Branch:
            request.flight.result = result
            self._resolve((request.flight,))
            return
        del self.in_flight[request.number]
        now = self.clock.now
        outcome = outcome_of(result, now - request.intended_us, self.patience_us)
        self.outcomes[outcome] += 1
        if self.sights is not None:
            self.sights.append(sight_of(request, result, outcome, now))
        if self.logged:
            self.request_rows.add(self._rows.request(request, result, outcome, now))
        # Attempts know their request: letting go of them here frees both at once, without the garbage collector.
        request.attempts = ()
        if self.users is not None:
            self.users.answered(request.number)

    def _chosen(self, bits: int) -> list[Fault]:
        assert self._faults is not None
        return self._faults.chosen(bits)

    def _fault_name(self, bits: int) -> int:
        """The log's code of the ids of a set of faults."""
        found = self._fault_names.get(bits)
        if found is None:
            found = self._fault_names[bits] = self.names[",".join(fault.id for fault in self._chosen(bits))]
        return found
