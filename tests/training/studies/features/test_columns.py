"""Tests of the column study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.model.cross_validation import make_folds
from training.progress import silence
from training.studies.features.columns import ColumnStudy, column_counts, study_columns
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.scores import within_one_standard_error

pytestmark = pytest.mark.slow

SMALL = {"kind": "decision_tree", "params": {"max_depth": 5, "min_samples_leaf": 5}}


def _study(config: ModelConfig, frame: pd.DataFrame, folds: int = 3) -> ColumnStudy:
    evaluation = FeatureEvaluation(config, frame, make_folds(config, frame, folds=folds), config.estimator)
    study = study_columns(evaluation, config.decisions(), silence())
    assert study is not None
    return study


@pytest.fixture(scope="module")
def orchard() -> ColumnStudy:
    """The study of an orchard whose yield follows age, sort, pruning and slope, and not soil."""
    return _study(orchard_config(estimator=SMALL, derived={}), orchard_frame(400))


def test_important_features_are_kept_and_others_dropped(orchard: ColumnStudy) -> None:
    """Age is first by both measures, and soil is not chosen."""
    assert next(iter(orchard.importance)) == "age"
    assert {"age", "sort"} <= set(orchard.chosen)
    assert "soil" not in orchard.chosen
    assert orchard.importance["age"].permutation.mean > 10 * abs(orchard.importance["soil"].permutation.mean)
    assert orchard.importance["age"].shap.mean > orchard.importance["soil"].shap.mean


def test_chosen_columns_have_the_contracts_order(orchard: ColumnStudy) -> None:
    """The ranking does not change the order of the model's columns."""
    order = [feature.name for feature in orchard_config().features]
    assert list(orchard.chosen) == sorted(orchard.chosen, key=order.index)


def test_the_curve_follows_the_one_standard_error_rule(orchard: ColumnStudy) -> None:
    """The choice is the smallest size that is no worse than the best by more than its standard error."""
    assert list(orchard.curve) == list(range(1, 8))
    assert len(orchard.best) == min(within_one_standard_error("rmse", orchard.curve))
    assert len(orchard.best) > 1


def test_validation_rows_do_not_change_the_ranking() -> None:
    """Other targets in a fold's held-out rows do not change that fold's ranking."""
    config, frame = orchard_config(estimator=SMALL, derived={}, split={"test_size": 0.25}), orchard_frame(150)
    folds = make_folds(config, frame, folds=3)[:1]
    changed = frame.copy()
    changed.iloc[folds[0][1], frame.columns.get_loc("apples")] = 1.0  # type: ignore[index]
    studies = [
        study_columns(FeatureEvaluation(config, rows, folds, config.estimator), config.decisions(), silence())
        for rows in (frame, changed)
    ]
    assert studies[0] is not None
    assert studies[1] is not None
    assert studies[0].importance == studies[1].importance
    assert studies[0].curve != studies[1].curve


def test_the_config_can_pin_its_columns() -> None:
    """Pinned columns stay complete, and the study's own choice is kept as well."""
    config = orchard_config(estimator=SMALL, derived={}, studies={"folds": 3, "pin": ["columns"]})
    study = _study(config, orchard_frame(200))
    assert study.pinned
    assert study.chosen == config.decisions().columns
    assert len(study.best) <= len(study.chosen)


def test_a_classification_is_ranked_by_its_own_metric() -> None:
    """With the area under the curve as the metric, an important feature loses area when it is shuffled."""
    study = _study(seedling_config(estimator=SMALL, derived={}), seedling_frame(500))
    assert study.metric == "roc_auc"
    assert study.importance["moisture"].permutation.mean > 0.02
    assert {"height", "moisture"} & set(study.chosen)


def test_a_metric_of_labels_is_ranked_with_the_threshold() -> None:
    """F1 is measured on labels, which the decision threshold gives."""
    config = seedling_config(
        estimator=SMALL,
        derived={},
        selection={"metric": "f1"},
        decision={"by": "fixed", "threshold": 0.25},
    )
    study = _study(config, seedling_frame(300), folds=2)
    assert study.metric == "f1"
    assert all(np.isfinite(item.permutation.mean) for item in study.importance.values())


def test_one_feature_is_not_studied() -> None:
    """A single feature has no column study."""
    config, frame = orchard_config(estimator=SMALL, derived={}), orchard_frame(60)
    evaluation = FeatureEvaluation(config, frame, make_folds(config, frame, folds=3), config.estimator)
    decisions = config.decisions().model_copy(update={"columns": ("age",)})
    assert study_columns(evaluation, decisions, silence()) is None


def test_sizes_of_wide_tables_grow() -> None:
    """Few features are tried in steps of one, many in growing steps that end with all features."""
    assert column_counts(5) == [1, 2, 3, 4, 5]
    wide = column_counts(300)
    assert len(wide) <= 12
    assert (wide[0], wide[-1]) == (1, 300)
    assert wide == sorted(set(wide))
