"""What the command line shows people: tables, sentences, progress. It formats, and decides nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from app.analysis.summary import sentence, usd
from app.engine.recall import Draw, Texts
from app.engine.run import Listener
from app.engine.run import Progress as RunProgress
from app.engine.simulation import Event
from app.errors import UserError
from app.inputs.preparation import Inputs
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord, EventRecord, RequestRecord, RunRecord
from app.sessions.vocabulary import OUTCOMES, SERVED_BY

_MICRO = 1e6

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say_error(error: UserError) -> None:
    """One clear message on standard error."""
    err.print(Text("seatrial: ").append(printable(str(error))))


def printable(text: str) -> str:
    """Foreign text made safe to print: control characters, and what cannot be encoded, are shown as escapes."""
    safe = "".join(
        ch if ch in "\n\t" or ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text
    )
    encoding = sys.stdout.encoding or "utf-8"
    return safe.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def progress_of_run() -> Iterator[Listener]:
    """A progress bar on standard error while a run goes, with its rate and the time left."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def task(name: str) -> TaskID:
        if name not in tasks:
            tasks[name] = bar.add_task(name, total=None, detail="")
        return tasks[name]

    def reading(done: int, total: int) -> None:
        bar.update(
            task("Reading data"),
            completed=done,
            total=total,
            detail=f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB",
        )

    def advance(each: RunProgress) -> None:
        detail = f"{each.offered:,} requests, ×{each.per_s:,.0f}"
        bar.update(
            task("Running"),
            completed=min(each.virtual_us, each.end_us),
            total=max(each.end_us, 1),
            detail=detail,
        )

    def happened(event: Event) -> None:
        err.print(
            Text(
                f"{event.at_us / _MICRO:>8.1f} s  {printable(event.label)}{_ENDINGS.get(event.kind, '')}",
                style="dim",
            )
        )

    with bar:
        yield Listener(
            reading=reading,
            notice=lambda text: err.print(Text(f"note: {printable(text)}", style="dim")),
            progress=advance,
            happened=happened,
            refused=say_error,
        )


_ENDINGS = {"incident_begin": " (begins)", "incident_end": " (ends)"}


def say_summary(summary: dict[str, Any], titles: dict[str, str]) -> None:
    """The summary table, variants side by side, and a sentence for each."""
    variants = summary["variants"]
    table = Table(title=Text(printable(_title(summary))), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in variants:
        table.add_column(printable(titles.get(name, name)), justify="right")
    for label, values in _rows_of(list(variants.values())):
        table.add_row(label, *values)
    out.print(table)
    out.print()
    for name, variant in variants.items():
        out.print(Text(printable(sentence(titles.get(name, name), variant))))
    out.print(
        Text(
            f"SIMULATED, seed {summary['seed']}. Numbers rest on assumptions; 'seatrial check SCENARIO' lists them.",
            style="dim",
        )
        if summary["clock"] == "virtual"
        else Text("REAL CALLS", style="bold")
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
        yield row(f"time to answer {percentile}", lambda v, p=percentile: _seconds(v["answer_s"][p]))
    yield row("calls per request", lambda v: f"{v['attempts'] / v['requests']:.2f}" if v["requests"] else "–")
    yield row("cost", lambda v: usd(v["cost_usd"]))
    yield row("cost per 1,000 good", lambda v: _money(v["cost_usd_per_1000_good"]))
    kinds = dict.fromkeys(kind for variant in variants for kind in variant["faults"])
    for kind in kinds:
        yield row(f"fault {kind}", lambda v, k=kind: f"{v['faults'].get(k, 0):,}")


def _count_and_share(count: int, n: int) -> str:
    return f"{count:,}  {100 * count / n:5.1f} %" if n else f"{count:,}"


def _seconds(value: float | None) -> str:
    return "no answer" if value is None else f"{value:.2f} s"


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
            record.created_at[:16].replace("T", " "),
            escape(printable(record.name or record.scenario)),
            str(record.seed),
            record.state,
            f"{record.offered:,}",
            f"{record.duration_s:g} s",
        )
    out.print(table)


def say_events(events: Sequence[EventRecord]) -> None:
    """What happened in a run, in order."""
    for event in events:
        out.print(
            Text(f"{event.at_us / _MICRO:>8.1f} s  {printable(event.label)}{_ENDINGS.get(event.kind, '')}")
        )


def say_request(
    reader: RunReader,
    found: Sequence[tuple[RequestRecord, list[AttemptRecord], Texts]],
    titles: dict[str, str],
) -> None:
    """One request as each variant took it."""
    request, _, texts = found[0]
    logged = reader.row(request.row)
    out.print(
        Text(
            f"Request {request.number}: row {'?' if logged is None else logged.number} of the data",
            style="bold",
        )
    )
    out.print(Text(f"meant to arrive at {request.intended_us / _MICRO:.3f} s"))
    for column, value in texts.original.items():
        out.print(Text(f"  {column}: {_short(value)}"))
        if column not in texts.mutated:
            out.print(Text(f"  {column} as it came: missing", style="yellow"))
        elif texts.mutated[column] != value:
            out.print(Text(f"  {column} as it came: {_short(texts.mutated[column])}", style="yellow"))
    if isinstance(texts.messages, str):
        out.print(Text(f"  the prompt could not be made: {printable(texts.messages)}", style="yellow"))
    for request, attempts, texts in found:
        out.print()
        out.print(Text(printable(titles.get(request.variant, request.variant)), style="bold"))
        waited = (request.finished_us - request.intended_us) / _MICRO
        why = f", {printable(request.reason)}" if request.reason else ""
        out.print(Text(f"  {request.outcome} after {waited:.3f} s, served by {request.served_by}{why}"))
        out.print(
            Text(
                f"  cost {usd(request.cost_pico / 1e12)}, cache {request.cache}, faults {request.faults or 'none'}"
            )
        )
        for each in attempts:
            took = (each.finished_us - each.started_us) / _MICRO
            how = each.error or "answered"
            fault = f" [{each.fault}]" if each.fault else ""
            out.print(
                Text(
                    f"  {each.started_us / _MICRO:>10.3f} s  {each.target} retry {each.retry}: {how}{fault} after "
                    f"{took:.3f} s ({each.queued_us / _MICRO:.3f} s queued), {each.output_tokens} tokens"
                )
            )
        if texts.answer is not None:
            out.print(Text(f"  answer: {_short(texts.answer)}"))


def say_draws(variant: str, draws: Sequence[Draw]) -> None:
    """The draws that a variant's request depended on."""
    out.print()
    out.print(Text(f"Draws, {printable(variant)}", style="bold"))
    for draw in draws:
        meaning = f"  {draw.meaning}" if draw.meaning else ""
        out.print(Text(f"  {draw.purpose:<32} {draw.role:<28} {draw.value:.12f}{meaning}"))


def _short(value: object, limit: int = 300) -> str:
    text = printable(str(value))
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def say_check(name: str, inputs: Inputs, assumed: Sequence[tuple[str, str, str]]) -> None:
    """What a scenario will run on, and what it takes on trust."""
    scenario = inputs.scenario
    out.print(Text(f"{printable(name)}: {printable(scenario.title)}", style="bold"))
    prompts = ", ".join(prompt.name for prompt in inputs.prompts)
    out.print(
        Text(
            f"prompts: {printable(prompts)}; {inputs.row_count:,} rows, {inputs.bad_rows:,} bad ones left out"
        )
    )
    for notice in inputs.notices:
        out.print(Text(f"note: {printable(notice)}"))
    for variant_name, variant in scenario.variants.items():
        chain = " → ".join(each.id for each in variant.safeguards if each.on) or "no safeguards"
        out.print(Text(f"{variant_name}: {chain}"))
    table = Table(title="Assumptions", title_justify="left", box=None, pad_edge=False)
    for heading in ("what", "value", "source"):
        table.add_column(heading)
    for path, value, source in assumed:
        table.add_row(escape(printable(path)), escape(printable(value)), escape(printable(source)))
    out.print(table)
    out.print("All is well.")
