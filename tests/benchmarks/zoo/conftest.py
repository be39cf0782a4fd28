"""A small table for the tests of the zoo; a test must not change it."""

from __future__ import annotations

import pytest

from benchmarks.zoo.data import Table, shipments

ROWS = 500


@pytest.fixture(scope="session")
def table() -> Table:
    """Return 500 shipments."""
    return shipments(ROWS)
