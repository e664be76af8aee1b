"""The scenario that most tests of the switches are about."""

from __future__ import annotations

from app.scenario.files import open_scenario

SUPPORT = open_scenario("support-assistant")
