"""What is kept of a run as it begins: its scenario with the day of its prices, its prompts, and where all came from."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from app.inputs.preparation import Inputs, storable
from app.scenario.files import ScenarioFile, changed_text
from app.scenario.model import variant_title
from app.sessions.vocabulary import PRIVATE_FACT
from app.sessions.writer import NewRun, NewVariant, RunWriter

if TYPE_CHECKING:
    from app.engine.run import Order


class Names(dict[str, int]):
    """The log's codes of texts, asked for once each."""

    def __init__(self, writer: RunWriter) -> None:
        super().__init__()
        self._writer = writer

    def __missing__(self, text: str) -> int:
        code = self[text] = self._writer.name(text)
        return code


def pinned_text(file: ScenarioFile, today: date | None = None) -> str:
    """The scenario's text with the day of its published prices, so that it costs the same another day."""
    day = (today or datetime.now(UTC).date()).isoformat()
    looked_up = [
        (f"targets.{name}.price_as_of", day)
        for name, target in file.scenario.targets.items()
        if target.price is None and target.price_as_of is None
    ]
    return changed_text(file.text, looked_up) if looked_up else file.text


def begin_record(
    writer: RunWriter, order: Order, inputs: Inputs, expected_values: dict[str, list[str]]
) -> int:
    """Enter the run in the log, with its configuration, prompts and sources; its id."""
    scenario = inputs.scenario
    tariffs = {name: target.tariff() for name, target in scenario.targets.items()}
    run_id = writer.start(
        NewRun(
            storable(order.file.name),
            scenario.title,
            pinned_text(order.file),
            scenario.seed,
            "virtual" if order.real is None else "wall",
            scenario.duration_s,
            tuple(
                NewVariant(name, variant_title(name, variant), variant.model_dump(mode="json"))
                for name, variant in scenario.variants.items()
            ),
            tuple(scenario.targets),
        )
    )
    writer.add_prompts(
        (prompt.name, [[each.role, each.template] for each in prompt.messages]) for prompt in inputs.prompts
    )
    writer.fact(
        PRIVATE_FACT,
        {
            "prompts": storable(str(order.prompts or scenario.prompts.path)),
            "data": storable(str(order.data or scenario.data.path)),
            "expected_values": expected_values,
            "notices": list(inputs.notices),
        },
    )
    trace = inputs.trace
    replayed = {} if trace is None else {"trace": {"requests": trace.count, "recorded": list(trace.recorded)}}
    writer.fact(
        "inputs",
        {
            **replayed,
            "rows": inputs.row_count,
            "bad_rows": inputs.bad_rows,
            "columns": dict(inputs.columns.pairs),
            "text_columns": list(inputs.text_columns),
        },
    )
    writer.fact(
        "prices",
        {
            name: {
                "source": tariff.source,
                "as_of": None if tariff.as_of is None else tariff.as_of.isoformat(),
            }
            for name, tariff in tariffs.items()
        },
    )
    return run_id
