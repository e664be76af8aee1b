"""The dialog "Serve…": the scenario as an endpoint for one's own app, with the one line that the app changes.

It stays open beside the window, whose switches and charts are about what passes while it serves.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.scenario.model import variant_title
from widgets.dialogs import opened_once
from widgets.foreign_text import breakable, in_a_cell
from widgets.session import Session
from widgets.trial.labels import plain_label

_WIDTH: Final = 640
_NONE: Final = "none: as your app is"
_ABOUT: Final = (
    "Your own app calls this scenario's simulated provider, or its real one through here. The failures on the left strike "
    "its calls while they pass, and the charts show them. It is open to this machine only."
)


def show_serve(parent: QWidget, session: Session) -> ServeDialog:
    """Open the dialog, or bring the one that is open to the front."""
    return opened_once(parent, ServeDialog, lambda: ServeDialog(parent, session))


class ServeDialog(QDialog):
    """Attributes: `upstream`, `safeguards`, `buffer`, `toggle` (starts and stops), `lines` (what an app says), `state`,
    `problem`."""

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self.setObjectName("serve")
        self.setWindowTitle("Serve your own app")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        self._lay_out()
        session.server.started.connect(self._show_state)
        session.server.died.connect(self._show_problem)
        session.state_changed.connect(self._show_state)
        session.scenario_opened.connect(self._fill)
        self.upstream.textChanged.connect(self._show_state)
        self._fill()

    def _lay_out(self) -> None:
        about = plain_label(_ABOUT, wraps=True)
        self.upstream = QLineEdit()
        self.upstream.setAccessibleName("Real provider")
        self.upstream.setPlaceholderText("https://api.openai.com/v1, or empty: the simulated one")
        self.safeguards = QComboBox()
        self.safeguards.setAccessibleName("Safeguards behind each call")
        self.safeguards.activated.connect(self._suggest)
        self.buffer = QCheckBox("Hold answers until they are whole, so that they can be checked")
        self.toggle = QPushButton()
        self.toggle.setProperty("role", "primary")
        self.toggle.clicked.connect(self._on_toggle)
        self.state = plain_label(wraps=True)
        self.problem = plain_label(wraps=True)
        self.problem.setObjectName("serve_problem")
        self.problem.setProperty("tone", "danger")
        self.problem.hide()
        form = QFormLayout()
        form.addRow("&Real provider", self.upstream)
        form.addRow("&Safeguards", self.safeguards)
        form.addRow("", self.buffer)
        self.lines: list[QLineEdit] = []
        self._copied = QWidget()
        box = QFormLayout(self._copied)
        box.setContentsMargins(0, 0, 0, 0)
        for title in ("OpenAI", "Anthropic"):
            line = QLineEdit()
            line.setReadOnly(True)
            line.setAccessibleName(f"The line for {title}")
            copy = QPushButton("Copy")
            copy.setAccessibleName(f"Copy the line for {title}")
            copy.clicked.connect(self._on_copy)
            copy.setProperty("line", len(self.lines))
            row = QHBoxLayout()
            row.addWidget(line, 1)
            row.addWidget(copy)
            box.addRow(title, row)
            self.lines.append(line)
        row = QHBoxLayout()
        row.addWidget(self.state, 1)
        row.addWidget(self.toggle)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addLayout(row)
        layout.addWidget(self._copied)
        layout.addWidget(buttons)
        self.resize(QSize(_WIDTH, self.sizeHint().height()).boundedTo(self.screen().availableSize()))

    @Slot()
    def _fill(self) -> None:
        """The variants of the scenario that is open."""
        chosen = self.safeguards.currentData()
        self.safeguards.clear()
        self.safeguards.addItem(_NONE, "")
        if self._session.switchboard.loaded:
            for name, variant in self._session.scenario().variants.items():
                self.safeguards.addItem(in_a_cell(variant_title(name, variant)), name)
        self.safeguards.setCurrentIndex(max(0, self.safeguards.findData(chosen)))
        self._show_state()

    @Slot()
    def _suggest(self) -> None:
        """Answers are held where a safeguard that was chosen must see them whole."""
        from app.serve.route import sees_whole_answers  # here, for it needs what speaks to the network

        variant = self._session.scenario().variants.get(str(self.safeguards.currentData()))
        self.buffer.setChecked(variant is not None and any(map(sees_whole_answers, variant.safeguards)))

    @Slot()
    def _show_state(self) -> None:
        session = self._session
        told: dict[str, Any] = session.server.told
        serving, real = session.server.running, bool(self.upstream.text().strip())
        self.upstream.setEnabled(not serving)
        self.safeguards.setEnabled(real and not serving)
        self.buffer.setEnabled(real and not serving)
        self.toggle.setText("Stop" if serving else "Start")
        self.toggle.setEnabled(serving or not session.busy)
        for line, text in zip(self.lines, _lines(told), strict=True):
            line.setText(text)
            line.setCursorPosition(0)
        self._copied.setEnabled(bool(told))
        if told:
            where = f"REAL CALLS to {told['upstream']}" if told["upstream"] else "SIMULATED"
            self.state.setText(in_a_cell(f"{where}. Change one line of your app:"))
        elif serving:
            self.state.setText("Starting…")
        elif session.busy:
            self.state.setText("A run goes on. Stop it first.")
        else:
            self.state.setText("Not serving.")

    @Slot(str)
    def _show_problem(self, words: str) -> None:
        """Why it does not serve: said here too, as this stands before the window's own messages."""
        self.problem.setText(breakable(words))
        self.problem.show()

    @Slot()
    def _on_toggle(self) -> None:
        self.problem.hide()
        if self._session.server.running:
            self._session.stop()
        else:
            upstream = self.upstream.text().strip()
            safeguards = str(self.safeguards.currentData() or "") if upstream else ""
            self._session.serve(upstream, safeguards, buffer=bool(safeguards) and self.buffer.isChecked())
        self._show_state()

    @Slot()
    def _on_copy(self) -> None:
        button = self.sender()
        assert isinstance(button, QPushButton)
        QApplication.clipboard().setText(self.lines[int(button.property("line"))].text())


def _lines(told: dict[str, Any]) -> tuple[str, str]:
    """What an app says in Python, by SDK; empty until somebody listens."""
    if not told:
        return "", ""
    path = str(told.get("base_path", ""))
    return (
        f'client = openai.OpenAI(base_url="{told["url"]}{path or "/v1"}")',
        f'client = anthropic.Anthropic(base_url="{told["url"]}{path.removesuffix("/v1")}")',
    )
