"""The fields of one target: where real calls to it go, how it is spoken to, as which model, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QGroupBox, QHBoxLayout, QLabel, QLineEdit, QWidget

from app.errors import UserError
from app.providers.address import Api
from app.providers.key_rules import origin_of
from app.providers.prices import Price, price_for
from app.providers.profile import Target
from widgets.foreign_text import in_a_cell
from widgets.trial.switchboard import Setting
from widgets.wheel import scroll_past

APIS: Final[dict[Api, str]] = {
    "openai-chat": "OpenAI chat completions, and compatible ones",
    "openai-responses": "OpenAI responses",
    "anthropic-messages": "Anthropic messages",
}
ADDRESS_TIP: Final = "What the provider calls base URL: the API's own path is added to it."
_MAX_ADDRESS: Final = 2_000
_PUBLISHED, _GIVEN = 0, 1


class TargetForm(QGroupBox):
    """Attributes: `base_url`, `api`, `model`, `pricing`, `input_usd`, `output_usd`."""

    def __init__(self, name: str, target: Target) -> None:
        super().__init__(in_a_cell(name).replace("&", "&&"))
        self.setObjectName(f"target_{name}")
        self._name = name
        endpoint = target.endpoint
        self.base_url = _field("https://api.example.com/v1", endpoint.base_url if endpoint else "")
        self.base_url.setMaxLength(_MAX_ADDRESS)
        self.base_url.setToolTip(ADDRESS_TIP)
        self.api = QComboBox()
        for api, title in APIS.items():
            self.api.addItem(title, api)
        if endpoint is not None:
            self.api.setCurrentIndex(list(APIS).index(endpoint.api))
        self.model = _field("As the provider calls it", target.model)
        self.pricing = QComboBox()
        self.pricing.addItems(["As published for the model", "As given here"])
        scroll_past(self.api, self.pricing)
        # A price beside no model is the simulated provider's, and nobody's real one.
        given = target.price if target.model else None
        self.pricing.setCurrentIndex(_PUBLISHED if given is None else _GIVEN)
        self.input_usd = _field("0.15", "" if given is None else f"{given.input_usd_per_million_tokens:g}")
        self.output_usd = _field("0.60", "" if given is None else f"{given.output_usd_per_million_tokens:g}")
        self._given = given
        self._lay_out()

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._prices = QWidget()
        row = QHBoxLayout(self._prices)
        row.setContentsMargins(0, 0, 0, 0)
        for title, amount in (("input", self.input_usd), ("output", self.output_usd)):
            row.addWidget(QLabel(title))  # what an example in the field says is gone once it is filled
            row.addWidget(amount)
        self.input_usd.setAccessibleName(f"{self._name}: US dollars per million input tokens")
        self.output_usd.setAccessibleName(f"{self._name}: US dollars per million output tokens")
        for title, field in (
            ("Address", self.base_url),
            ("API", self.api),
            ("Model", self.model),
            ("Price", self.pricing),
        ):
            label = QLabel(title)
            label.setBuddy(field)
            field.setAccessibleName(f"{self._name}: {title}")
            form.addRow(label, field)
        self._prices_label = QLabel("$ per million tokens")
        form.addRow(self._prices_label, self._prices)
        self.pricing.currentIndexChanged.connect(self._show_prices)
        self._show_prices()

    @Slot()
    def _show_prices(self) -> None:
        given = self.pricing.currentIndex() == _GIVEN
        self._prices.setVisible(given)
        self._prices_label.setVisible(given)

    def settings(self) -> list[Setting]:
        """What the fields come to, as settings of the scenario. Raises UserError for what is left open or wrong."""
        where = f"targets.{self._name}"
        base_url, model = self.base_url.text().strip(), self.model.text().strip()
        if not base_url or not model:
            self._point_to(self.model if base_url else self.base_url)
            raise UserError(
                "it is not said where calls go, or to which model",
                where=self._name,
                do="Give address and model.",
            )
        try:
            origin_of(base_url)
        except UserError as error:
            self._point_to(self.base_url)
            raise UserError(error.what, where=f"{self._name}, address", do=error.do) from None
        return [
            (f"{where}.endpoint", {"base_url": base_url, "api": self.api.currentData()}),
            (f"{where}.model", model),
            (f"{where}.price", self._price()),
        ]

    def check_price(self) -> Callable[[], None]:
        """What finds out, on any thread, whether the model's price is published where it is to be. It raises UserError."""
        published = self.pricing.currentIndex() == _PUBLISHED
        model, where = self.model.text().strip(), self._name

        def check() -> None:
            try:
                if published:
                    price_for(model)
            except UserError as error:
                do = "Choose the price 'As given here', and give it."
                raise UserError(error.what, where=where, do=do) from None

        return check

    def _point_to(self, field: QLineEdit) -> None:
        """Put the keyboard where something is wrong."""
        field.setFocus()
        field.selectAll()

    def _price(self) -> dict[str, object] | None:
        if self.pricing.currentIndex() == _PUBLISHED:
            return None
        try:
            asked, answered = (
                float(each.text().replace(",", ".")) for each in (self.input_usd, self.output_usd)
            )
            price = Price(input_usd_per_million_tokens=asked, output_usd_per_million_tokens=answered)
        except ValueError:
            self._point_to(self.input_usd)
            raise UserError(
                "the price is no price", where=self._name, do="Give two amounts, such as 0.15 and 0.60."
            ) from None
        if self._given is not None and (asked, answered) == (
            self._given.input_usd_per_million_tokens,
            self._given.output_usd_per_million_tokens,
        ):
            price = self._given  # with where it is from
        return price.model_dump(mode="json", exclude_none=True)


def _field(example: str, text: str) -> QLineEdit:
    field = QLineEdit(text)
    field.setPlaceholderText(example)
    return field
