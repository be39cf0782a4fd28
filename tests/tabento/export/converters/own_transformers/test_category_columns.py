"""Columns of pandas' category type before LightGBM and XGBoost: the indices of the fitted categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tabento.transformers.category_columns import CategoryColumns

COLOURS, SIZES = ("red", "green", "blue", "grey"), (3, 1, 2, 5, 4)
"""In an order of their own; sizes are integers in training and texts in requests."""


def contract(unknown: Any = "ignore", colours: tuple[str, ...] = COLOURS) -> Contract:
    """Return two categories and a number."""
    return Contract(
        name="boxes",
        title="Boxes",
        description="",
        task="regression",
        features=(
            Feature(name="colour", type="category", categories=colours, unknown=unknown, nullable=True),
            Feature(name="size", type="category", categories=("1", "2", "3", "4", "5"), unknown=unknown),
            Feature(name="weight", type="number", nullable=True, minimum=-9, maximum=9),
        ),
        output=Output(name="price"),
    )


GENERATOR = np.random.default_rng(0)
ROWS = np.c_[GENERATOR.integers(0, 4, 500), GENERATOR.integers(0, 5, 500), GENERATOR.standard_normal(500)].astype(float)
ROWS[GENERATOR.random(500) < 0.1, 0] = np.nan
FRAME = to_frame(ROWS, contract())
TARGET = np.nan_to_num(ROWS[:, 0]) * (ROWS[:, 1] - 2) + ROWS[:, 2]
CATEGORIES: dict[str, list[Any]] = {"colour": ["grey", "red", "green", "blue"], "size": list(SIZES)}


def boosters() -> list[Any]:
    """Return a model of each installed library."""
    lightgbm = pytest.importorskip("lightgbm")
    xgboost = pytest.importorskip("xgboost")
    return [
        lightgbm.LGBMRegressor(n_estimators=6, min_child_samples=5, verbose=-1, n_jobs=1),
        xgboost.XGBRegressor(n_estimators=6, max_depth=4, enable_categorical=True, n_jobs=1),
        xgboost.XGBRegressor(n_estimators=6, max_cat_to_onehot=9, enable_categorical=True, n_jobs=1),
    ]


@pytest.mark.parametrize("number", range(3))
def test_category_columns(number: int) -> None:
    """Every row reaches the same leaf, also with unknown and missing categories."""
    pipeline = make_pipeline(CategoryColumns(CATEGORIES), boosters()[number]).fit(FRAME, TARGET)
    report = check_parity(pipeline, serialise(export_pipeline(pipeline, contract())), contract(), FRAME, max_rows=1000)
    assert (report.other_branches, report.worst_relative, report.trees) == (0, 0.0, 6)


@pytest.mark.parametrize("number", range(2))
def test_other_categories_are_refused(number: int) -> None:
    """Other categories, another order, no categories, or unlisted ones are refused."""
    model = boosters()[number]
    pipeline = make_pipeline(CategoryColumns(CATEGORIES), model).fit(FRAME, TARGET)
    with pytest.raises(ExportError, match="columns"):
        export_pipeline(model, contract())
    step = CategoryColumns({**CATEGORIES, "colour": list(COLOURS)}).fit(FRAME)
    with pytest.raises(ExportError, match="CategoryColumns in front of it"):
        export_pipeline(make_pipeline(step, model), contract())
    with pytest.raises(ExportError, match="the category 'grey' of 'colour', which the contract does not list"):
        export_pipeline(pipeline, contract(colours=COLOURS[:3]))
    export_pipeline(pipeline, contract("refuse", COLOURS[:3]))


def test_numbers_are_refused() -> None:
    """A column of categories that the contract sends as numbers is refused."""
    features = (Feature(name="colour", type="number"), *contract().features[1:])
    numbers = contract().model_copy(update={"features": features})
    pipeline = make_pipeline(CategoryColumns(CATEGORIES), boosters()[0]).fit(FRAME, TARGET)
    with pytest.raises(ExportError, match="'colour' was a column of categories"):
        export_pipeline(pipeline, numbers)


def test_frame() -> None:
    """The model's frame has the fitted categories in their order; any other value is missing."""
    rows = to_frame(np.array([[-1.0, 2.0, 0.5], [np.nan, 0.0, 1.0], [3.0, 4.0, 2.0]]), contract())
    result = CategoryColumns(CATEGORIES).fit(rows).transform(rows)
    assert result["colour"].cat.categories.tolist() == CATEGORIES["colour"]
    assert result["size"].tolist() == [3, 1, 5]
    assert result["colour"].isna().tolist() == [True, True, False]
    assert result["weight"].tolist() == [0.5, 1.0, 2.0]
    assert rows["colour"].dtype == object
    with pytest.raises(ValueError, match="none for \\['mass'\\]"):
        CategoryColumns({"mass": [1]}).fit(pd.DataFrame({"weight": [1.0]}))
