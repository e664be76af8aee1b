"""A scenario as a presentation plays it: act by act, at the presenter's pace."""

from __future__ import annotations

from app.scenario.files import changed_text
from app.scenario.model import Scenario


def staged_text(text: str, scenario: Scenario) -> str:
    """The text of `scenario` as it is before its first act begins.

    Its own `[[changes]]` are left out, for the acts take their place; the first act's are settings from the start;
    and if every act says how long it plays, the run is as long as all of them.
    """
    acts = scenario.acts
    settings = [(switch.set, switch.value) for act in acts[:1] for switch in act.changes]
    lengths_s = [act.for_s for act in acts]
    if acts and None not in lengths_s:
        settings.append(("duration_s", sum(each for each in lengths_s if each is not None)))
    return changed_text(text, settings, ())
