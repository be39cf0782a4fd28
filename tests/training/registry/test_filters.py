"""Conditions on figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from training.registry.errors import RegistryError
from training.registry.filters import filter_versions
from training.registry.version import Version


def version(number: int, **metrics: float) -> Version:
    """Return a version with some figures."""
    tags = {"bundle": f"flats:{number}", "metrics": json.dumps(metrics)}
    return Version("flats", number, (), None, datetime(2026, 1, 1, tzinfo=UTC), "", tags)


VERSIONS = [version(1, wmape=7.5, r2=0.8), version(2, wmape=8.0, r2=0.9), version(3, r2=0.95)]


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ([], [1, 2, 3]),
        (["wmape<8"], [1]),
        (["wmape <= 8.0"], [1, 2]),
        (["r2>.85", "wmape>=8e0"], [2]),
        (["r2 != 0.8"], [2, 3]),
        (["r2=0.95"], [3]),
        (["mape<100"], []),
    ],
)
def test_every_condition_must_be_met(conditions: list[str], numbers: list[int]) -> None:
    """A version without the metric meets no condition on it."""
    assert [version.number for version in filter_versions(VERSIONS, conditions)] == numbers


@pytest.mark.parametrize("condition", ["", "wmape", "wmape<", "<8", "wmape<eight", "wmape<8;"])
def test_other_forms_are_refused(condition: str) -> None:
    """The message gives an example."""
    with pytest.raises(RegistryError, match="such as 'wmape<8'"):
        filter_versions(VERSIONS, [condition])
