"""The forest of the benchmark: a model with expensive rows, on the data of a config whose own model is fast.

The trainer's configs know gradient boosting only, so the forest is fitted here; it is exported as any pipeline is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from tabento.bundle.contract import Contract
from tabento.tables.frames import to_frame, to_rows

TREES = 200
DEPTH = 20
SEED = 42


def fit_forest(frame: pd.DataFrame, target: NDArray[np.float64], contract: Contract, trees: int = TREES) -> Pipeline:
    """Fit a forest on a validated frame.

    A category becomes its index in the contract, a missing number stays missing: scikit-learn's forests take both.

    Args:
        frame: a column for each feature, N rows.
        target: float64 of shape (N,).
        contract: the columns in the order in which they travel.
        trees: the number of trees.

    Returns:
        A fitted pipeline that takes frames of ``tabento.tables.frames.to_frame``.

    Raises:
        ValueError: a category may be missing or unknown, which has no index.
    """
    loose = [feature.name for feature in contract.features if feature.type == "category" and feature.nullable]
    loose += [feature.name for feature in contract.features if feature.unknown == "ignore"]
    if loose:
        raise ValueError(f"expected categories that are always there and known, got {loose}: fit another model on them")
    numbers, categories = _groups(contract)
    encoder = OrdinalEncoder(categories=[np.array(_values(contract, name), dtype=object) for name in categories])
    pipeline = Pipeline(
        [
            ("columns", ColumnTransformer([("numbers", "passthrough", numbers), ("categories", encoder, categories)])),
            ("model", RandomForestRegressor(trees, max_depth=DEPTH, random_state=SEED)),
        ]
    )
    return pipeline.fit(to_frame(to_rows(frame, contract), contract), target)


def _groups(contract: Contract) -> tuple[list[str], list[str]]:
    """Return the names of the numbers and of the categories, in the order in which the forest sees them."""
    numbers = [feature.name for feature in contract.features if feature.type != "category"]
    return numbers, [feature.name for feature in contract.features if feature.type == "category"]


def _values(contract: Contract, name: str) -> tuple[str, ...]:
    return next(feature.categories or () for feature in contract.features if feature.name == name)
