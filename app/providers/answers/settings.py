"""What a scenario may say about the simulated model's answers."""

from __future__ import annotations

from typing import Self

from pydantic import Field, JsonValue, model_validator

from app.scenario.base import Settings

EXPECTED = "{expected}"
"""What stands for the value in a template. Any other brace is just a brace."""


class Answers(Settings):
    """The simulated model's answers. A `path` to a schema is the loader's to read: here it is a table."""

    prompts: tuple[str, ...] = ()
    """The prompts that are answered so; all of them when empty."""
    expected_column: str | None = Field(default=None, min_length=1)
    """The data column that holds the right answer."""
    field: str | None = Field(default=None, min_length=1)
    """Dotted path of the JSON field that carries the right answer; without it, the answer's texts do."""
    schema_: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    """A JSON Schema that answers satisfy; without it and without `field`, answers are plain text."""
    templates: tuple[str, ...] = ()
    """Texts of answers, in which `{expected}` stands for the value; in a JSON answer, of its free strings."""
    wrong_values: tuple[str, ...] = ()
    """What wrong answers say; the other values of the expected column unless told."""

    @model_validator(mode="after")
    def _value_has_a_source_and_a_place(self) -> Self:
        if self.expected_column is None:
            if self.field is not None or any(EXPECTED in template for template in self.templates):
                raise ValueError(
                    f"field and {EXPECTED} need expected_column, the column whose value they carry"
                )
        elif self.field is None and not all(EXPECTED in template for template in self.templates):
            raise ValueError(
                f"without field, each template needs {EXPECTED}: a right answer carries the value"
            )
        return self
