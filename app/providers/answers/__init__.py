"""What the simulated model says; see writer.py. When it says it is the provider's business."""

from __future__ import annotations

from app.providers.answers.kinds import ANSWER_KINDS, AnswerKind
from app.providers.answers.settings import Answers
from app.providers.answers.writer import AnswerWriter

__all__ = ["ANSWER_KINDS", "AnswerKind", "AnswerWriter", "Answers"]
