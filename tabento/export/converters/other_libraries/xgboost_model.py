"""A fitted XGBoost model as it writes itself in JSON: its trees, their sums, its start, its categories.

``xgboost_trees`` writes it as a graph.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Booster:
    """A fitted XGBoost model as it writes itself in JSON."""

    document: dict[str, Any]
    """The model."""
    rounds: int
    """The number of rounds of boosting in use; 0 means all."""
    weights: tuple[float, ...] | None = None
    """The factor of each tree's leaves in a model with dropout (``dart``); None for any other model."""

    @property
    def objective(self) -> str:
        """The name of the objective."""
        return str(self.document["learner"]["objective"]["name"])

    @property
    def kind(self) -> str:
        """The name of the booster: ``gbtree``, of ``dart`` as well, or ``gblinear``."""
        return str(self.document["learner"]["gradient_booster"]["name"])

    @property
    def _model(self) -> dict[str, Any]:
        content: dict[str, Any] = self.document["learner"]["gradient_booster"]["model"]
        return content

    @property
    def groups(self) -> list[int]:
        """The sum that each used tree adds to."""
        return list(self._model["tree_info"][: len(self.trees)])

    @property
    def trees(self) -> list[dict[str, Any]]:
        """The used trees, each with its arrays over nodes."""
        end = self._model["iteration_indptr"][self.rounds] if self.rounds else None
        return list(self._model["trees"][:end])

    @cached_property
    def start(self) -> NDArray[np.float32]:
        """The start of each sum, shape (sums,): the model's answer without its trees."""
        import xgboost

        learner = self.document["learner"]
        parameters = {**self._model["gbtree_model_param"], "num_trees": "0"}
        model = {"gbtree_model_param": parameters, "iteration_indptr": [0], "tree_info": [], "trees": []}
        booster = {**learner["gradient_booster"], "model": {**self._model, **model}}
        # Otherwise XGBoost would treat a model without trees as one that has not learned its start yet.
        fixed = {**learner["learner_model_param"], "boost_from_average": "0"}
        bare = json.dumps(
            {**self.document, "learner": {**learner, "gradient_booster": booster, "learner_model_param": fixed}}
        )
        width = int(fixed["num_feature"])
        rows = xgboost.DMatrix(np.zeros((1, width), dtype=np.float32))
        bare_booster = xgboost.Booster(model_file=bytearray(bare.encode()))
        # Names are not compared: XGBoost cannot read names that it wrote with escapes, such as "Größe".
        answer = bare_booster.predict(rows, output_margin=True, validate_features=False)
        return np.asarray(answer, dtype=np.float32).ravel()


def booster_of(model: Any) -> Booster:
    """Read a fitted model of XGBoost's scikit-learn interface, with the rounds of early stopping."""
    document = json.loads(bytes(model.get_booster().save_raw("json")))
    rounds = int(getattr(model, "best_iteration", -1)) + 1
    booster = document["learner"]["gradient_booster"]
    if booster["name"] != "dart":
        return Booster(document, rounds)
    trees = {"name": "gbtree", "model": booster["gbtree"]["model"]}
    learner = {**document["learner"], "gradient_booster": trees}
    return Booster({**document, "learner": learner}, rounds, tuple(booster["weight_drop"]))


def fitted_categories(model: Any) -> dict[int, list[Any]] | None:
    """Return the categories of each column of pandas' category type that a model was fitted on, by its index.

    None if the model does not store them: it was fitted by XGBoost before 3.1, on numbers declared as categories, or on texts
    with characters outside ASCII.
    """
    booster = model.get_booster()
    types = list(booster.feature_types or ())
    if "c" not in types:
        return {}
    # Only for trees; a model without categories returns None for each column.
    stored = booster.get_categories(export_to_arrow=True).to_arrow() if hasattr(booster, "get_categories") else []
    try:
        categories_of_column = {
            index: categories.tolist() for index, (_, categories) in enumerate(stored) if categories is not None
        }
    except UnicodeDecodeError:
        return None
    if not all(str(value).isascii() for categories in categories_of_column.values() for value in categories):
        return None  # XGBoost 3.2 truncates such texts: it counts characters instead of bytes
    return (
        categories_of_column
        if sorted(categories_of_column) == [index for index, kind in enumerate(types) if kind == "c"]
        else None
    )


def leaf_and_used_masks(nodes: dict[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of the leaves and of the nodes in use: pruning leaves nodes that no other node leads to."""
    left, right = np.array(nodes["left_children"]), np.array(nodes["right_children"])
    leaf = left < 0
    used = np.zeros(len(left), dtype=bool)
    used[0] = True
    used[left[~leaf]] = used[right[~leaf]] = True
    return leaf, used
