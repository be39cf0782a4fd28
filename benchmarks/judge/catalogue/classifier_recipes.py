"""Small classifiers that several tables of people share."""

from __future__ import annotations

from importlib import import_module

FOREST = {"n_estimators": 40, "max_depth": 8, "random_state": 1}


def xgboost_classifier(**options: object) -> object:
    """Return a small XGBClassifier."""
    from xgboost import XGBClassifier

    return XGBClassifier(**{"n_estimators": 40, "max_depth": 4, "learning_rate": 0.2, **options})


def lightgbm_classifier(**options: object) -> object:
    """Return a small LGBMClassifier."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**{"n_estimators": 40, "num_leaves": 15, "verbose": -1, **options})


def catboost_classifier(**options: object) -> object:
    """Return a small CatBoostClassifier."""
    return import_module("catboost").CatBoostClassifier(
        iterations=40, depth=4, verbose=False, allow_writing_files=False, **options
    )


def sampled_pipeline(sampler: str, *steps: object) -> object:
    """Return imbalanced-learn's pipeline: steps, a sampler by its class name, and the last step as the model."""
    over, under = import_module("imblearn.over_sampling"), import_module("imblearn.under_sampling")
    kind = getattr(over, sampler, None) or getattr(under, sampler)
    *before, model = steps
    return import_module("imblearn.pipeline").make_pipeline(*before, kind(random_state=0), model)
