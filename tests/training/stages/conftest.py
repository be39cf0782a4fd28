"""Fixtures that the tests of stages share with those of the studies that the stages run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.training.studies.evaluation.conftest import folder as folder
from tests.training.studies.evaluation.conftest import orchard as orchard
from tests.training.studies.evaluation.conftest import report as report
from tests.training.studies.evaluation.conftest import trees as trees
from training.report import drawing

FULL_PLOTS = (drawing.DPI, drawing.LAYOUT)
"""The settings of plots without the fixture ``quick_plots``."""


@pytest.fixture
def short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure each graph for a hundredth of a second: the tests look at the shape of a result, never at its size."""
    monkeypatch.setattr("training.studies.selection.cost.MEASURED_S", 0.01)


@pytest.fixture(scope="module")
def one_process() -> Iterator[None]:
    """Let joblib see one core: starting processes would take longer than these small fits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        yield


@pytest.fixture
def one_permutation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permute each column once to rank it: a study takes most of its time for that."""
    monkeypatch.setattr("training.studies.features.columns.PERMUTATIONS", 1)


@pytest.fixture(scope="package", autouse=True)
def quick_plots() -> Iterator[None]:
    """Draw plots in a low resolution and without the layout engine; the tests of the reports draw them in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.report.drawing.DPI", 30)
        patch.setattr("training.report.drawing.LAYOUT", None)
        yield
