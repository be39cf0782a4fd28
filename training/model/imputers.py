"""Imputers of missing numbers, built from a config's ``impute``."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer  # makes the next import work
from sklearn.impute import IterativeImputer, SimpleImputer

from tabento.transformers.scaled_knn_imputer import ScaledKNNImputer
from training.config import Imputer

NEIGHBOURS = 5
"""The number of nearest rows of which ``knn`` takes the mean."""
FOREST = {"n_estimators": 20, "max_depth": 10, "min_samples_leaf": 5}
"""The forest of ``iterative``: small, since it is fitted once per column and round."""
ROUNDS = 5
"""The most rounds of ``iterative``; its values hardly change after the first few."""


def build_imputer(impute: Imputer, seed: int) -> Any:
    """Return the unfitted imputer of numbers.

    ``median``, ``mean`` and ``most_frequent`` use each column alone, the other methods use all columns: ``knn`` is
    ``ScaledKNNImputer``; ``iterative`` predicts each column from the other columns with a random forest, round by round, as
    missForest does (Stekhoven & Bühlmann, MissForest, 2012). The predictions of a forest do not converge exactly, so it
    usually ends at the last round with scikit-learn's ``ConvergenceWarning``.

    Args:
        impute: the method.
        seed: the seed of the forest.
    """
    if impute == "knn":
        return ScaledKNNImputer(NEIGHBOURS)
    if impute == "iterative":
        forest = RandomForestRegressor(**FOREST, n_jobs=1, random_state=seed)
        return IterativeImputer(forest, max_iter=ROUNDS, random_state=seed)
    return SimpleImputer(strategy=impute)


def looks_across(impute: Imputer) -> bool:
    """Return whether the imputed values of a column depend on other columns."""
    return impute in ("knn", "iterative")
