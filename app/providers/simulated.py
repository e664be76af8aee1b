"""The simulated provider: one target of one variant's world, as a queue with `slots` servers, limits and faults.

First in, first out. A call ends with its answer, with an error, or with its client giving up; each has one timed event,
and a second one only if it has to queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappush
from typing import Protocol

from app.engine.agenda import Agenda
from app.engine.attempt_plans import INDEX, MICRO, SHIFT, AttemptPlan, AttemptPlans
from app.faults.base import AttemptFault
from app.faults.fault_set import FaultSet
from app.providers.call_faults import CallFaults
from app.providers.course import Course, spoken, too_quiet_us
from app.providers.effects import altered, dearer
from app.providers.prices import Tariff
from app.providers.profile import Target
from app.providers.prompt_cache import KeptPrompts
from app.providers.quota import Quotas
from app.providers.standstill import Standstill
from app.providers.states import FROZEN, HANGING, HELD, OVER, QUEUED, REPLYING, SERVING
from app.safeguards.commands import FOREVER_US, Answer, Attempt
from app.safeguards.errors import (
    CONTEXT_LENGTH,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    RUN_ENDED,
    SERVER_ERROR,
    TIMEOUT,
    CallError,
)
from app.scenario.numbers import LEAST_BETWEEN_S
from app.sessions.vocabulary import SERVED_BY

_CRAWLING = 1 / LEAST_BETWEEN_S
"""Where fewer tokens come in a second, a client may not wait for the next one."""
_PRIMARY, _FALLBACK = SERVED_BY.index("primary"), SERVED_BY.index("fallback")


class Question(Protocol):
    """What the provider must know of a request's question."""

    prompt: int
    qualities: list[float]
    answers: dict[str, Answer]
    """The answers that are known already, by kind."""

    def answer(self, kind: str) -> Answer:
        """The answer of this kind (right, wrong, truncated, ...) to the question."""
        ...

    def has(self, fault: AttemptFault) -> bool:
        """Whether the fault's rule about rows and prompts speaks of this question."""
        ...


Over = Callable[[Attempt], None]


class SimulatedProvider:
    """One target at work. `over(attempt)` is called when the client knows how its call ended."""

    # With more than 30 attributes an object without slots is found slowly, methods and all.
    __slots__ = (
        "_due",
        "_firsts",
        "_heap",
        "_kept_prompts",
        "_numbers",
        "_plain",
        "agenda",
        "clock",
        "context_tokens",
        "faults",
        "finishes",
        "in_service",
        "index",
        "over",
        "plans",
        "queue",
        "quotas",
        "rejected_count",
        "reply_us",
        "served_by",
        "slots",
        "slots_left",
        "slowdown",
        "standstill",
        "target",
        "tariff",
    )

    def __init__(
        self, index: int, target: Target, tariff: Tariff, plans: AttemptPlans, agenda: Agenda, over: Over
    ) -> None:
        self.index = index
        self.tariff = tariff
        self.plans = plans
        self.agenda = agenda
        self.clock = agenda.clock
        self._heap = agenda.heap
        self._numbers = agenda.numbers
        self._due = self.due  # bound once, and not for every call
        self.over = over
        self.served_by = _PRIMARY if index == 0 else _FALLBACK
        self.faults = CallFaults(plans.name, plans.draws)
        self.in_service = 0
        self.queue: deque[Attempt] = deque()
        self.standstill: Standstill | None = None
        self.slots_left = 1.0
        """The share of its slots that faults leave it."""
        self.quotas: Quotas | None = None
        """None where there is no limit."""
        self._kept_prompts: KeptPrompts | None = None
        self.configure(target, tariff, plans)

    def configure(self, target: Target, tariff: Tariff, plans: AttemptPlans) -> None:
        """Take on changed settings, for calls that start from now on."""
        now = self.clock.now
        self.target = target
        self.tariff = tariff
        self.plans = plans
        self._firsts = plans.firsts
        self.slots = _slots(target, self.slots_left)
        self.slowdown = target.slowdown
        self.context_tokens = target.context_tokens
        self.finishes = target.on_cancel == "finish"
        self.reply_us = round(target.limit_reply_s * MICRO)
        self.rejected_count = target.rejected_use_quota
        limits = target.limits()
        self.quotas = Quotas(limits, now, self.quotas) if limits.any else None
        self._note_plainness()
        self.serve_waiting()

    def strike(self, faults: FaultSet, variant: str) -> None:
        """Take on the faults that are on now."""
        self.faults.change(faults, variant)
        slots_left = faults.slots_left(variant, self.plans.name)
        if slots_left != self.slots_left:
            self.slots_left = slots_left
            self.slots = _slots(self.target, slots_left)
            self.serve_waiting()
        self._stand(faults.standstill(variant, self.plans.name))

    def _stand(self, kind: str | None) -> None:
        """Stand still in this way, or no longer."""
        standstill = self.standstill
        if kind is None:
            self.standstill = None
            if standstill is not None:
                standstill.end()
        elif standstill is None:
            self.standstill = Standstill(self, kind)
        else:
            standstill.turn(kind)
        self._note_plainness()

    @property
    def kept_prompts(self) -> KeptPrompts | None:
        """What it keeps of prompts, if the variant has it do so."""
        return self._kept_prompts

    @kept_prompts.setter
    def kept_prompts(self, kept: KeptPrompts | None) -> None:
        self._kept_prompts = kept
        self._note_plainness()

    def _note_plainness(self) -> None:
        """Find out whether there is more to a call that no fault strikes than its plan, quotas and a free slot."""
        target, quotas = self.target, self.quotas
        self._plain = (
            not target.slowdown
            and (target.service != "tokens" or target.tokens_per_s >= _CRAWLING)
            and (quotas is None or quotas.max_concurrency is None)
            and self.standstill is None
            and self._kept_prompts is None
        )

    # -- a call begins ---------------------------------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> None:
        """A call arrives."""
        now = attempt.started_us
        request = attempt.request
        number = request.number
        block = None if attempt.retry or request.hedge else self._firsts.get(number >> SHIFT)
        index = number & INDEX
        plan = self.plans.plan(attempt.retry, request.hedge, number) if block is None else block[index]
        first_us, service_us, output, _, hits = plan
        max_tokens = request.max_tokens
        if output > max_tokens:
            plan = _brief(plan, max_tokens)
            first_us, service_us, *_ = plan
        attempt.plan = plan
        attempt.tariff = self.tariff
        attempt.input_tokens = input_tokens = request.input_tokens
        hits &= self.faults.active
        plain = self._plain
        if hits:
            if self._struck(attempt, hits, now):
                return
            plain = False
        units = input_tokens + max_tokens
        if units > self.context_tokens:
            self._reply(attempt, CONTEXT_LENGTH, self.reply_us, None, now)
            return
        quotas = self.quotas
        if quotas is not None:
            if not plain and self._too_many(quotas):
                self._reply(attempt, RATE_LIMITED, self.reply_us, None, now)
                return
            wait_us = quotas.take(units, now, self.rejected_count)
            if wait_us != 0:
                error = REQUEST_TOO_LARGE if wait_us is None else RATE_LIMITED
                self._reply(attempt, error, self.reply_us, wait_us, now)
                return
            if quotas.tpm is not None:
                attempt.reserved_tokens = units
        if plain and self.in_service < self.slots:
            # Nearly all calls: what `_serve` and `work` come to for them.
            self.in_service += 1
            attempt.state = SERVING
            attempt.first_us = first_us = now + first_us
            attempt.done_us = due_us = now + service_us
            if first_us > attempt.first_by_us:
                due_us = attempt.first_by_us
            if due_us > attempt.until_us:
                due_us = attempt.until_us
            attempt.due_us = due_us
            heappush(self._heap, (due_us, next(self._numbers), self._due, attempt))
        elif self.standstill is not None:
            self._wait_out(self.standstill, attempt)
        elif self.in_service >= self.slots:
            self._enqueue(attempt)
        else:
            self._serve(attempt, now)

    def _struck(self, attempt: Attempt, hits: int, now: int) -> bool:
        """Let the faults in `hits` do their work; true when the call is thereby decided."""
        injection = self.faults.strike(attempt, hits, now)
        if injection.error is not None:
            error, after_us = injection.error, injection.error_after_us
            if injection.connecting and after_us > attempt.bounds.connect_us:
                error, after_us = TIMEOUT, attempt.bounds.connect_us
            self._reply(attempt, error, after_us, injection.retry_after_us, now)
            return True
        if injection.hang:
            attempt.state = HANGING
            self._wait_for_client(attempt)
            return True
        attempt.spoiled = injection.answer
        attempt.plan = altered(
            attempt.plan,
            injection,
            input_tokens=attempt.input_tokens,
            max_tokens=attempt.request.max_tokens,
            now=now,
            load=(self.in_service + len(self.queue)) / self.slots,
        )
        if injection.price_factor != 1:
            attempt.tariff = dearer(self.tariff, injection.price_factor)
        if injection.cold and self._kept_prompts is not None:
            self._kept_prompts.forget(attempt.request.question.prompt)
        if injection.interruption is not None:
            attempt.course = Course(injection.interruption)
        return False

    def _reply(
        self, attempt: Attempt, error: CallError, after_us: int, retry_after_us: int | None, now: int
    ) -> None:
        """Answer with an error after a while, if the client waits that long."""
        attempt.state = REPLYING
        attempt.done_us = now + after_us
        attempt.reply = error
        attempt.retry_after_us = retry_after_us
        due_us = attempt.done_us
        if due_us > attempt.first_by_us:
            due_us = attempt.first_by_us
        if due_us > attempt.until_us:
            due_us = attempt.until_us
        self.due_at(attempt, due_us)

    # -- waiting and serving ---------------------------------------------------------------------------------------

    def _enqueue(self, attempt: Attempt) -> None:
        attempt.state = QUEUED
        self.queue.append(attempt)
        self._wait_for_client(attempt)

    def _too_many(self, quotas: Quotas) -> bool:
        """Whether there are as many calls by now, worked on or waiting, as are allowed at once."""
        if quotas.max_concurrency is None:
            return False
        held = () if self.standstill is None else self.standstill.held
        waiting = sum(each.state in (QUEUED, HELD) for each in (*self.queue, *held))
        return self.in_service + waiting >= quotas.max_concurrency

    def _wait_out(self, standstill: Standstill, attempt: Attempt) -> None:
        if standstill.freezes:
            self._enqueue(attempt)
        else:
            standstill.hold(attempt)
            self._wait_for_client(attempt)

    def _wait_for_client(self, attempt: Attempt) -> None:
        """Nothing will happen to the call before its client gives up."""
        attempt.done_us = FOREVER_US
        self.due_at(attempt, min(attempt.first_by_us, attempt.until_us))

    def due_at(self, attempt: Attempt, due_us: int) -> None:
        """Have `due` called for it at this time."""
        attempt.due_us = due_us
        if due_us < FOREVER_US:
            self.agenda.at(due_us, self._due, attempt)

    def _serve(self, attempt: Attempt, now: int) -> None:
        """The call takes a slot."""
        first_us, service_us, _, _, _ = attempt.plan
        if self.slowdown:
            factor = 1.0 + self.slowdown * self.in_service / self.slots
            first_us, service_us = round(first_us * factor), round(service_us * factor)
        if attempt.course is not None:
            first_us, service_us = attempt.course.begin(first_us, service_us)
        self.in_service += 1
        if self._kept_prompts is not None:
            prompt = attempt.request.question.prompt
            assert isinstance(attempt.tariff, Tariff)
            attempt.tariff = self._kept_prompts.tariff(
                attempt.tariff, prompt, attempt.input_tokens, attempt, now
            )
        self.work(attempt, now + first_us, now + service_us)

    def work(self, attempt: Attempt, first_us: int, done_us: int) -> None:
        """The call is in service until `done_us`, unless its client gives up before."""
        attempt.state = SERVING
        attempt.first_us = first_us
        attempt.done_us = due_us = done_us
        if first_us > attempt.first_by_us:
            due_us = attempt.first_by_us
        if due_us > attempt.until_us:
            due_us = attempt.until_us
        if attempt.course is not None:
            breaks_us = attempt.course.breaks_at(done_us)
            if breaks_us is not None and breaks_us < due_us:
                due_us = breaks_us
        if attempt.bounds.between_us < FOREVER_US:
            due_us = min(due_us, too_quiet_us(attempt))
        attempt.due_us = due_us
        self.agenda.at(due_us, self._due, attempt)

    def serve_waiting(self) -> None:
        """Fill the free slots from the queue."""
        if self.standstill is not None and self.standstill.freezes:
            return
        queue = self.queue
        now = self.clock.now
        while queue and self.in_service < self.slots:
            attempt = queue.popleft()
            if attempt.state == QUEUED:
                attempt.queued_us = now - attempt.started_us
                self._serve(attempt, now)
            elif self.finishes and not self.target.drop_expired:
                # The client has left, and the server works on it all the same.
                factor = 1.0 + self.target.slowdown * self.in_service / self.slots
                self.in_service += 1
                self.agenda.at(now + round(attempt.plan[1] * factor), self.vacate, attempt)

    def vacate(self, _attempt: Attempt) -> None:
        """A slot becomes free."""
        self.in_service -= 1
        if self.queue:
            self.serve_waiting()

    # -- a call ends -----------------------------------------------------------------------------------------------

    def due(self, attempt: Attempt) -> None:
        """The call's time has come: it is done, or its client gives up. Entries that a later one replaced do nothing."""
        now = self.clock.now
        state = attempt.state
        if attempt.due_us != now or state == OVER:
            return
        if attempt.done_us == now:
            if state == SERVING:
                _, _, output, luck, _ = attempt.plan
                request = attempt.request
                question = request.question
                kind = attempt.spoiled or ("right" if luck < question.qualities[self.index] else "wrong")
                attempt.answer = question.answers.get(kind) or question.answer(kind)
                attempt.served_by = self.served_by
                attempt.status = 200
                attempt.output_tokens = output
                # As `_bill` does it, without another call.
                prompt = attempt.input_tokens
                attempt.billed = True
                tariff = self.tariff
                if attempt.tariff is tariff and tariff.flat:
                    attempt.cost_pico = prompt * tariff.input_pico + output * tariff.output_pico
                else:
                    attempt.cost_pico = _price(attempt)
                reserved = attempt.reserved_tokens
                if reserved and self.quotas is not None:
                    self.quotas.give_back(reserved - prompt - output)
                self.in_service -= 1
                if self.queue:
                    self.serve_waiting()
                attempt.state = OVER
                attempt.finished_us = now
                over = self.over
                over(attempt)
            elif state == REPLYING:
                attempt.error = attempt.reply
                attempt.status = attempt.reply.status
                self._end(attempt)
            else:
                self._give_up(attempt, now)
            return
        course = attempt.course
        if state == SERVING and course is not None and course.breaks_at(attempt.done_us) == now:
            assert course.error is not None
            attempt.status = 200  # its stream had begun
            self.abandon(attempt, course.error)
        else:
            self._give_up(attempt, now)

    def _give_up(self, attempt: Attempt, now: int) -> None:
        """The client's patience is at its end: with the call, its first token, or all of the request."""
        self.abandon(attempt, TIMEOUT if now < attempt.until_us else attempt.overdue)

    def answer_of(self, attempt: Attempt) -> Answer:
        """What a call in service is being answered, whether or not it comes to its end."""
        question: Question = attempt.request.question
        kind = attempt.spoiled or ("right" if attempt.plan[3] < question.qualities[self.index] else "wrong")
        return question.answers.get(kind) or question.answer(kind)

    def abandon(self, attempt: Attempt, error: CallError) -> None:
        """The client gives up (`error` says why): the server stops, or works on and bills (`on_cancel`).

        A stream that broke is as good as given up; only where the server itself broke does it never work on.
        """
        now = self.clock.now
        attempt.error = error
        state = attempt.state
        _, _, output, _, _ = attempt.plan
        finishes = self.finishes and error is not SERVER_ERROR
        if state in (SERVING, FROZEN):
            worked_until_us = now
            if state == FROZEN:
                assert self.standstill is not None
                worked_until_us = self.standstill.since_us(attempt)
            attempt.output_tokens = output if finishes else spoken(attempt, worked_until_us)
            self._bill(attempt)
            if worked_until_us < (attempt.first_us or 0):
                attempt.first_us = None
            if not finishes:
                self._stop(attempt, anew=error is not RUN_ENDED)
            elif state == SERVING:
                self.work_alone(attempt, attempt.done_us)
        elif state in (QUEUED, HELD):
            attempt.queued_us = now - attempt.started_us
            if finishes and not self.target.drop_expired:
                attempt.output_tokens = output
                self._bill(attempt)
            elif attempt.reserved_tokens and self.quotas is not None:
                self.quotas.give_back(attempt.reserved_tokens)
        self._end(attempt)

    def work_alone(self, attempt: Attempt, done_us: int) -> None:
        """Work to the end on a call whose client has left, and keep its slot until then."""
        if attempt.course is not None:
            done_us = attempt.course.server_done_us(done_us, self.clock.now)
        self.agenda.at(done_us, self.vacate, attempt)

    def _stop(self, attempt: Attempt, *, anew: bool) -> None:
        """Leave off work; the slot is for the next in the queue, if anything is to begin anew."""
        if attempt.state == FROZEN:
            assert self.standstill is not None
            self.standstill.drop(attempt)
        attempt.state = OVER
        self.in_service -= 1
        if anew:
            self.serve_waiting()

    def _end(self, attempt: Attempt) -> None:
        attempt.state = OVER
        attempt.finished_us = self.clock.now
        over = self.over
        over(attempt)

    def _bill(self, attempt: Attempt) -> None:
        """Charge the prompt and what was generated; give back the quota that was reserved and not used."""
        prompt, generated = attempt.input_tokens, attempt.output_tokens
        attempt.billed = True
        attempt.cost_pico = _price(attempt)
        if attempt.reserved_tokens and self.quotas is not None:
            self.quotas.give_back(attempt.reserved_tokens - prompt - generated)


def _price(attempt: Attempt) -> int:
    """What it costs, in picodollars, by the tokens that it took."""
    assert attempt.tariff is not None
    return attempt.tariff.cost_pico(attempt.input_tokens, attempt.output_tokens)


def _slots(target: Target, share: float) -> int:
    """How many slots are left of the target's; one at least."""
    return max(1, round(target.slots * share))


def _brief(plan: AttemptPlan, most: int) -> AttemptPlan:
    """The plan with at most so many tokens: the bound has been raised since the request set out with it."""
    first_us, service_us, output, luck, hits = plan
    return first_us, first_us + (service_us - first_us) * most // output, most, luck, hits
