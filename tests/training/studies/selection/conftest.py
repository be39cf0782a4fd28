"""The measurements of these tests last a moment: what they find is looked at by its shape, never by its size."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _measured_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure each graph for a hundredth of a second."""
    monkeypatch.setattr("training.studies.selection.cost.MEASURED_S", 0.01)
