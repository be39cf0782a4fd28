"""Cross-validation fits everything again in each fold, and its metrics depend only on data, config and seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.model.cross_validation import CvScores, FoldError, cross_validate, make_folds
from training.model.metrics import measure
from training.model.pipeline import FitError, fit_pipeline


def fit_and_measure(
    config: ModelConfig, train: pd.DataFrame, measured: pd.DataFrame, *, decide: bool
) -> dict[str, float]:
    """Fit a model on some rows by hand and return its metrics on others."""
    contract = config.contract()
    pipeline = fit_pipeline(config, train, decide=decide)
    answers = pipeline_answers(pipeline, to_frame(to_rows(measured, contract), contract), contract)
    return measure(config, measured[config.target.name], answers)


def test_small_data_has_more_folds_and_repeats() -> None:
    """There are ten folds three times below a thousand rows, otherwise five once; both numbers can be set."""
    config = orchard_config()
    small, large = orchard_frame(999), orchard_frame(1000)
    assert len(make_folds(config, small)) == 30
    assert len(make_folds(config, large)) == 5
    assert len(make_folds(config, small, folds=4)) == 4
    assert len(make_folds(config, large, folds=3, repeats=2)) == 6


def test_every_row_is_held_out_once_per_repeat() -> None:
    """The held-out rows of a repeat are all rows once, and no fold holds out a row of its fit."""
    for config, frame in ((orchard_config(), orchard_frame(100)), (seedling_config(), seedling_frame(100))):
        folds = make_folds(config, frame, folds=4, repeats=2)
        for repeat in (folds[:4], folds[4:]):
            held_out = np.concatenate([valid for _, valid in repeat])
            assert sorted(held_out.tolist()) == list(range(100))
        for seen, valid in folds:
            assert sorted([*seen, *valid]) == list(range(100))


def test_folds_have_equal_shares_of_the_classes() -> None:
    """The numbers of rows of the rarer class in two folds differ by at most one."""
    frame = seedling_frame(200)
    counts = [int(frame["fate"].iloc[valid].sum()) for _, valid in make_folds(seedling_config(), frame, folds=5)]
    assert max(counts) - min(counts) <= 1


def test_folds_have_equal_shares_of_the_splits_bins() -> None:
    """A regression's folds use the strata of its split; a bin that is too small is merged with its neighbour."""
    frame = orchard_frame(200)
    young = [int((frame["age"].iloc[valid] <= 10).sum()) for _, valid in make_folds(orchard_config(), frame, folds=5)]
    assert max(young) - min(young) <= 1
    rare = orchard_config(split={"stratify": {"column": "age", "edges": [1, 2, 30, 58.5, 59]}})
    assert len(make_folds(rare, frame, folds=10)) == 10


def test_seed_decides_the_folds() -> None:
    """The same seed gives the same folds, another seed gives others."""
    frame = orchard_frame(60)
    first, same, other = (make_folds(orchard_config(seed=seed), frame, folds=3)[0][1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_too_few_rows_are_refused() -> None:
    """Too few rows and too few rows of a class have different errors."""
    with pytest.raises(FoldError, match="at least 10 rows for 10 folds, got 6"):
        make_folds(orchard_config(), orchard_frame(6))
    frame = seedling_frame(60).assign(fate=np.r_[np.ones(3), np.zeros(57)])
    with pytest.raises(FoldError, match="5 rows of each class for 5 folds, got 3 of 'died'"):
        make_folds(seedling_config(), frame, folds=5)


def test_metrics_equal_those_of_fits_by_hand() -> None:
    """Each fold has the metrics of a fit by hand, on the held-out rows and on the rows of the fit."""
    config, frame = orchard_config(), orchard_frame(120)
    folds = make_folds(config, frame, folds=3)
    scores = cross_validate(config, frame, None, folds, n_jobs=1, train_scores=True)
    for (seen, held_out), valid, train in zip(folds, scores.valid, scores.train, strict=True):
        fitted = frame.iloc[seen]
        assert valid == fit_and_measure(config, fitted, frame.iloc[held_out], decide=False)
        assert train == fit_and_measure(config, fitted, fitted, decide=False)
    assert scores.train_mean("rmse") < scores.mean("rmse")
    assert scores.seconds > 0


def test_number_of_processes_changes_no_metric() -> None:
    """One process and two give the same metrics in the same order."""
    config, frame = seedling_config(estimator={"kind": "decision_tree"}), seedling_frame(120)
    folds = make_folds(config, frame, folds=3)
    with_one_process, with_two_processes = (cross_validate(config, frame, None, folds, n_jobs=jobs) for jobs in (1, 2))
    assert with_one_process == with_two_processes


def test_threshold_is_chosen_in_each_fold_if_it_matters() -> None:
    """By default a threshold is chosen only if the deciding metric depends on labels; areas stay the same."""
    frame, estimator = seedling_frame(200), {"kind": "logistic_regression"}
    config = seedling_config(estimator=estimator)
    folds = make_folds(config, frame, folds=2)
    by_area = cross_validate(config, frame, None, folds, n_jobs=1)
    always_decided = cross_validate(config, frame, None, folds, n_jobs=1, decide=True)
    by_f1 = cross_validate(
        seedling_config(estimator=estimator, selection={"metric": "f1"}), frame, None, folds, n_jobs=1
    )
    assert always_decided == by_f1
    assert by_area.mean("roc_auc") == always_decided.mean("roc_auc")
    assert by_area.mean("recall") < always_decided.mean("recall")
    expected = fit_and_measure(config, frame.iloc[folds[0][0]], frame.iloc[folds[0][1]], decide=True)
    assert always_decided.valid[0] == expected


def test_decisions_are_fitted() -> None:
    """Other decisions than the config's own give other metrics."""
    config, frame = orchard_config(), orchard_frame(120)
    folds = make_folds(config, frame, folds=2)
    decisions = config.decisions().model_copy(update={"columns": ("slope",)})
    full, part = (
        cross_validate(config, frame, fitted_decisions, folds, n_jobs=1) for fitted_decisions in (None, decisions)
    )
    assert full.mean("rmse") < part.mean("rmse")


def test_scores_summarise_folds() -> None:
    """The scores give mean, sample deviation and standard error; one fold has no deviation."""
    scores = CvScores([{"rmse": 1.0}, {"rmse": 2.0}, {"rmse": 3.0}])
    assert (scores.mean("rmse"), scores.std("rmse")) == (2.0, 1.0)
    assert scores.standard_error("rmse") == pytest.approx(1 / np.sqrt(3))
    assert scores.values("rmse").tolist() == [1.0, 2.0, 3.0]
    assert CvScores([{"rmse": 1.0}]).std("rmse") == 0.0


def test_error_of_a_metric_names_the_fold() -> None:
    """A fold whose actual values are all 0 has no percentage error, and the error names the fold."""
    config = orchard_config(estimator={"kind": "dummy"})
    frame = orchard_frame(40).assign(apples=0.0)
    with pytest.raises(FitError, match=r"dummy cannot be measured in fold 1: .*values is 0"):
        cross_validate(config, frame, None, make_folds(config, frame, folds=2), n_jobs=1)


def test_no_folds_are_refused() -> None:
    """An empty list of folds is an error."""
    with pytest.raises(ValueError, match="at least one fold"):
        cross_validate(orchard_config(), orchard_frame(20), None, [])


def test_unfittable_estimator_is_an_error_with_a_message() -> None:
    """A loss that does not accept the target, and more neighbours than rows, give a message and no traceback."""
    gamma = orchard_config(estimator={"kind": "hist_gradient_boosting", "params": {"loss": "gamma", "max_iter": 2}})
    frame = orchard_frame(30).assign(apples=np.arange(30.0))
    with pytest.raises(FitError, match="hist_gradient_boosting cannot learn from the training rows: loss='gamma'"):
        cross_validate(gamma, frame, None, make_folds(gamma, frame, folds=2), n_jobs=1)
    crowd = orchard_config(estimator={"kind": "knn", "params": {"n_neighbors": 20}})
    with pytest.raises(FitError, match="knn cannot be measured in fold 1: Expected n_neighbors"):
        cross_validate(crowd, frame, None, make_folds(crowd, frame, folds=2), n_jobs=1)
