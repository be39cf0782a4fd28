"""Everything here is marked: it needs real parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_parts.recorder import Recorder, recording

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.real_parts)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A server that keeps the bytes that it is sent."""
    with recording() as running:
        yield running
