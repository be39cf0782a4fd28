"""Tests of the findings in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.studies.exploration.findings import find_notices
from training.studies.exploration.study import compute_study


def _texts(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame | None = None) -> str:
    test_part = test if test is not None else train
    return "\n".join(
        f"{notice.level}: {notice.text}" for notice in find_notices(config, compute_study(config, train, test_part))
    )


def test_sound_rows_have_no_warnings() -> None:
    """Rows without problems give no warning."""
    frame = orchard_frame(900).sample(frac=1, random_state=0)
    assert "warning" not in _texts(orchard_config(), frame.iloc[:700], frame.iloc[700:])


@pytest.mark.parametrize(
    ("column", "values", "text"),
    [
        ("height", 3.0, "height has the same value in every row"),
        ("slope", np.nan, "slope has no value in any training row"),
        ("height", [3.0] * 399 + [4.0], "height has one value in 99.75% of the rows"),
        ("age", list(np.arange(400.0)), "age is different in 100% of the rows"),
        ("height", list(np.exp(np.linspace(0, 9, 400))), "height is skewed"),
        ("slope", [np.nan] * 200 + [1.0, 2.0] * 100, "slope is missing in 50% of the rows"),
        ("sort", ["COX"] * 398 + ["BOSKOOP"] * 2, "sort has 1 categories in less than 1% of the rows each: 'BOSKOOP'"),
        ("sort", ["COX", "BOSKOOP"] * 200, "sort: no training row has 'GLOSTER'"),
    ],
)
def test_a_troubled_column_is_named(column: str, values: Any, text: str) -> None:
    """Each problem of a column has its sentence."""
    frame = orchard_frame(400)
    frame[column] = values
    assert text in _texts(orchard_config(), frame)


def test_a_capped_target_is_warned_of() -> None:
    """A spike at the highest value is reported as a cap."""
    frame = orchard_frame(600)
    frame["apples"] = np.minimum(frame["apples"], frame["apples"].quantile(0.9))
    assert "warning: The target apples has its highest value" in _texts(orchard_config(), frame)


def test_a_skewed_target_gets_advice() -> None:
    """A long tail suggests another scale."""
    frame = orchard_frame(600)
    frame["apples"] = np.exp(np.linspace(0, 9, 600))
    assert "`estimator.target: log` might fit" in _texts(orchard_config(), frame)


def test_duplicates_are_warned_of() -> None:
    """Duplicate rows are counted."""
    frame = orchard_frame(300)
    doubled = pd.concat([frame, frame.iloc[:30]], ignore_index=True)
    assert "30 of 330 training rows (9.1%) repeat an earlier one" in _texts(orchard_config(), doubled)


def test_correlated_columns_are_named() -> None:
    """A highly correlated pair is reported once."""
    frame = orchard_frame(400)
    frame["height"] = frame["crown width"] * 2
    assert _texts(orchard_config(), frame).count("crown width and height are highly correlated") == 1


def test_a_feature_that_is_the_target_is_warned_of() -> None:
    """A feature that nearly determines the target is a warning."""
    frame = orchard_frame(400)
    frame["height"] = frame["apples"]
    assert "warning: height alone nearly determines the target" in _texts(orchard_config(), frame)


def test_informative_missing_values_are_noted() -> None:
    """Values that are missing for high targets are a finding."""
    frame = orchard_frame(400)
    frame.loc[frame["apples"] > frame["apples"].median(), "slope"] = np.nan
    assert "a missing value is informative" in _texts(orchard_config(), frame)


def test_a_rare_class_is_warned_of() -> None:
    """A class with few rows gives a warning about accuracy."""
    frame = seedling_frame(600)
    frame["fate"] = np.where(np.arange(600) < 12, 1.0, 0.0)
    assert "The class 'died' of fate has 12 rows (2%)" in _texts(seedling_config(), frame)


def test_a_split_that_differs_is_warned_of() -> None:
    """A test part with another distribution is a warning."""
    frame = orchard_frame(600).sort_values("age")
    text = _texts(orchard_config(), frame.iloc[:400], frame.iloc[400:])
    assert "warning: age differs significantly between the training and the test part" in text


def test_warnings_come_before_notes() -> None:
    """Warnings are before notes."""
    frame = orchard_frame(400)
    frame["height"] = frame["crown width"] * 2
    frame["slope"] = 1.0
    levels = [notice.level for notice in find_notices(orchard_config(), compute_study(orchard_config(), frame, frame))]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 2
