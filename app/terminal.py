"""What the command line shows people: tables, sentences, progress. It formats, and decides nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

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
from app.analysis.metrics import METRICS, metric, shown_metric
from app.analysis.summary import sentence, usd
from app.analysis.validation.report import Report
from app.engine.events import Event
from app.engine.run import Listener
from app.engine.run import Progress as RunProgress
from app.errors import UserError
from app.inputs.preparation import Inputs
from app.sessions.records import EventRecord, RunRecord
from app.sessions.vocabulary import OUTCOMES, SERVED_BY

if TYPE_CHECKING:
    from app.calibration.measuring import Progress as Calls

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
    how = f" Here: {error.option}." if error.option else ""
    err.print(Text("seatrial: ").append(printable(f"{error}{how}")))


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
        real = each.real
        name = "Running" if real is None else f"REAL CALLS, {printable(', '.join(real.variants))}"
        pace = f"×{each.per_s:,.0f}" if real is None else f"{usd(real.spent_usd)} of {usd(real.cap_usd)}"
        bar.update(
            task(name),
            completed=min(each.virtual_us, each.end_us),
            total=max(each.end_us, 1),
            detail=f"{each.offered:,} requests, {pace}",
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
    _say_rates(variants, titles)
    out.print()
    for name, variant in variants.items():
        title = titles.get(name, name)
        out.print(Text(printable(sentence(title, variant))))
        unfinished = variant["unfinished"]
        if unfinished:
            what = "request has" if unfinished == 1 else "requests have"
            out.print(
                Text(printable(f"{title}: {unfinished:,} {what} no end in the log, and count nowhere."))
            )
    if summary["loop"] == "closed":
        out.print(
            Text(
                "CLOSED LOOP: users ask again once they have their answers, so each variant was asked at its own pace, "
                "and no request has its like in the other.",
                style="bold",
            )
        )
    if "real_calls" in summary:
        from app import terminal_real

        terminal_real.say_made(summary["real_calls"])
        return
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


_MEASURED = (
    *(f"answer_s.p{percent}" for percent in (50, 95, 99)),
    "attempts_per_request",
    "cost_usd",
    "cost_usd_per_1000_good",
)
"""The metrics in the table of a run, under the outcomes and who served."""


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
    for each in map(metric, _MEASURED):
        yield row(_lower(each.title), lambda v, m=each: shown_metric(m, m.value(v)))
    if any(variant["detection"]["troubles"] for variant in variants):
        yield "", [""] * len(variants)
        for each in METRICS:
            if each.key.startswith("detection."):
                yield row(_lower(each.title), lambda v, m=each: shown_metric(m, m.value(v)))
        yield "", [""] * len(variants)
    kinds = dict.fromkeys(kind for variant in variants for kind in variant["faults"])
    for kind in kinds:
        yield row(f"fault {kind}", lambda v, k=kind: f"{v['faults'].get(k, 0):,}")


def _say_rates(variants: dict[str, Any], titles: dict[str, str]) -> None:
    """Of what each fault could strike: the share that it was set to, and the one that it struck."""
    rates = {fault: rate for variant in variants.values() for fault, rate in variant["fault_rates"].items()}
    if not rates:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("faults, 95 % interval")
    table.add_column("set to", justify="right")
    for name in variants:
        table.add_column(printable(titles.get(name, name)), justify="right")
    for fault, rate in rates.items():
        struck = [_struck(variant["fault_rates"].get(fault)) for variant in variants.values()]
        table.add_row(printable(rate["title"]), f"{rate['configured'] * 100:.3g} %", *struck)
    out.print()
    out.print(table)


def _struck(rate: dict[str, Any] | None) -> str:
    if rate is None or not rate["of"]:
        return "–"
    return f"{rate['realised'] * 100:.3g} % ({rate['low'] * 100:.3g} to {rate['high'] * 100:.3g})"


def _count_and_share(count: int, n: int) -> str:
    return f"{count:,}  {100 * count / n:5.1f} %" if n else f"{count:,}"


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


def say_runs(records: Sequence[RunRecord]) -> None:
    """The runs of the log, newest first."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "when", "scenario", "calls", "seed", "state", "requests", "length"):
        table.add_column(
            heading, justify="right" if heading in ("run", "seed", "requests", "length") else "left"
        )
    for record in records:
        table.add_row(
            str(record.run_id),
            _when(record.created_at),
            Text(printable(record.name or record.scenario)),
            "simulated" if record.clock == "virtual" else "REAL",
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
    # Where variants take turns, each has a clock of its own.
    for event in sorted(events, key=lambda each: each.at_us):
        out.print(Text(_event_line(event)))


def say_served(scenario: str, data: str, admin: str, token: str) -> None:
    """Where the simulated provider of a scenario listens, and how its switches are flipped."""
    out.print(
        Text(
            f"SIMULATED: {scenario} is served on this machine only, until Ctrl+C.\n"
            f"  OpenAI     base URL {data}/v1\n"
            f"  Anthropic  base URL {data}\n"
            f"  switches   POST {admin} with the bearer token {token}"
        )
    )


def say_passed_on(told: dict[str, Any]) -> None:
    """Where a proxy listens, where it passes calls on to, and the one line that an app changes."""
    url, path = told["url"], told["base_path"]
    key = "" if told["client_token"] is None else f"\n  key        {told['client_token']} in place of yours"
    guarded = f" behind the safeguards of '{told['safeguards']}'" if told["safeguards"] else ""
    out.print(
        Text(
            printable(
                f"REAL CALLS: passed on to {told['upstream']}{guarded}, struck by the faults of {told['scenario']}, "
                "until Ctrl+C.\n"
                f"  OpenAI     base URL {url}{path or '/v1'}\n"
                f"  Anthropic  base URL {url}{path.removesuffix('/v1')}{key}\n"
                f"  switches   POST {told['admin_url']} with the bearer token {told['admin_token']}"
            )
        )
    )


def say_notice(text: str) -> None:
    """Something worth knowing, on standard error."""
    err.print(Text(f"note: {printable(text)}", style="dim"))


def say_event_now(event: Event) -> None:
    """Something that has just happened."""
    err.print(Text(_event_line(event)))


def say_comparison(compared: Comparison) -> None:
    """Runs or variants side by side."""
    out.print(Text(printable(as_text(compared))), end="")


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


@contextmanager
def progress_of_calls(total: int) -> Iterator[Callable[[Calls], None]]:
    """A progress bar on standard error over so many real calls: what to tell how they go."""
    from app.calibration.words import money

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[cost]}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal or err.is_dumb_terminal,
    )
    task = bar.add_task("Calling", total=total, cost="")

    def tell(calls: Calls) -> None:
        bar.update(task, completed=calls.made, cost=money(calls.cost_pico))

    with bar:
        yield tell


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
