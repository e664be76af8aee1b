"""A prompt filled with a row: what the model would be sent, how long that is, and what one request costs."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.analysis.summary import usd
from app.errors import UserError
from app.inputs.preview import Preview, Rendered, Sample
from widgets.foreign_text import breakable, shortened
from widgets.inputs.reading import render
from widgets.inputs.row_picker import RowPicker
from widgets.latest_job import LatestJob

_PAGE: Final = 10
"""Rows rendered at a time, so that the next one is there at once."""
_KEPT: Final = 200
COST_TOOLTIP: Final = (
    "Tokens are estimated from the text. A request costs input tokens × input price + the mean answer × output price, "
    "by each model's price in the scenario, for one call that is answered."
)


class RenderedTab(QWidget):
    """Attributes: `picker`, `text` (the rendered messages), `facts` (tokens and cost)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rendered_tab")
        self._preview: Preview | None = None
        self._samples: dict[tuple[int, int], Sample] = {}
        self._job = LatestJob(self)
        self._job.done.connect(self._rendered)
        self._job.failed.connect(self._failed)
        self.picker = RowPicker(self)
        self.text = QPlainTextEdit(self)
        self.text.setObjectName("rendered_text")
        self.text.setReadOnly(True)
        self.text.setAccessibleName("The prompt filled with this row")
        self.text.setTabChangesFocus(True)
        self.facts = facts_label("rendered_facts", self)
        layout = QVBoxLayout(self)
        layout.addWidget(self.picker)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.facts)
        self.picker.picked.connect(self._show)

    def show_preview(self, preview: Preview) -> None:
        """Show a row of other inputs."""
        self._preview = preview
        self._samples.clear()
        self.picker.show_preview(preview)
        self._show(*self.picker.place)

    def stop(self) -> None:
        """Give up what is being rendered."""
        self._job.cancel()

    @Slot(int, int)
    def _show(self, prompt: int, row: int) -> None:
        sample = self._samples.get((prompt, row))
        if sample is not None:
            # What was asked for before this row would otherwise be shown in its place.
            self._job.cancel()
            self._show_sample(sample)
        elif self._preview is not None:
            self.facts.setText("Rendering…")
            rows = range(row, min(row + _PAGE, self._preview.row_count))
            self._job.run(partial(render, self._preview, prompt, rows))

    @Slot(object)
    def _rendered(self, samples: list[Sample]) -> None:
        if len(self._samples) > _KEPT:
            self._samples.clear()
        self._samples |= {(each.prompt, each.row): each for each in samples}
        self._show_sample(samples[0])

    @Slot(object)
    def _failed(self, error: UserError) -> None:
        self.text.setPlainText("")
        self.facts.setText(breakable(str(error)))

    def _show_sample(self, sample: Sample) -> None:
        rendered = sample.rendered
        place = f"Row {sample.number:,} of the file. "
        if rendered.error:
            self.text.setPlainText("")
            self.facts.setText(
                breakable(f"{place}The prompt cannot be filled: {rendered.error}. Such a request fails.")
            )
        else:
            self.text.setPlainText(_as_chat(rendered))
            self.facts.setText(breakable(place + cost_text(rendered)))


def facts_label(name: str, parent: QWidget) -> QLabel:
    """A label under a sample, for tokens and cost."""
    label = QLabel(parent)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setToolTip(COST_TOOLTIP)
    return label


def cost_text(rendered: Rendered) -> str:
    """Tokens and cost of a rendered prompt, in words. A price that is not known is never 0."""
    tokens = f"{rendered.tokens:,} tokens, estimated"
    if rendered.counted_tokens != rendered.tokens:
        tokens += f"; this scenario counts {rendered.counted_tokens:,} on average"
    costs = []
    for each in rendered.costs:
        if not each.fits:
            costs.append(f"{each.target} refuses it (too long)")
        elif each.usd is None:
            costs.append(f"{each.target} no price known")
        else:
            costs.append(f"{each.target} {usd(each.usd)}")
    return f"{tokens}. One request: {'; '.join(costs)}."


def _as_chat(rendered: Rendered) -> str:
    return shortened("\n\n".join(f"[{role}]\n{text}" for role, text in rendered.messages))
