"""`seatrial scenarios` and `check`: scenarios before they are run."""

from __future__ import annotations

from app.cli.application import OK, Columns, Data, Json, Log, Prompts, ScenarioName, Settings, cli, pairs_of


@cli.command()
def scenarios(*, json: Json = False, _log: Log = None) -> int:
    """List the ready-made scenarios, and what each one teaches."""
    from app import terminal
    from app.scenario.files import lesson, ready_made

    lessons = {name: lesson(path.read_text(encoding="utf-8")) for name, path in ready_made().items()}
    if json:
        terminal.say_json({"scenarios": [{"name": name, "teaches": text} for name, text in lessons.items()]})
        return OK
    for name, text in lessons.items():
        terminal.out.print(name, style="bold", markup=False)
        terminal.out.print(f"  {text}\n", markup=False)
    return OK


@cli.command()
def check(
    scenario: ScenarioName,
    *,
    prompts: Prompts = None,
    data: Data = None,
    columns: Columns = None,
    settings: Settings = None,
    _log: Log = None,
    json: Json = False,
) -> int:
    """Validate a scenario with its prompts and data, without running it, and list what it assumes."""
    from app import terminal
    from app.engine.draws import Draws
    from app.engine.questions import QuestionBook
    from app.inputs.bounded import BoundedWorker
    from app.inputs.preparation import prepare_inputs
    from app.scenario.assumptions import assumptions
    from app.scenario.files import open_scenario
    from app.scenario.rehearsal import rehearse_acts, rehearse_changes

    file = open_scenario(scenario, settings or ())
    rehearse_changes(file.scenario)
    rehearse_acts(file.scenario)
    with BoundedWorker() as worker:
        inputs = prepare_inputs(file, worker, prompts=prompts, data=data, columns=pairs_of(columns or ()))
        doubts = QuestionBook(inputs, Draws(file.scenario.seed), worker).doubts()
    assumed = assumptions(file.scenario)
    if json:
        terminal.say_json(
            {
                "scenario": file.name,
                "title": file.scenario.title,
                "prompts": [prompt.name for prompt in inputs.prompts],
                "rows": inputs.row_count,
                "bad_rows": inputs.bad_rows,
                "columns": dict(inputs.columns.pairs),
                "notices": [*inputs.notices, *doubts],
                "assumptions": [
                    {"key": key, "value": value, "source": source} for key, value, source in assumed
                ],
            }
        )
        return OK
    terminal.say_check(file.name, inputs, doubts, assumed)
    return OK
