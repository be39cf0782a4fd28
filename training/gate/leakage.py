"""Leakage: an answer that hides in the features gives figures that no real row will repeat.

Two probes on the training part. One: no feature alone may predict too well; a column that was filled in after the outcome
does. Two: learned on permuted targets, the model must score no better than chance on held-out rows (M. Ojala and G. Garriga, Permutation tests for
studying classifier performance, 2010); where it does, the measurement is broken: it scores rows that were learned from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from bundle.contract import Feature
from training.config import Leakage, Metric, ModelConfig
from training.cross_validation import cross_validate, make_folds
from training.gate.given import RefitInput
from training.gate.report import Check, judged, switched_off
from training.study.sampling import sample_rows
from training.texts import text_lengths

GROUP = "Leakage"
FOLDS = 3
PROBE_ROWS = 5_000
"""How many training rows a single feature is tried on: enough for a tree of some leaves, and quick."""
PERMUTED_ROWS = 2_000
"""How many training rows the model learns with permuted targets: chance is the same with fewer, only wider."""
_LEAVES, _LEAF_SHARE = 64, 0.005
_LARGEST = float(np.finfo(np.float32).max)
_SHOWN = 3


def check_leakage(given: RefitInput) -> list[Check]:
    """Make both probes, as far as the config asks for them."""
    rule = given.config.gate.leakage
    if rule is None:
        return [switched_off("leakage", group=GROUP)]
    return [_single_features(given, rule), _permuted_target(given, rule)]


def _single_features(given: RefitInput, rule: Leakage) -> Check:
    name = "leakage.single_feature_max"
    if rule.single_feature_max is None:
        return switched_off(name, group=GROUP)
    score = _score_in_words(given.config)
    scores = single_feature_scores(given.config, given.train)
    best = list(scores.items())[:_SHOWN]
    found = "; ".join(f"{feature} {value:.3f}" for feature, value in best)
    return judged(
        name,
        best[0][1],
        rule.single_feature_max,
        group=GROUP,
        detail=f"{score} of a small tree on one feature alone, {FOLDS}-fold on training rows. Best: {found}",
        remedy="ask whether that column is known before the answer is; if not, put it under `drop`",
    )


def single_feature_scores(config: ModelConfig, train: pd.DataFrame) -> dict[str, float]:
    """Return how well each feature alone predicts in cross-validation: R², or area under the ROC curve.

    Args:
        config: names the features and the target.
        train: the training part; at most ``PROBE_ROWS`` rows of it are looked at.

    Returns:
        Score by feature, best first. With more than two classes the mean of each against the rest.
    """
    rows = sample_rows(train, PROBE_ROWS, config.seed)
    truth = rows[config.target.name].to_numpy(dtype=np.float64)
    with threadpool_limits(1):
        scores = {
            feature.name: _score_alone(_column(rows[feature.name], feature), truth, config)
            for feature in config.features
        }
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def _column(values: pd.Series[Any], feature: Feature) -> NDArray[np.float64]:
    """Return a feature as one column of numbers, shape (N, 1), NaN where missing."""
    if feature.type == "text":
        return text_lengths(values).reshape(-1, 1)
    if feature.type != "category":
        # scikit-learn's trees compare in float32, and refuse what is beyond its range.
        return values.to_numpy(dtype=np.float64).clip(-_LARGEST, _LARGEST).reshape(-1, 1)
    cells = np.array([np.nan if value is None else value for value in values.to_numpy(dtype=object)], dtype=object)
    coded = OrdinalEncoder(encoded_missing_value=np.nan).fit_transform(cells.reshape(-1, 1))
    return np.asarray(coded, dtype=np.float64)


def _score_alone(column: NDArray[np.float64], truth: NDArray[np.float64], config: ModelConfig) -> float:
    leaf = max(2, round(_LEAF_SHARE * len(truth)))
    if config.target.classes is None:
        predicted = np.empty(len(truth))
        for fit, held in KFold(FOLDS, shuffle=True, random_state=config.seed).split(column):
            tree = DecisionTreeRegressor(max_leaf_nodes=_LEAVES, min_samples_leaf=leaf, random_state=config.seed)
            predicted[held] = tree.fit(column[fit], truth[fit]).predict(column[held])
        return float(r2_score(truth, predicted))
    classes = len(config.target.classes)
    shares = np.zeros((len(truth), classes))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=config.seed)
    for fit, held in folds.split(column, truth):
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=leaf, random_state=config.seed)
        tree.fit(column[fit], truth[fit])
        shares[np.ix_(held, tree.classes_.astype(np.intp))] = tree.predict_proba(column[held])
    asked = [of for of in ([1] if classes == 2 else range(classes)) if 0 < np.sum(truth == of) < len(truth)]
    return float(np.mean([roc_auc_score(truth == of, shares[:, of]) for of in asked]))


def _permuted_target(given: RefitInput, rule: Leakage) -> Check:
    name = "leakage.permuted_target_max"
    if rule.permuted_target_max is None:
        return switched_off(name, group=GROUP)
    above, rows = permuted_score(given)
    return judged(
        name,
        above,
        rule.permuted_target_max,
        group=GROUP,
        detail=(
            f"{_score_in_words(given.config)} above chance of the model when it learns permuted targets, {FOLDS}-fold on"
            f" {rows:,} training rows"
        ),
        remedy="look at the folds, and for steps that learn from rows that they should not see",
    )


def permuted_score(given: RefitInput) -> tuple[float, int]:
    """Return how far above chance the model scores on permuted targets, and on how many rows it was tried."""
    config = given.config
    rows = sample_rows(given.train, PERMUTED_ROWS, config.seed)
    order = np.random.default_rng(config.seed).permutation(len(rows))
    permuted = rows.assign(**{config.target.name: rows[config.target.name].to_numpy()[order]})
    # Labels are not looked at, so no threshold has to be chosen for them. In this process: fits on so few rows are over
    # before others have started.
    folds = make_folds(config, permuted, FOLDS, 1)
    scores = cross_validate(config, permuted, given.decisions, folds, n_jobs=1, decide=False)
    metric: Metric = "r2" if config.target.classes is None else "roc_auc"
    chance = 0.0 if config.target.classes is None else 0.5
    return scores.mean(metric) - chance, len(rows)


def _score_in_words(config: ModelConfig) -> str:
    return "R²" if config.target.classes is None else "area under the ROC curve"
