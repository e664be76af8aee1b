"""What the command line shows of real calls: what they will ask and cost, the question for leave, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from app.analysis.estimate import Estimate
from app.analysis.summary import in_minutes, usd
from app.engine.real_calls import RealCalls
from app.providers.endpoint import Endpoint
from app.scenario.model import Scenario
from app.terminal import err, out, printable


def say_plan(
    scenario: Scenario, endpoints: Mapping[str, Endpoint], estimated: Estimate, real: RealCalls
) -> None:
    """Where calls will go, how many, and what they may cost; on standard error."""
    variants = len(estimated.variants)
    err.print(Text("REAL CALLS", style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, endpoint in endpoints.items():
        key = "with a key" if endpoint.key else "without a key"
        table.add_row(
            *(Text(printable(cell)) for cell in (name, endpoint.origin, endpoint.api, endpoint.model, key))
        )
    err.print(table)
    how = "side by side" if real.side_by_side else "one after the other"
    turns = 1 if real.side_by_side else variants
    many = "1 variant" if variants == 1 else f"{variants} variants, {how}"
    about, of_these = ("", "") if estimated.bounded else ("about ", " for so many")
    err.print(
        Text(
            f"{many}; {about}{estimated.requests:,} requests each, in {in_minutes(scenario.duration_s * turns)}; "
            f"{estimated.most_calls:,} calls at the most{of_these}"
        )
    )
    err.print(
        Text(
            f"expected {usd(estimated.expected_usd)}, at the most {usd(estimated.most_usd)}{of_these}; "
            f"the cap is {usd(real.max_usd)}, and no call is sent that could go beyond it"
        )
    )
    for assumption in estimated.assumptions:
        err.print(Text(f"  {printable(assumption)}", style="dim"))
    for doubt in estimated.doubts:
        err.print(Text(printable(doubt), style="bold"))


def asked_for_leave() -> bool:
    """Whether the person at the terminal wants the calls to be made."""
    try:
        return Confirm.ask("Make these calls?", console=err, default=False)
    except EOFError:
        return False


def say_made(told: Mapping[str, Any]) -> None:
    """What came of a run's real calls: where they went, what was spent, and what to bear in mind."""
    origins = dict.fromkeys(each["origin"] for each in told["endpoints"].values())
    spent = f", {usd(told['spent_usd'])} spent of {usd(told['cap_usd'])}" if "spent_usd" in told else ""
    out.print(Text(f"REAL CALLS to {printable(', '.join(origins))}{spent}", style="bold"))
    if told.get("stopped_by") == "spend_cap":
        out.print(
            Text("The spending cap ended the run: what was not asked by then counts nowhere.", style="bold")
        )
    how = "at the same time" if told["side_by_side"] else "one after the other"
    out.print(
        Text(
            f"The variants were called {how}, over one account and one network: "
            "what they show is not independent of each other.",
            style="dim",
        )
    )
    for turn in told.get("punctuality", ()):
        sends, connections = turn["sends"], turn["connections"]
        if not sends["of"]:
            continue
        late = (
            f"{', '.join(turn['variants'])}: {sends['late']:,} of {sends['of']:,} requests were let in more than "
            f"{turn['bound_s'] * 1000:g} ms late (p50 {sends['p50_s'] * 1000:.1f} ms, p99 {sends['p99_s'] * 1000:.1f} ms)"
        )
        if connections["late"]:
            late += f", {connections['late']:,} of {connections['of']:,} calls waited for a connection"
        limited = " CLIENT-LIMITED: this machine could not keep up." if turn["client_limited"] else ""
        out.print(Text(printable(f"{late}.{limited}"), style="bold" if limited else "dim"))
