"""Imputers: what stands in for a missing number, built from a config's ``impute``."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer  # makes the next import work
from sklearn.impute import IterativeImputer, SimpleImputer

from training.config import Imputer
from training.transformers.scaled_knn_imputer import ScaledKNNImputer

NEIGHBOURS = 5
"""Of how many of the nearest rows ``knn`` takes the mean."""
FOREST = {"n_estimators": 20, "max_depth": 10, "min_samples_leaf": 5}
"""The forest of ``iterative``: small, since it is fitted once per column and round."""
ROUNDS = 5
"""The most rounds of ``iterative``; what it finds hardly moves after the first few."""


def build_imputer(impute: Imputer, seed: int) -> Any:
    """Return the unfitted imputer of numbers.

    ``median``, ``mean`` and ``most_frequent`` look at each column alone, the others at all columns together: ``knn`` is
    ``ScaledKNNImputer``; ``iterative`` predicts each column from the others with a random forest, round by round, as
    missForest does (Stekhoven & Bühlmann, MissForest, 2012). A forest's answers never come quite to rest, so that it ends
    at the last round with scikit-learn's ``ConvergenceWarning`` is usual.

    Args:
        impute: which one.
        seed: of the forest.
    """
    if impute == "knn":
        return ScaledKNNImputer(NEIGHBOURS)
    if impute == "iterative":
        forest = RandomForestRegressor(**FOREST, n_jobs=1, random_state=seed)
        return IterativeImputer(forest, max_iter=ROUNDS, random_state=seed)
    return SimpleImputer(strategy=impute)


def looks_across(impute: Imputer) -> bool:
    """Say whether what an imputer puts into a column depends on the other columns."""
    return impute in ("knn", "iterative")
