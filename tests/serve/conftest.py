"""One endpoint for the tests of a module: what a test switches on it switches off again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.rig import Endpoint, endpoint


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The endpoint."""
    folder: Path = tmp_path_factory.mktemp("served")
    with endpoint(folder) as there:
        yield there
