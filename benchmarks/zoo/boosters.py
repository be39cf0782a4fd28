"""Members of XGBoost and LightGBM, if they are installed. Both are optional: without them the zoo is smaller."""

from __future__ import annotations

import importlib
import importlib.util
from functools import partial
from typing import Any

from benchmarks.zoo.data import NUMBERS
from benchmarks.zoo.estimators import SEED
from benchmarks.zoo.member import Member, raw_and_scaled


def boosters() -> list[Member]:
    """Return the members of the libraries that are installed."""
    return [*_xgboost(), *_lightgbm()]


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _xgboost() -> list[Member]:
    if not _is_installed("xgboost"):
        return []
    shape = {"n_estimators": 40, "max_depth": 6, "random_state": SEED, "n_jobs": 1}
    return [
        *raw_and_scaled("xgboost", "regression", "XGBRegressor", partial(_xgb, "XGBRegressor", **shape), NUMBERS),
        *raw_and_scaled("xgboost", "binary", "XGBClassifier", partial(_xgb, "XGBClassifier", **shape), NUMBERS),
        *raw_and_scaled("xgboost", "grades", "XGBClassifier", partial(_xgb, "XGBClassifier", **shape), NUMBERS),
    ]


def _xgb(kind: str, **shape: Any) -> Any:
    return getattr(importlib.import_module("xgboost"), kind)(**shape)


def _lightgbm() -> list[Member]:
    if not _is_installed("lightgbm"):
        return []
    shape = {"n_estimators": 40, "random_state": SEED, "n_jobs": 1, "verbose": -1}
    return [
        *raw_and_scaled("lightgbm", "regression", "LGBMRegressor", partial(_lgbm, "LGBMRegressor", **shape), NUMBERS),
        *raw_and_scaled("lightgbm", "binary", "LGBMClassifier", partial(_lgbm, "LGBMClassifier", **shape), NUMBERS),
        *raw_and_scaled("lightgbm", "classes", "LGBMClassifier", partial(_lgbm, "LGBMClassifier", **shape), NUMBERS),
    ]


def _lgbm(kind: str, **shape: Any) -> Any:
    return getattr(importlib.import_module("lightgbm"), kind)(**shape)
