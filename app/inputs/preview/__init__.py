"""What the user's prompts and data come to, shown before a run. Reads and renders; runs nothing, keeps nothing."""

from app.inputs.preview.personal_data import Personal
from app.inputs.preview.reading import (
    BAD_SHOWN,
    DataShape,
    Pairing,
    Preview,
    PromptShape,
    preview_inputs,
    remapped,
)
from app.inputs.preview.samples import (
    Cost,
    MessChoice,
    MessSample,
    Rendered,
    Sample,
    mess_choices,
    mess_samples,
    render_samples,
)

__all__ = [
    "BAD_SHOWN",
    "Cost",
    "DataShape",
    "MessChoice",
    "MessSample",
    "Pairing",
    "Personal",
    "Preview",
    "PromptShape",
    "Rendered",
    "Sample",
    "mess_choices",
    "mess_samples",
    "preview_inputs",
    "remapped",
    "render_samples",
]
