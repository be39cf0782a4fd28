"""Leakage: a feature that contains the answer gives metrics that production will not reach.

The module makes two checks on the training part. First, no feature alone may predict too well; a column that was filled in
after the outcome does. Second, a model that was fitted on permuted targets must score no better than chance on held-out rows
(M. Ojala and G. Garriga, Permutation tests for studying classifier performance, 2010). If it scores better, the measurement
uses rows that the model was fitted on.
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

from tabento.bundle.contract import Feature
from tabento.tables.texts import text_lengths
from training.config import Leakage, Metric, ModelConfig
from training.gate.gate_input import RefitInput
from training.gate.report import Check, disabled_check, limit_check
from training.model.cross_validation import cross_validate, make_folds
from training.model.sampling import sample_rows

GROUP = "Leakage"
FOLDS = 3
PROBE_ROWS = 5_000
"""The number of training rows for the check of single features: enough for a small tree, and fast."""
PERMUTED_ROWS = 2_000
"""The number of training rows with permuted targets. With fewer rows, chance has the same mean and a larger spread."""
_LEAVES, _LEAF_SHARE = 64, 0.005
_LARGEST_EXPONENT = 400
"""Up to this power of two the squares of a million targets can be added without overflow."""
_LARGEST = float(np.finfo(np.float32).max)
_N_NAMED = 3


def check_leakage(refit_input: RefitInput) -> list[Check]:
    """Make both checks, as far as the config requests them."""
    rule = refit_input.config.gate.leakage
    if rule is None:
        return [disabled_check("leakage", group=GROUP)]
    return [_single_features(refit_input, rule), _permuted_target(refit_input, rule)]


def _single_features(refit_input: RefitInput, rule: Leakage) -> Check:
    name = "leakage.single_feature_max"
    if rule.single_feature_max is None:
        return disabled_check(name, group=GROUP)
    score = _score_in_words(refit_input.config)
    scores = single_feature_scores(refit_input.config, refit_input.train)
    best = list(scores.items())[:_N_NAMED]
    scores_text = "; ".join(f"{feature} {value:.3f}" for feature, value in best)
    return limit_check(
        name,
        best[0][1],
        rule.single_feature_max,
        group=GROUP,
        detail=f"{score} of a small tree on one feature alone, {FOLDS}-fold on training rows. Best: {scores_text}",
        remedy="find out whether that column is known before the answer; if not, list it under `drop`",
    )


def single_feature_scores(config: ModelConfig, train: pd.DataFrame) -> dict[str, float]:
    """Return the score of each feature alone in cross-validation: R², or area under the ROC curve.

    Args:
        config: the config with the features and the target.
        train: the training part. At most ``PROBE_ROWS`` rows of it are used.

    Returns:
        The score by feature, best first. With more than two classes, the mean score of each class against the other classes.
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
        # scikit-learn's trees compare in float32 and refuse numbers beyond its range.
        return values.to_numpy(dtype=np.float64).clip(-_LARGEST, _LARGEST).reshape(-1, 1)
    cells = np.array([np.nan if value is None else value for value in values.to_numpy(dtype=object)], dtype=object)
    coded = OrdinalEncoder(encoded_missing_value=np.nan).fit_transform(cells.reshape(-1, 1))
    return np.asarray(coded, dtype=np.float64)


def _score_alone(column: NDArray[np.float64], truth: NDArray[np.float64], config: ModelConfig) -> float:
    leaf = max(2, round(_LEAF_SHARE * len(truth)))
    if config.target.classes is None:
        # Squares of very large numbers overflow. R² does not depend on the unit, and powers of two change no digit.
        exponent = int(np.frexp(np.abs(truth).max())[1])
        if exponent > _LARGEST_EXPONENT:
            truth = np.ldexp(truth, -exponent)
        predicted = np.empty(len(truth))
        for fit, held_out in KFold(FOLDS, shuffle=True, random_state=config.seed).split(column):
            tree = DecisionTreeRegressor(max_leaf_nodes=_LEAVES, min_samples_leaf=leaf, random_state=config.seed)
            predicted[held_out] = tree.fit(column[fit], truth[fit]).predict(column[held_out])
        return float(r2_score(truth, predicted))
    classes = len(config.target.classes)
    shares = np.zeros((len(truth), classes))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=config.seed)
    for fit, held_out in folds.split(column, truth):
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=leaf, random_state=config.seed)
        tree.fit(column[fit], truth[fit])
        shares[np.ix_(held_out, tree.classes_.astype(np.intp))] = tree.predict_proba(column[held_out])
    labels = [label for label in ([1] if classes == 2 else range(classes)) if 0 < np.sum(truth == label) < len(truth)]
    return float(np.mean([roc_auc_score(truth == label, shares[:, label]) for label in labels]))


def _permuted_target(refit_input: RefitInput, rule: Leakage) -> Check:
    name = "leakage.permuted_target_max"
    if rule.permuted_target_max is None:
        return disabled_check(name, group=GROUP)
    above, rows = permuted_score(refit_input)
    return limit_check(
        name,
        above,
        rule.permuted_target_max,
        group=GROUP,
        detail=(
            f"{_score_in_words(refit_input.config)} above chance of the model that is fitted on permuted targets, {FOLDS}-fold on"
            f" {rows:,} training rows"
        ),
        remedy="check the folds, and look for steps that are fitted on held-out rows",
    )


def permuted_score(refit_input: RefitInput) -> tuple[float, int]:
    """Return the score above chance on permuted targets, and the number of rows that were used."""
    config = refit_input.config
    rows = sample_rows(refit_input.train, PERMUTED_ROWS, config.seed)
    order = np.random.default_rng(config.seed).permutation(len(rows))
    permuted = rows.assign(**{config.target.name: rows[config.target.name].to_numpy()[order]})
    # The score does not use labels, so no threshold is needed. The fits run in this process: with so few rows they end
    # before other processes have started.
    folds = make_folds(config, permuted, FOLDS, 1)
    scores = cross_validate(config, permuted, refit_input.decisions, folds, n_jobs=1, decide=False)
    metric: Metric = "r2" if config.target.classes is None else "roc_auc"
    chance = 0.0 if config.target.classes is None else 0.5
    return scores.mean(metric) - chance, len(rows)


def _score_in_words(config: ModelConfig) -> str:
    return "R²" if config.target.classes is None else "area under the ROC curve"
