"""Drift: the index, the tests beside it, and what asks for training again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.reference import Reference
from tabento.packaging.reference import build_reference
from tests.training.orchards import orchard_config, orchard_frame
from training.stages.retraining.drift import DriftReport, level_of, measure_drift


def reference(frame: pd.DataFrame) -> Reference:
    """Return the reference of a model that answers the truth."""
    return build_reference(orchard_config().contract(), frame, frame["apples"])


def drift(now: pd.DataFrame) -> DriftReport:
    """Measure rows against 2,000 usual ones."""
    return measure_drift(reference(orchard_frame(2000)), now, orchard_config())


def by_name(report: DriftReport) -> dict[str, str]:
    """Return the level of each column."""
    return {column.name: column.level for column in report.columns}


@pytest.mark.parametrize(
    ("index", "p_value", "level"),
    [
        (0.0999, 0.0, "none"),
        (0.1, 0.0, "moderate"),
        (0.1999, 0.0, "moderate"),
        (0.2, 0.0, "retrain"),
        (0.3, 0.06, "none"),
    ],
)
def test_levels(index: float, p_value: float, level: str) -> None:
    """0.1 and 0.2 are the borders; what chance explains is no drift, however large the index."""
    assert level_of(index, p_value) == level


def test_same_rows_do_not_drift() -> None:
    """Against its own reference every index is 0, for features, categories with unknown values, and the target."""
    report = drift(orchard_frame(2000))
    assert report.psi_max == pytest.approx(0.0, abs=1e-12)
    assert [column.name for column in report.columns] == [
        *("age", "crown width", "height", "slope", "pruned", "sort", "soil", "apples")
    ]
    assert report.columns[-1].role == "target"
    assert [column.p_value for column in report.columns] == pytest.approx([1.0] * 8)
    assert report.columns[0].ks == pytest.approx(0.0, abs=1e-12)
    assert report.columns[5].ks is None


def test_other_rows_of_the_same_orchard_do_not_drift() -> None:
    """Chance alone asks for nothing, with many rows and with few."""
    for rows, seed in ((2000, 6), (60, 7)):
        assert set(by_name(drift(orchard_frame(rows, seed=seed))).values()) == {"none"}


def test_each_kind_of_column_can_drift() -> None:
    """Numbers that moved, booleans and categories with other shares, values that came up, values that went missing."""
    now = orchard_frame(2000, seed=8)
    now["height"] = now["height"] * 1.8
    now["pruned"] = 1.0
    now["sort"] = "COX"
    now["soil"] = "peat"
    now["slope"] = np.where(np.arange(2000) % 2 == 0, np.nan, now["slope"])
    now["apples"] = now["apples"] + 100
    report = drift(now)
    levels = by_name(report)
    assert {name for name, level in levels.items() if level == "retrain"} == {
        *("height", "pruned", "sort", "soil", "slope", "apples")
    }
    assert levels["age"] == "none"
    assert len(report.drifted) == 6
    slope = next(column for column in report.columns if column.name == "slope")
    assert slope.missing_before == pytest.approx(0.2, abs=0.03)
    assert slope.missing_now > 0.5
    height = next(column for column in report.columns if column.name == "height")
    assert height.ks is not None
    assert height.ks > 0.3
    assert height.ks_p_value is not None
    assert height.ks_p_value < 1e-9


def test_constant_column_is_no_trouble() -> None:
    """A reference with a single bin has no edge to measure at."""
    before = orchard_frame(200)
    before["age"] = 7.0
    now = orchard_frame(200)
    now["age"] = 7.0
    report = measure_drift(reference(before), now, orchard_config())
    assert (report.columns[0].psi, report.columns[0].ks, report.columns[0].p_value) == (0.0, None, 1.0)


def test_column_that_is_empty_now_is_drift() -> None:
    """All values went missing: the index sees it, though no bin has a value."""
    now = orchard_frame(500)
    now["slope"] = np.nan
    report = drift(now)
    assert by_name(report)["slope"] == "retrain"
    assert next(column for column in report.columns if column.name == "slope").ks is None


def test_columns_that_the_reference_lacks_are_left_out() -> None:
    """A feature that the champion did not have, or had as another type, cannot have drifted."""
    complete = reference(orchard_frame(200))
    features = {name: distribution for name, distribution in complete.features.items() if name != "age"}
    features["soil"] = complete.features["height"]
    report = measure_drift(complete.model_copy(update={"features": features}), orchard_frame(200), orchard_config())
    assert {"age", "soil"}.isdisjoint(column.name for column in report.columns)
    bare = complete.model_copy(update={"features": {}, "target": None})
    assert measure_drift(bare, orchard_frame(50), orchard_config()).psi_max == 0.0
