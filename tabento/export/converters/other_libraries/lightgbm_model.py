"""A fitted LightGBM model as it writes itself in text: its header, its trees' arrays, its categories.

``lightgbm_trees`` writes it as a graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Booster:
    """A fitted LightGBM model as it writes itself in text."""

    header: dict[str, str]
    """The keys that apply to all trees; a key without a value has an empty text."""
    trees: list[dict[str, str]]
    """Each tree's arrays, as text."""

    @property
    def objective(self) -> list[str]:
        """The objective's name, followed by its parameters; ``none`` for a custom objective."""
        return self.header.get("objective", "none").split() or ["none"]

    @property
    def factor(self) -> float:
        """The factor of a sigmoid's argument."""
        factors = [part.split(":")[1] for part in self.objective if part.startswith("sigmoid:")]
        return float(factors[0]) if factors else 1.0

    @property
    def sums(self) -> int:
        """The number of sums."""
        return int(self.header["num_tree_per_iteration"])

    @property
    def rounds(self) -> int:
        """The number of trees of each sum."""
        return len(self.trees) // self.sums


def booster_of(model: Any) -> Booster:
    """Read a fitted model of LightGBM's scikit-learn interface, cut at the best iteration of early stopping."""
    head, *blocks = str(model.booster_.model_to_string()).split("\nTree=")
    blocks[-1:] = [block.split("\nend of trees")[0] for block in blocks[-1:]]
    return Booster(key_values(head), [key_values(block) for block in blocks])


def key_values(text: str) -> dict[str, str]:
    """Return the lines ``key=value`` of a text as a dictionary."""
    return {key: value for key, _, value in (line.partition("=") for line in text.splitlines()) if key}


def number_array(tree: dict[str, str], key: str) -> NDArray[np.float64]:
    """Return an array of a tree as float64."""
    return np.array(tree.get(key, "").split(), dtype=np.float64)


def integer_array(tree: dict[str, str], key: str) -> NDArray[np.int64]:
    """Return an array of a tree as int64."""
    return np.array(tree.get(key, "").split(), dtype=np.int64)


def fitted_categories(model: Any) -> dict[int, list[Any]] | None:
    """Return the categories of each column of pandas' category type that a model was fitted on, by its index.

    None if these columns cannot be determined: the model lists the categories, and for each column whether it is compared by
    sets, which is possible for other columns too.
    """
    listed = model.booster_.pandas_categorical or []
    head = key_values(str(model.booster_.model_to_string()).split("\nTree=")[0])
    infos = head.get("feature_infos", "").split()
    places = [index for index, info in enumerate(infos) if info != "none" and not info.startswith("[")]
    if not listed:
        return {}
    return (
        dict(zip(places, (list(categories) for categories in listed), strict=True))
        if len(places) == len(listed)
        else None
    )
