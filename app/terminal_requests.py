"""What the command line shows of one request: what was asked, what each variant did with it, and the draws behind it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app.analysis.summary import usd
from app.engine.recall import Draw, Recalled
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord
from app.terminal import out, printable

_MICRO = 1e6


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
    cache = request.cache.replace("_", ", one ")
    out.print(Text(f"  cost {usd(request.cost_pico / 1e12)}, cache {cache}, faults: {faults}"))
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
    why = f" ({attempt.reason})" if attempt.reason else ""
    return f"{began}  {_call(attempt)}{why}: {how}{fault} after {took:.3f} s{queued}{tokens}"


def _call(attempt: AttemptRecord) -> str:
    retry = f" retry {attempt.retry}" if attempt.retry else ""
    hedge = f" hedge {attempt.hedge}" if attempt.hedge else ""
    return f"{attempt.target}{retry}{hedge}"


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
