"""Tests of the findings in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.study.findings import find
from training.study.report import study


def _said(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame | None = None) -> str:
    given = test if test is not None else train
    return "\n".join(f"{notice.level}: {notice.text}" for notice in find(config, study(config, train, given)))


def test_sound_rows_have_no_warnings() -> None:
    """Rows without trouble are told so by silence."""
    frame = orchard_frame(900).sample(frac=1, random_state=0)
    assert "warning" not in _said(orchard_config(), frame.iloc[:700], frame.iloc[700:])


@pytest.mark.parametrize(
    ("column", "values", "said"),
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
def test_a_troubled_column_is_named(column: str, values: Any, said: str) -> None:
    """Each kind of trouble of one column has its sentence."""
    frame = orchard_frame(400)
    frame[column] = values
    assert said in _said(orchard_config(), frame)


def test_a_capped_target_is_warned_of() -> None:
    """A pile on the highest value is called a cap."""
    frame = orchard_frame(600)
    frame["apples"] = np.minimum(frame["apples"], frame["apples"].quantile(0.9))
    assert "warning: The target apples has its highest value" in _said(orchard_config(), frame)


def test_a_skewed_target_gets_advice() -> None:
    """A long tail suggests another scale."""
    frame = orchard_frame(600)
    frame["apples"] = np.exp(np.linspace(0, 9, 600))
    assert "`estimator.target: log` may fit" in _said(orchard_config(), frame)


def test_copies_are_warned_of() -> None:
    """Rows that stand twice are counted."""
    frame = orchard_frame(300)
    doubled = pd.concat([frame, frame.iloc[:30]], ignore_index=True)
    assert "30 of 330 training rows (9.1%) repeat an earlier one" in _said(orchard_config(), doubled)


def test_columns_that_go_together_are_named() -> None:
    """A pair that says the same is found once."""
    frame = orchard_frame(400)
    frame["height"] = frame["crown width"] * 2
    assert _said(orchard_config(), frame).count("crown width and height go together") == 1


def test_a_feature_that_is_the_target_is_warned_of() -> None:
    """What nearly tells the answer is asked about."""
    frame = orchard_frame(400)
    frame["height"] = frame["apples"]
    assert "warning: height alone nearly tells the target" in _said(orchard_config(), frame)


def test_missing_that_says_something_is_noted() -> None:
    """Values that are missing where the target is high are a signal."""
    frame = orchard_frame(400)
    frame.loc[frame["apples"] > frame["apples"].median(), "slope"] = np.nan
    assert "that it is missing says something" in _said(orchard_config(), frame)


def test_a_rare_class_is_warned_of() -> None:
    """A class with few rows makes accuracy say little."""
    frame = seedling_frame(600)
    frame["fate"] = np.where(np.arange(600) < 12, 1.0, 0.0)
    assert "The class 'died' of fate has 12 rows (2%)" in _said(seedling_config(), frame)


def test_a_split_that_differs_is_warned_of() -> None:
    """A test part of other rows is told."""
    frame = orchard_frame(600).sort_values("age")
    said = _said(orchard_config(), frame.iloc[:400], frame.iloc[400:])
    assert "warning: age differs between the training and the test part beyond chance" in said


def test_warnings_come_before_notes() -> None:
    """What matters most is read first."""
    frame = orchard_frame(400)
    frame["height"] = frame["crown width"] * 2
    frame["slope"] = 1.0
    levels = [notice.level for notice in find(orchard_config(), study(orchard_config(), frame, frame))]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 2
