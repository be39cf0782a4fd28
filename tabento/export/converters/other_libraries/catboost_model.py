"""A fitted CatBoost model as it writes itself in JSON, and the refusal of models that have no conversion.

``catboost_trees`` writes its trees, ``catboost_categories`` its splits on categories.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.converters.other_libraries.catboost_questions import MISSING_IS_HIGH
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter


@dataclass(frozen=True)
class Booster:
    """A fitted CatBoost model as it writes itself in JSON."""

    document: dict[str, Any]
    """The model."""
    loss: str
    """The loss that it was fitted with, without parameters."""

    @property
    def symmetric(self) -> bool:
        """Whether all nodes of a level have the same split."""
        return "oblivious_trees" in self.document

    @property
    def trees(self) -> list[dict[str, Any]]:
        """The trees."""
        return list(self.document.get("oblivious_trees") or self.document.get("trees") or [])

    @property
    def scale(self) -> float:
        """The factor of the sums."""
        return float(self.document["scale_and_bias"][0])

    @property
    def bias(self) -> NDArray[np.float64]:
        """The addend of each sum, shape (sums,)."""
        return np.array(self.document["scale_and_bias"][1], dtype=np.float64).ravel()


def booster_of(model: Any) -> Booster:
    """Read a fitted model of CatBoost's scikit-learn interface; CatBoost has already cut the trees after the best iteration."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        document = json.loads(path.read_text(encoding="utf-8"))
    loss = str(model.get_all_params().get("loss_function", ""))
    return Booster(document, loss.partition(":")[0])


def splits_of(booster: Booster) -> list[dict[str, Any]]:
    """Return the splits of all trees."""
    if booster.symmetric:
        return [split for root in booster.trees for split in root.get("splits") or []]
    splits, pending = [], list(booster.trees)
    while pending:
        node = pending.pop()
        if "split" in node:
            splits.append(node["split"])
            pending += [node["left"], node["right"]]
    return splits


def refuse_unknown_parts(writer: GraphWriter, booster: Booster) -> None:
    """Refuse a model with parts that have no conversion.

    Raises:
        ExportError: it reads texts or embeddings, has no trees, or its splits or missing values are of an unknown kind.
    """
    information = booster.document["features_info"]
    for kind, words in (("text_features", "texts"), ("embedding_features", "embeddings")):
        if information.get(kind):
            raise writer.refusal(f"it reads {words} ({kind})", "numbers and categories (cat_features)")
    if not booster.trees:
        raise writer.refusal("it has no trees", "iterations of at least 1")
    known_kinds = {"FloatFeature", "OneHotFeature", "OnlineCtr"}
    unknown_kinds = sorted({str(split["split_type"]) for split in splits_of(booster)} - known_kinds)
    if unknown_kinds:
        raise writer.refusal(f"its trees split by {unknown_kinds[0]}", "numbers and categories (cat_features)")
    treatments = {str(feature["nan_value_treatment"]) for feature in information.get("float_features") or []}
    if treatments - {"AsIs", "AsFalse", MISSING_IS_HIGH}:
        raise writer.refusal(f"it treats missing values as {sorted(treatments)}", "nan_mode='Min'")


def columns_in_fitted_order(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Return the columns in the order in which the model was fitted: it finds the columns of a frame by name."""
    learned = [str(name) for name in model.feature_names_]
    if columns.width != len(learned):
        raise writer.refusal(
            f"it was fitted on {len(learned)} columns and gets {columns.width}", "the columns that it was fitted on"
        )
    if columns.names is None or learned == [str(index) for index in range(len(learned))]:
        return columns
    if sorted(columns.names) != sorted(learned):
        raise writer.refusal(
            f"it was fitted on the columns {learned}, and the contract sends {list(columns.names)}",
            "columns named as in the contract",
        )
    return writer.pick(columns, [columns.names.index(name) for name in learned])
