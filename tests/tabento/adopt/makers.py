"""Pipelines as somebody else would fit them, on files as pandas reads them: three that no code of Tabento knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

ROWS = 300
TREE_TYPES = ("sklearn.tree._tree.Tree",)
"""What skops does not know as harmless in a random forest."""


def boats(rows: int = ROWS, seed: int = 1) -> pd.DataFrame:
    """Boats with their prices: numbers, integers, booleans, text, and values that are missing."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "length": np.round(generator.uniform(4, 18, rows), 2),
            "berths": generator.integers(0, 9, rows),
            "sails": generator.choice([True, False], rows),
            "hull": generator.choice(np.array(["steel", "wood", "grp", "Öl & Teer"], dtype=object), rows),
            "engine hours": np.round(generator.exponential(900, rows), 0),
        }
    )
    price = (
        900 * frame["length"] ** 1.4 + 700 * frame["berths"] + 4000 * frame["sails"] + 3000 * (frame["hull"] == "grp")
    )
    frame["price"] = np.round(price + generator.normal(0, 1500, rows), 2)
    frame.loc[generator.random(rows) < 0.1, "engine hours"] = np.nan
    frame.loc[generator.random(rows) < 0.1, "hull"] = None
    return frame


def letters(rows: int = ROWS, seed: int = 2) -> pd.DataFrame:
    """Letters, and whether they arrive: ``late`` or ``on time``."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "weight": np.round(generator.gamma(2, 20, rows), 1),
            "zone": generator.choice(np.array(["01", "02", "10", "NA"], dtype=object), rows),
            "day": generator.choice(np.array(["mon", "tue", "sat", "sun"], dtype=object), rows),
        }
    )
    late = (frame["day"].isin(["sat", "sun"]) & (generator.random(rows) < 0.8)) | (frame["weight"] > 90)
    frame["arrival"] = np.where(late, "late", "on time")
    return frame


def stones(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Stones and their kind: 1, 2 or 3."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(1, 4, rows)
    return pd.DataFrame(
        {
            "mass": np.round(generator.normal(50 * kind, 20), 3),
            "density": np.round(generator.normal(2.4 + 0.2 * kind, 0.15), 3),
            "veins": generator.integers(0, 4, rows) + kind,
            "kind": kind,
        }
    )


def write_csv(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Write a file and return it as pandas reads it; ``zone`` is kept as text, as its owner would."""
    frame.to_csv(path, index=False)
    if "zone" in frame.columns:
        return pd.read_csv(path, dtype={"zone": str}, keep_default_na=False)
    return pd.read_csv(path)


def boat_pipeline(frame: pd.DataFrame) -> Pipeline:
    """A regression with imputers for numbers and text; the price is learned on its logarithm."""
    columns = ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["length", "engine hours"]),
            (
                "text",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                ["hull"],
            ),
        ],
        remainder="passthrough",
    )
    model = TransformedTargetRegressor(
        GradientBoostingRegressor(n_estimators=30, random_state=0), func=np.log, inverse_func=np.exp
    )
    return Pipeline([("columns", columns), ("model", model)]).fit(frame.drop(columns="price"), frame["price"])


def letter_pipeline(frame: pd.DataFrame) -> Pipeline:
    """A classifier of two labels that are text; its zones look like numbers and like missing."""
    columns = ColumnTransformer(
        [
            ("zone", OneHotEncoder(), ["zone"]),
            ("day", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["day"]),
        ],
        remainder=StandardScaler(),
    )
    return make_pipeline(columns, LogisticRegression()).fit(frame.drop(columns="arrival"), frame["arrival"])


def stone_pipeline(frame: pd.DataFrame) -> Pipeline:
    """A classifier of three labels that are integers, a scaled forest."""
    forest = RandomForestClassifier(n_estimators=12, max_depth=6, random_state=0)
    return make_pipeline(StandardScaler(), forest).fit(frame.drop(columns="kind"), frame["kind"])


def small_pipeline(columns: int = 2) -> Pipeline:
    """A pipeline that is fitted in a moment, on columns a, b, …"""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(40, columns)), columns=list("abcdefgh"[:columns]))
    return make_pipeline(StandardScaler(), Ridge()).fit(frame, frame.sum(axis=1))


def save_joblib(pipeline: Any, path: Path) -> Path:
    """Save as joblib does."""
    joblib.dump(pipeline, path)
    return path


def save_skops(pipeline: Any, path: Path) -> Path:
    """Save as skops does."""
    skops.io.dump(pipeline, path)
    return path


def count_rows(tree: Any) -> Any:
    """Give a classifier's tree the values that scikit-learn before 1.4 left: numbers of rows instead of shares."""
    nodes = tree.tree_
    nodes.value[...] = nodes.value * nodes.weighted_n_node_samples[:, np.newaxis, np.newaxis]
    return tree
