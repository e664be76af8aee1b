"""Which language a text is in, by py3langid: naive Bayes over byte n-grams, 140 languages, offline.

Loading its model takes about a second and 100 MB, so it happens at the first language check, in the worker
process.
"""

from __future__ import annotations

from functools import cache
from typing import Any

LOOKED_AT_CHARS = 4_000
SURE_CONFIDENCE = 0.5  # below it the text is too short, or too mixed, to hold its language against it


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def known_languages() -> tuple[str, ...]:
    """The ISO 639 codes that can be recognised."""
    return tuple(_identifier().labels)


def recognise(text: str) -> tuple[str, float]:
    """The likeliest language (ISO 639 code) of a text's opening and its probability in [0, 1]."""
    language, confidence = _identifier().classify(text[:LOOKED_AT_CHARS])
    return str(language), float(confidence)
