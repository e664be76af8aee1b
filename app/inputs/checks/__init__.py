"""Checks of answers: what a scenario may ask of one, and how that is decided.

`perform` belongs in a bounded worker process; see perform.py. Who is allowed to use a check (a safeguard, or
only the score) is said by its `scores` and enforced where safeguards are read.
"""

from __future__ import annotations

from app.inputs.checks.perform import check_settings, perform, prepare
from app.inputs.checks.settings import (
    AnyCheck,
    ContainsCheck,
    EqualsColumnCheck,
    JsonSchemaCheck,
    LanguageCheck,
    LengthCheck,
    RefusalCheck,
    RegexCheck,
    check_job,
    may_hang,
)

__all__ = [
    "AnyCheck",
    "ContainsCheck",
    "EqualsColumnCheck",
    "JsonSchemaCheck",
    "LanguageCheck",
    "LengthCheck",
    "RefusalCheck",
    "RegexCheck",
    "check_job",
    "check_settings",
    "may_hang",
    "perform",
    "prepare",
]
