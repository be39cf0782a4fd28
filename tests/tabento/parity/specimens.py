"""Small pipelines and their contracts for the tests of the proof: one table, many ways to learn from it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tabento.bundle.contract import Contract, Feature, Output
from tabento.tables.frames import to_frame, to_rows

LABELS = ("high", "low", "middle")
NUMBERS = ["size", "weight", "parts", "slack"]
FEATURES = (
    Feature(name="size", type="number", minimum=-10, maximum=10),
    Feature(name="weight", type="number", minimum=0, maximum=1e6),
    Feature(name="parts", type="integer", minimum=0, maximum=60),
    Feature(name="slack", type="number", minimum=-10, maximum=10, nullable=True),
    Feature(name="new", type="boolean"),
    Feature(name="kind", type="category", categories=("x", "ü", "", "z"), nullable=True, unknown="ignore"),
)


def contract(*, classes: tuple[Any, ...] | None = None, probabilities: bool = True) -> Contract:
    """Return the table's contract, for a regression or for labels."""
    return Contract(
        name="specimen",
        title="Specimen",
        description="",
        task="regression" if classes is None else "classification",
        features=FEATURES,
        output=Output(name="price", classes=classes, probabilities=classes is not None and probabilities),
    )


def table(rows: int, seed: int = 3) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return validated rows and a target that depends on every column."""
    generator = np.random.default_rng(seed)
    slack = generator.uniform(-5, 5, rows)
    frame = pd.DataFrame(
        {
            "size": generator.normal(0, 1, rows),
            "weight": generator.lognormal(3, 2, rows),
            "parts": generator.integers(0, 50, rows).astype(np.float64),
            "slack": np.where(generator.random(rows) < 0.1, np.nan, slack),
            "new": generator.integers(0, 2, rows).astype(np.float64),
            "kind": generator.choice(np.array(["x", "ü", "", "z", None], dtype=object), rows),
        }
    )
    target = 2 * frame["size"] + np.log(frame["weight"]) + 0.1 * frame["parts"] + 0.3 * slack + frame["new"]
    return frame, (target + 3 * (frame["kind"] == "x") + generator.normal(0, 0.3, rows)).to_numpy(dtype=np.float64)


def labels_of(target: NDArray[np.float64]) -> NDArray[np.str_]:
    """Return the target as one of three labels."""
    return np.array(["low", "middle", "high"])[np.digitize(target, np.quantile(target, [0.3, 0.7]))]


def make_preprocessing(*steps: Any) -> ColumnTransformer:
    """Return preprocessing: imputed numbers through some steps, the boolean as it is, a column per category."""
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), *steps), NUMBERS),
            ("booleans", "passthrough", ["new"]),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
        ]
    )


def fit_specimen(pipeline: Any, *, labels: bool = False, rows: int = 400) -> Any:
    """Fit a pipeline on the table, on numbers or on labels."""
    frame, target = table(rows)
    frame_as_served = to_frame(to_rows(frame, contract()), contract())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipeline.fit(frame_as_served, labels_of(target) if labels else target)


def change_splits(model: onnx.ModelProto, change: Any) -> None:
    """Change the thresholds of a graph's first trees in place."""
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    splits = next(attribute for attribute in trees.attribute if attribute.name == "nodes_splits")
    splits.t.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(splits.t).copy()), "splits"))
