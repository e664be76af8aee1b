"""The switches of a ready-made scenario, for whatever shows them."""

from __future__ import annotations

import pytest

from tests.widgets.trial.boards import SUPPORT
from widgets.trial.switchboard import Switchboard


@pytest.fixture
def board() -> Switchboard:
    switchboard = Switchboard()
    switchboard.load(SUPPORT)
    return switchboard
