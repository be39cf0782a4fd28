"""Hostile rows: where an export that is nearly right goes wrong.

Made from real rows, so that everything but the hostile value is plausible. They lie within the contract's ranges; only
integers may get a fraction here, because a threshold lies between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature
from training.frames import to_frame

HALVINGS = 70
"""Halvings of a line between two rows until its ends are neighbours in double; 53 bits and some for leading zeros."""
LINES_SEED = 20
"""Seed of the choice of rows between which a derived threshold is looked for."""
EDGE_BASES = 20
"""How many rows each edge is tried on."""


def threshold_rows(
    pipeline: Pipeline, contract: Contract, rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows on and around every threshold of the pipeline's trees.

    Where the tree's feature is a numeric column as it came, or imputed, the column is set to the threshold, to the
    next double below and to the next above. Where it is derived (a ratio, a similarity, a category's column), the
    value cannot be set, so a line is drawn between a row left of the threshold and a row right of it, and halved, in
    the pipeline's own arithmetic, until its ends are neighbours: the last row on one side and the first on the other.

    Args:
        pipeline: fitted, with the trees as its last step, inside a target scale or not.
        contract: the columns.
        rows: float64 of shape (N, F), N at least 1.

    Returns:
        Rows on thresholds of raw columns and rows around thresholds of derived ones, float64 of shapes (A, F), (B, F).
        A threshold that no row of the contract's ranges or no pair of rows reaches has no rows.
    """
    thresholds = _thresholds(pipeline.steps[-1][1])
    features = _features(pipeline, contract, rows)
    exact, lines = [], []
    for number in sorted(thresholds):
        column = _raw_column(features[:, number], rows, contract)
        if column is None:
            lines += [(number, split) for split in thresholds[number]]
        else:
            exact.append(_on(column, np.array(thresholds[number]), contract, rows))
    around = _around(pipeline, contract, rows, features, lines)
    return np.concatenate([*exact, np.empty((0, rows.shape[1]))]), around


def edge_rows(contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows with one extreme value each, and one with everything missing that may be.

    For each feature: both ends of its range, zero where that is inside, every category, the unknown one where it is
    ignored, true and false, and missing where that is allowed. Float64 of shape (E, F).
    """
    bases = rows[np.linspace(0, len(rows) - 1, min(EDGE_BASES, len(rows))).astype(np.intp)]
    made = []
    for position, feature in enumerate(contract.features):
        for value in _extremes(feature):
            changed = bases.copy()
            changed[:, position] = value
            made.append(changed)
    for value, features in (
        (np.nan, [at for at, feature in enumerate(contract.features) if feature.nullable]),
        (UNKNOWN_CATEGORY, [at for at, feature in enumerate(contract.features) if feature.unknown == "ignore"]),
    ):
        changed = bases.copy()
        changed[:, features] = value
        made.append(changed)
    return np.concatenate(made)


def _extremes(feature: Feature) -> list[float]:
    missing = [np.nan] if feature.nullable else []
    if feature.type == "category":
        unknown = [UNKNOWN_CATEGORY] if feature.unknown == "ignore" else []
        return [float(code) for code in range(len(feature.categories or ()))] + unknown + missing
    if feature.type == "boolean":
        return [0.0, 1.0, *missing]
    ends = [end for end in (feature.minimum, feature.maximum) if end is not None]
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    tiny = float(np.finfo(np.float64).smallest_subnormal)
    far = [value for value in (0.0, -0.0, tiny, -tiny, 1e-300, 1e15, -1e15, 1e300, -1e300) if low <= value <= high]
    return [*ends, *far, *missing]


def _thresholds(model: Any) -> dict[int, list[float]]:
    """Return the distinct thresholds of the trees, ascending, by the number of the feature."""
    trees = model.regressor_ if isinstance(model, TransformedTargetRegressor) else model
    nodes = np.concatenate([predictor.nodes for iteration in trees._predictors for predictor in iteration])
    inner = nodes[nodes["is_leaf"] == 0]
    return {
        int(number): np.unique(inner["num_threshold"][inner["feature_idx"] == number]).tolist()
        for number in np.unique(inner["feature_idx"])
    }


def _features(pipeline: Pipeline, contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the trees see of rows, float64 of shape (N, features)."""
    return np.asarray(pipeline[:-1].transform(to_frame(rows, contract)), dtype=np.float64)


def _raw_column(feature: NDArray[np.float64], rows: NDArray[np.float64], contract: Contract) -> int | None:
    """Return the numeric column that a feature is equal to wherever the column is not missing, or None."""
    for position, column in enumerate(rows.T):
        present = ~np.isnan(column)
        numeric = contract.features[position].type in ("number", "integer")
        if numeric and present.any() and np.array_equal(feature[present], column[present]):
            return position
    return None


def _on(column: int, splits: NDArray[np.float64], contract: Contract, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows whose column is on each split, one double below and one above, where the range allows it."""
    values = np.concatenate([splits, np.nextafter(splits, -np.inf), np.nextafter(splits, np.inf)])
    low, high = contract.features[column].minimum, contract.features[column].maximum
    inside = np.isfinite(values)
    inside &= values >= (-np.inf if low is None else low)
    inside &= values <= (np.inf if high is None else high)
    values = values[inside]
    made = rows[np.arange(len(values)) % len(rows)].copy()
    made[:, column] = values
    return made


def _around(
    pipeline: Pipeline,
    contract: Contract,
    rows: NDArray[np.float64],
    features: NDArray[np.float64],
    lines: list[tuple[int, float]],
) -> NDArray[np.float64]:
    """Return the two rows nearest to each threshold of a derived feature, one on either side."""
    generator = np.random.default_rng(LINES_SEED)
    chosen = []
    for number, split in lines:
        left, right = np.flatnonzero(features[:, number] <= split), np.flatnonzero(features[:, number] > split)
        if len(left) and len(right):
            chosen.append((number, split, generator.choice(left), generator.choice(right)))
    if not chosen:
        return np.empty((0, rows.shape[1]))
    numbers = np.array([line[0] for line in chosen])
    splits = np.array([line[1] for line in chosen])
    low, high = rows[[line[2] for line in chosen]].copy(), rows[[line[3] for line in chosen]].copy()
    # Categories, booleans and what is missing cannot be halved: both ends take the left row's, if the threshold still
    # lies between them then.
    whole = np.array([feature.type in ("category", "boolean") for feature in contract.features])
    fixed = whole[np.newaxis] | np.isnan(low) | np.isnan(high)
    high = np.where(fixed, low, high)
    each = np.arange(len(splits))
    between = _features(pipeline, contract, high)[each, numbers] > splits
    low, high, numbers, splits = low[between], high[between], numbers[between], splits[between]
    each = np.arange(len(splits))
    for _ in range(HALVINGS if len(splits) else 0):
        # Half of each, then added: the sum of two large values would not be finite.
        middle = np.where(np.isnan(low), low, low / 2 + high / 2)
        left = (_features(pipeline, contract, middle)[each, numbers] <= splits)[:, np.newaxis]
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return np.concatenate([low, high])
