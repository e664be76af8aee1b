"""Keeps what passes through an endpoint in the session log, as a run that can be looked at while it goes.

Rows are gathered in the event loop, and written four times a second in a thread of their own: calls never wait for the disk.
Nothing of what was said is kept, and no header: times, tokens, money, what went wrong and what struck.

How long it will go on is not known: until it ends the run counts as five minutes long, or twice that, and so on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.attempt_plans import MICRO
from app.engine.events import Event
from app.engine.rows import Row
from app.errors import UserError
from app.inputs.preparation import Inputs, storable
from app.scenario.files import ScenarioFile, changed_text
from app.scenario.model import variant_title
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import ATTEMPT_COLUMNS, PRIVATE_FACT, REQUEST_COLUMNS, SERVED_FACT, key_of
from app.sessions.writer import NewRun, NewVariant, RealAttempt, RunWriter

EVERY_S = 0.25
_FIRST_LENGTH_S = 300.0
_NAMES = ("reason_name", "faults_name", "mess_name"), ("error_name", "fault_name", "reason_name")
_REQUEST_NAMES = tuple(REQUEST_COLUMNS.index(name) for name in _NAMES[0])
_ATTEMPT_NAMES = tuple(ATTEMPT_COLUMNS.index(name) for name in _NAMES[1])


@dataclass(frozen=True)
class Recorded:
    """What is kept of an endpoint's run: its scenario as served, `clock` as in the log, and facts about it."""

    file: ScenarioFile
    inputs: Inputs
    expected_values: Mapping[str, Sequence[str]]
    clock: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Codes(dict[str, int]):
    """Codes of texts, given as they come; the log's own are found when they are written."""

    def __missing__(self, text: str) -> int:
        code = self[text] = len(self) + 1
        return code


@dataclass
class _Gathered:
    """What waits to be written."""

    offered_us: list[int] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    data_rows: list[tuple[int, int, dict[str, object]]] = field(default_factory=list)
    real: list[RealAttempt] = field(default_factory=list)


class Recorder:
    """Records one run of one variant: make it with `begin`, tell it what happens, have it `write`, and `end` it.

    `names` gives codes for the texts of rows, which have this `key_base`.
    """

    def __init__(self, thread: ThreadPoolExecutor, log: SessionLog, writer: RunWriter) -> None:
        self.names = Codes()
        self.run_id = writer.run_id
        self.key_base = key_of(writer.run_id, 0, 0)
        self._thread = thread
        self._log = log
        self._writer = writer
        self._gathered = _Gathered()
        self._log_codes: dict[int, int] = {0: 0}
        self._length_s = _FIRST_LENGTH_S

    @classmethod
    def begin(cls, path: Path | None, recorded: Recorded) -> Recorder:
        """Enter a run in the session log at `path`. Raises UserError where that cannot be written."""
        thread = ThreadPoolExecutor(1, "seatrial-recorder")
        try:
            log, writer = thread.submit(_begin, path, recorded).result()
        except BaseException:
            thread.shutdown()
            raise
        return cls(thread, log, writer)

    # -- what happens ----------------------------------------------------------------------------------------------

    def offered(self, at_us: int) -> None:
        """A call has come."""
        self._gathered.offered_us.append(at_us)

    def add(self, requests: Iterable[Row], attempts: Iterable[Row]) -> None:
        """Requests and attempts that have ended; their texts are codes of `names`."""
        self._gathered.requests += requests
        self._gathered.attempts += attempts

    def real(self, attempts: Sequence[tuple[Row, bool]]) -> None:
        """Of attempts that were added: whether their tokens are by our own count."""
        self._gathered.real += [RealAttempt(row[0] or 0, estimated, "") for row, estimated in attempts]

    def faults(self, struck: Sequence[tuple[int, str]]) -> None:
        """Time (µs) and kind of faults that struck."""
        self._gathered.faults += struck

    def happened(self, event: Event) -> None:
        """A switch was flipped, or an incident began or ended."""
        self._gathered.events.append(event)

    def data_rows(self, rows: Sequence[tuple[int, int, dict[str, object]]]) -> None:
        """Rows of the sample data that calls were about, each once."""
        self._gathered.data_rows += rows

    # -- writing ---------------------------------------------------------------------------------------------------

    async def write(self, collect: Callable[[], int], troubled: Callable[[UserError], None]) -> None:
        """Write until cancelled. `collect` hands over what has happened and tells up to when (µs) that is all; `troubled` is
        told when the log cannot be written: what was not is kept, and goes along the next time."""
        well = True
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._in_thread(self._flush, collect())
                well = True
            except UserError as error:
                if well:
                    troubled(error)
                well = False

    async def end(self, now_us: int) -> None:
        """Write all that is left, and end the run. Raises UserError if the log cannot be written."""
        try:
            await self._in_thread(self._end, now_us)
        finally:
            self._thread.shutdown()

    async def _in_thread(self, work: Callable[[_Gathered, int], None], now_us: int) -> None:
        gathered, self._gathered = self._gathered, _Gathered()
        work_done = asyncio.get_running_loop().run_in_executor(self._thread, work, gathered, now_us)
        # What is being written is written, whether or not anybody waits for it.
        await asyncio.shield(work_done)

    def _flush(self, gathered: _Gathered, now_us: int) -> None:
        self._hand_over(gathered)
        while now_us > self._length_s * MICRO:
            self._length_s *= 2
            self._writer.lasts(self._length_s)
        self._writer.flush(now_us)

    def _end(self, gathered: _Gathered, now_us: int) -> None:
        try:
            self._hand_over(gathered)
            self._writer.lasts(ceil(max(now_us, 1) / MICRO * 10) / 10)
            self._writer.end("finished", now_us)
        finally:
            self._log.close()

    def _hand_over(self, gathered: _Gathered) -> None:
        writer = self._writer
        texts = {code: text for text, code in list(self.names.items())}

        def coded(rows: list[Row], places: tuple[int, ...]) -> list[Row]:
            return [
                tuple(self._log_code(value, texts) if at in places else value for at, value in enumerate(row))
                for row in rows
            ]

        writer.add_data_rows(gathered.data_rows)
        if gathered.offered_us:
            writer.add_offered(np.asarray(gathered.offered_us, dtype=np.int64))
        writer.add(
            0,
            request_rows(coded(gathered.requests, _REQUEST_NAMES)),
            attempt_rows(coded(gathered.attempts, _ATTEMPT_NAMES)),
        )
        writer.add_real_attempts(gathered.real)
        writer.add_faults(0, [(at_us, writer.name(kind)) for at_us, kind in gathered.faults])
        for event in gathered.events:
            writer.event(event.at_us, event.kind, event.label, details=dict(event.details))

    def _log_code(self, code: int | None, texts: Mapping[int, str]) -> int:
        assert code is not None
        found = self._log_codes.get(code)
        if found is None:
            found = self._log_codes[code] = self._writer.name(texts[code])
        return found


def served_text(file: ScenarioFile) -> str:
    """The text of a scenario as it is served; `file.scenario` has been changed since it was read."""
    scenario = file.scenario
    tables = scenario.model_dump(mode="json", by_alias=True)
    told = [(name, tables[name]) for name in ("variants", "complaints", "acts", "faults")]
    traffic = scenario.traffic.model_dump(mode="json", exclude_defaults=True)
    settings = [*told, ("traffic", traffic), ("duration_s", scenario.duration_s)]
    return changed_text(file.text, settings, scenario.changes)


def _begin(path: Path | None, recorded: Recorded) -> tuple[SessionLog, RunWriter]:
    scenario, inputs = recorded.file.scenario, recorded.inputs
    log = SessionLog.open(path)
    try:
        writer = RunWriter(log)
        writer.start(
            NewRun(
                storable(recorded.file.name),
                scenario.title,
                served_text(recorded.file),
                scenario.seed,
                recorded.clock,
                _FIRST_LENGTH_S,
                tuple(
                    NewVariant(name, variant_title(name, variant), variant.model_dump(mode="json"))
                    for name, variant in scenario.variants.items()
                ),
                tuple(scenario.targets),
            )
        )
        writer.add_prompts((prompt.name, None) for prompt in inputs.prompts)
        notices = list(inputs.notices)
        texts = {"prompts": "", "data": "", "expected_values": recorded.expected_values, "notices": notices}
        writer.fact(PRIVATE_FACT, texts)
        columns = dict(inputs.columns.pairs)
        told = {"rows": inputs.row_count, "bad_rows": inputs.bad_rows, "columns": columns}
        writer.fact("inputs", told | {"text_columns": list(inputs.text_columns)})
        tariffs = {name: target.tariff() for name, target in scenario.targets.items()}
        prices = {
            name: {"source": tariff.source, "as_of": tariff.as_of and tariff.as_of.isoformat()}
            for name, tariff in tariffs.items()
        }
        writer.fact("prices", prices)
        writer.fact(SERVED_FACT, dict(recorded.facts))
    except BaseException:
        log.close()
        raise
    return log, writer
