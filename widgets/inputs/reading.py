"""The work of the jobs that read and render for the panel and its dialog. Runs off the GUI thread; knows no widget."""

from __future__ import annotations

from app.inputs.preview import (
    MessSample,
    Preview,
    Sample,
    mess_samples,
    preview_inputs,
    remapped,
    render_samples,
)
from app.scenario.files import ScenarioFile
from widgets.background import Job
from widgets.inputs.own_inputs import OwnInputs


def read_inputs(file: ScenarioFile, inputs: OwnInputs, job: Job) -> Preview:
    """What the inputs come to in a scenario. Raises UserError for files that cannot be used."""
    return preview_inputs(
        file,
        prompts=inputs.prompts,
        data=inputs.data,
        columns=dict(inputs.columns),
        progress=job.check,
    )


def match_again(preview: Preview, inputs: OwnInputs, job: Job) -> Preview:
    """The same files with the columns chosen otherwise."""
    return remapped(preview, dict(inputs.columns), job.check)


def render(preview: Preview, prompt: int, rows: range, job: Job) -> list[Sample]:
    """Some rows in a prompt."""
    return render_samples(preview, prompt, rows, job.check)


def make_a_mess(preview: Preview, prompt: int, row: int, job: Job) -> list[MessSample]:
    """A row in every kind of mess."""
    return mess_samples(preview, prompt, row, job.check)
