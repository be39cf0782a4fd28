"""Two members on real data: the California housing table, on which a wrong naive conversion was first observed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.process import BenchmarkError
from benchmarks.zoo.data import contract_of
from benchmarks.zoo.measure import Specimen, without_warnings
from tabento.bundle.contract import Output
from tabento.tables.frames import to_frame, to_rows

TARGET = "median_house_value"
HOLED = "total_bedrooms"
SEED = 42
TEST_SHARE = 0.5
"""Half of 20,640 rows: with the hostile rows, more than 10,000 are compared."""
FAMILY = "california"


BOOSTED = "SimpleImputer → StandardScaler → HistGradientBoostingRegressor"
FOREST = "StandardScaler → RandomForestRegressor(60)"
NAMES = (BOOSTED, FOREST)


def california(path: Path, name: str) -> Specimen:
    """Fit a member on half of the table.

    Args:
        path: a CSV file with the table's numeric columns and the median house value.
        name: one of ``NAMES``.

    Raises:
        BenchmarkError: the file cannot be read, or contains another table.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: expected a CSV file of the California housing table, got {error}") from error
    if missing := sorted({TARGET, HOLED} - set(table.columns)):
        raise BenchmarkError(f"{path}: expected the columns {missing}, got {list(table.columns)}")
    columns = table.select_dtypes("number").drop(columns=TARGET)
    if name == FOREST:
        columns = columns.drop(columns=HOLED)
    contract = contract_of(columns, Output(name=TARGET, unit="USD"), FAMILY)
    train, test, answers, _ = train_test_split(columns, table[TARGET], test_size=TEST_SHARE, random_state=SEED)
    with without_warnings():
        pipeline = _build(name).fit(to_frame(to_rows(train, contract), contract), answers)
    return Specimen(name, FAMILY, "regression", pipeline, contract, to_frame(to_rows(test, contract), contract))


def _build(name: str) -> Any:
    if name == FOREST:
        return make_pipeline(StandardScaler(), RandomForestRegressor(60, random_state=SEED))
    boosted = HistGradientBoostingRegressor(max_iter=300, random_state=SEED)
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), boosted)
