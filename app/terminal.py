"""What the command line shows people: tables, sentences, progress. It formats, and decides nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from app.analysis.comparison import Comparison
from app.analysis.comparison_text import as_text
from app.analysis.metrics import METRICS, shown_metric
from app.analysis.summary import sentence, usd
from app.analysis.validation.report import Report
from app.engine.events import Event
from app.engine.recall import Draw, Recalled
from app.engine.run import Listener
from app.engine.run import Progress as RunProgress
from app.errors import UserError
from app.inputs.preparation import Inputs
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord, EventRecord, RunRecord
from app.sessions.vocabulary import OUTCOMES, SERVED_BY

_MICRO = 1e6

_PIPED_COLUMNS = 1_000
"""Nothing is wrapped or cut short in what a program will read."""


def _console(stream: TextIO | None, *, stderr: bool) -> Console:
    piped = stream is None or not stream.isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=piped, width=_PIPED_COLUMNS if piped else None)


out = _console(sys.stdout, stderr=False)
err = _console(sys.stderr, stderr=True)


def say_json(value: Any) -> None:
    """One JSON object on standard output."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, allow_nan=False, indent=2)
    sys.stdout.write(text + "\n")


def say_error(error: UserError) -> None:
    """One clear message on standard error."""
    err.print(Text("seatrial: ").append(printable(str(error))))


def printable(text: str) -> str:
    """Foreign text made safe to print: control characters, and what is no text, are shown as escapes."""
    return "".join(
        ch if ch in "\n\t" or ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text
    )


@contextmanager
def progress_of_run() -> Iterator[Listener]:
    """A progress bar on standard error while a run goes, with its rate and the time left.

    Where standard error is no terminal, notices and events are all that is printed.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal or err.is_dumb_terminal,
    )
    tasks: list[TaskID] = []

    def task(name: str) -> TaskID:
        """The one task that is shown: the last one begun."""
        if not tasks or bar.tasks[0].description != name:
            for done in tasks:
                bar.remove_task(done)
            tasks[:] = [bar.add_task(name, total=None, detail="")]
        return tasks[0]

    def reading(done: int, total: int) -> None:
        if done < total:
            detail = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
            bar.update(task("Reading data"), completed=done, total=total, detail=detail)
        else:
            task("Preparing")

    def advance(each: RunProgress) -> None:
        bar.update(
            task("Running"),
            completed=min(each.virtual_us, each.end_us),
            total=max(each.end_us, 1),
            detail=f"{each.offered:,} requests, ×{each.per_s:,.0f}",
        )

    with bar:
        yield Listener(
            reading=reading,
            notice=lambda text: err.print(Text(f"note: {printable(text)}", style="dim")),
            progress=advance,
            happened=lambda event: err.print(Text(_event_line(event), style="dim")),
            refused=say_error,
        )


_ENDINGS = {"incident_begin": " (begins)", "incident_end": " (ends)"}


def _event_line(event: Event | EventRecord) -> str:
    return f"{event.at_us / _MICRO:>8.1f} s  {printable(event.label)}{_ENDINGS.get(event.kind, '')}"


def say_summary(summary: dict[str, Any], titles: dict[str, str]) -> None:
    """The summary table, variants side by side, and a sentence for each."""
    variants = summary["variants"]
    out.print(Text(printable(_title(summary)), style="bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in variants:
        table.add_column(printable(titles.get(name, name)), justify="right")
    for label, values in _rows_of(list(variants.values())):
        table.add_row(label, *values)
    out.print(table)
    out.print()
    for name, variant in variants.items():
        title = titles.get(name, name)
        out.print(Text(printable(sentence(title, variant))))
        closed = summary["loop"] == "closed"
        open_requests = 0 if closed else summary["offered"] - variant["requests"]
        if open_requests:
            what = "request has" if open_requests == 1 else "requests have"
            out.print(
                Text(printable(f"{title}: {open_requests:,} {what} no end in the log, and count nowhere."))
            )
    if summary["loop"] == "closed":
        out.print(
            Text(
                "CLOSED LOOP: users ask again once they have their answers, so each variant was asked at its own pace, "
                "and no request has its like in the other.",
                style="bold",
            )
        )
    simulated = (
        f"SIMULATED, seed {summary['seed']}. The numbers rest on assumptions: "
        "'seatrial check SCENARIO' lists them."
    )
    out.print(
        Text(simulated, style="dim") if summary["clock"] == "virtual" else Text("REAL CALLS", style="bold")
    )


def _title(summary: dict[str, Any]) -> str:
    state = "" if summary["state"] == "finished" else f", {summary['state']} at {summary['virtual_s']:.0f} s"
    return f"Run {summary['run']}: {summary['title']} ({summary['offered']:,} requests offered{state})"


def _rows_of(variants: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    def row(label: str, value: Any) -> tuple[str, list[str]]:
        return label, [value(variant) for variant in variants]

    for outcome in reversed(OUTCOMES):
        yield row(outcome, lambda v, o=outcome: _count_and_share(v["outcomes"][o], v["requests"]))
    yield "", [""] * len(variants)
    for server in SERVED_BY:
        if any(variant["served_by"][server] for variant in variants):
            yield row(
                f"served by {server}", lambda v, s=server: _count_and_share(v["served_by"][s], v["requests"])
            )
    yield "", [""] * len(variants)
    for percentile in ("p50", "p95", "p99"):
        yield row(f"time to answer {percentile}", lambda v, p=percentile: _seconds(v, p))
    yield row("calls per request", lambda v: f"{v['attempts'] / v['requests']:.2f}" if v["requests"] else "–")
    yield row("cost", lambda v: usd(v["cost_usd"]))
    yield row("cost per 1,000 good", lambda v: _money(v["cost_usd_per_1000_good"]))
    if any(variant["detection"]["troubles"] for variant in variants):
        yield "", [""] * len(variants)
        for metric in METRICS:
            if metric.key.startswith("detection."):
                yield row(metric.title.lower(), lambda v, m=metric: shown_metric(m, m.value(v)))
        yield "", [""] * len(variants)
    kinds = dict.fromkeys(kind for variant in variants for kind in variant["faults"])
    for kind in kinds:
        yield row(f"fault {kind}", lambda v, k=kind: f"{v['faults'].get(k, 0):,}")


def _count_and_share(count: int, n: int) -> str:
    return f"{count:,}  {100 * count / n:5.1f} %" if n else f"{count:,}"


def _seconds(variant: dict[str, Any], percentile: str) -> str:
    value = variant["answer_s"][percentile]
    if value is None:
        return "no answer" if variant["requests"] else "–"
    return f"{value:.2f} s"


def _money(value: float | None) -> str:
    return "–" if value is None else usd(value)


def say_runs(records: Sequence[RunRecord]) -> None:
    """The runs of the log, newest first."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "when", "scenario", "seed", "state", "requests", "length"):
        table.add_column(
            heading, justify="right" if heading in ("run", "seed", "requests", "length") else "left"
        )
    for record in records:
        table.add_row(
            str(record.run_id),
            _when(record.created_at),
            Text(printable(record.name or record.scenario)),
            str(record.seed),
            record.state,
            f"{record.offered:,}",
            f"{record.duration_s:g} s",
        )
    out.print(table)


def _when(utc: str) -> str:
    """A time of the log as the clock on the wall has it."""
    return f"{datetime.fromisoformat(utc).astimezone():%Y-%m-%d %H:%M}"


def say_events(events: Sequence[EventRecord]) -> None:
    """What happened in a run, in order."""
    for event in events:
        out.print(Text(_event_line(event)))


def say_comparison(compared: Comparison) -> None:
    """Runs or variants side by side."""
    out.print(Text(printable(as_text(compared))), end="")


def say_request(reader: RunReader, found: Sequence[Recalled], titles: dict[str, str]) -> None:
    """One request as each variant took it."""
    request, texts = found[0].request, found[0].texts
    logged = reader.row(request.row)
    place = "" if logged is None else f", row {logged.number} of the data"
    prompt = printable(reader.prompts()[request.prompt].name)
    out.print(Text(f"Request {request.number}: prompt '{prompt}'{place}", style="bold"))
    out.print(Text(f"meant to arrive at {request.intended_us / _MICRO:.3f} s"))
    for column, value in texts.original.items():
        out.print(Text(f"  {printable(column)}: {_short(value)}"))
        if column not in texts.mutated:
            out.print(Text(f"  {printable(column)} as it came: missing", style="yellow"))
        elif texts.mutated[column] != value:
            came = _short(texts.mutated[column])
            out.print(Text(f"  {printable(column)} as it came: {came}", style="yellow"))
    if isinstance(texts.messages, str):
        out.print(Text(f"  no prompt: {printable(texts.messages)}", style="yellow"))
    else:
        for role, text in texts.messages:
            out.print(Text(f"  {role} message: {_short(text)}"))
    for each in found:
        out.print()
        _say_taken(each, printable(titles.get(each.request.variant, each.request.variant)))


def _say_taken(found: Recalled, title: str) -> None:
    request = found.request
    out.print(Text(title, style="bold"))
    waited = (request.finished_us - request.intended_us) / _MICRO
    why = f" ({printable(request.reason)})" if request.reason else ""
    out.print(Text(f"  {request.outcome} after {waited:.3f} s, served by {request.served_by}{why}"))
    faults = request.faults.replace(",", ", ") or "none"
    out.print(Text(f"  cost {usd(request.cost_pico / 1e12)}, cache {request.cache}, faults: {faults}"))
    for attempt in found.attempts:
        out.print(Text(f"  {_attempt_line(attempt)}"))
    if found.texts.answer is not None:
        out.print(Text(f"  answer: {_short(found.texts.answer)}"))


def _attempt_line(attempt: AttemptRecord) -> str:
    took = (attempt.finished_us - attempt.started_us) / _MICRO
    how = attempt.error or "answered"
    fault = f" [{attempt.fault}]" if attempt.fault else ""
    queued = f", {attempt.queued_us / _MICRO:.3f} s of it queued" if attempt.queued_us else ""
    tokens = f", {attempt.output_tokens:,} tokens" if attempt.output_tokens else ""
    began = f"{attempt.started_us / _MICRO:>9.3f} s"
    return f"{began}  {_call(attempt)}: {how}{fault} after {took:.3f} s{queued}{tokens}"


def _call(attempt: AttemptRecord) -> str:
    retry = f" retry {attempt.retry}" if attempt.retry else ""
    return f"{attempt.target}{retry}{' hedge' if attempt.hedge else ''}"


def say_draws(found: Sequence[Recalled], titles: dict[str, str]) -> None:
    """The draws that a request depended on: first those that all variants share."""
    out.print()
    out.print(Text("Draws of the request, the same for all variants", style="bold"))
    _say_drawn([draw for draw in found[0].draws if draw.attempt is None])
    for each in found:
        title = printable(titles.get(each.request.variant, each.request.variant))
        for index, attempt in enumerate(each.attempts):
            out.print(Text(f"Draws of the call to {_call(attempt)}, {title}", style="bold"))
            _say_drawn([draw for draw in each.draws if draw.attempt == index])


def _say_drawn(draws: Sequence[Draw]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for draw in draws:
        table.add_row(
            Text(f"  {printable(draw.purpose)}"), f"{draw.value:.9f}", Text(printable(draw.meaning))
        )
    out.print(table)


def _short(value: object, limit: int = 300) -> str:
    text = printable(str(value))
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def say_check(
    name: str, inputs: Inputs, doubts: Sequence[str], assumed: Sequence[tuple[str, str, str]]
) -> None:
    """What a scenario will run on, and what it takes on trust."""
    scenario = inputs.scenario
    out.print(Text(f"{printable(name)}: {printable(scenario.title)}", style="bold"))
    prompts = ", ".join(prompt.name for prompt in inputs.prompts)
    bad = f", {inputs.bad_rows:,} bad ones left out" if inputs.bad_rows else ""
    out.print(Text(f"prompts: {printable(prompts)}; {inputs.row_count:,} rows{bad}"))
    for notice in (*inputs.notices, *doubts):
        out.print(Text(f"note: {printable(notice)}"))
    for variant_name, variant in scenario.variants.items():
        chain = " → ".join(each.id for each in variant.safeguards if each.on) or "no safeguards"
        out.print(Text(f"{variant_name}: {chain}"))
    out.print()
    out.print(Text("Assumptions", style="bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column("what", no_wrap=True)
    for heading in ("value", "source"):
        table.add_column(heading, overflow="fold")
    for row in assumed:
        table.add_row(*(Text(printable(cell)) for cell in row))
    out.print(table)
    out.print("All is well.")


@contextmanager
def progress_of_validation(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """A progress bar on standard error over so many runs: what to call as one begins, and as it is done, by name."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal or err.is_dumb_terminal,
    )
    task = bar.add_task("Validating", total=total)
    going: list[str] = []

    def begun(name: str) -> None:
        going.append(name)
        bar.update(task, description=", ".join(going))

    def done(name: str) -> None:
        going.remove(name)
        bar.update(task, advance=1, description=", ".join(going) or "Validating")

    with bar:
        yield begun, done


def say_validation(report: Report) -> None:
    """Known values, ours with its interval, and the verdict, row by row."""
    from app.analysis.validation import words

    out.print(Text(words.line(None), style="dim"))
    run = None
    for row in report.rows:
        if run != (run := (row.name, row.parameters, row.seed)):
            out.print(Text(printable(words.headline(row)), style="bold"))
        verdict = Text(words.verdict(row), style="" if row.passed else "bold red")
        out.print(Text(printable(words.line(row))).append(verdict))
    out.print()
    for told in words.conclusion(report):
        out.print(told)
