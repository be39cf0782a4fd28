"""Tests of the imputation study."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError, Imputer, ModelConfig
from training.model.cross_validation import make_folds
from training.progress import Progress, silence
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.imputation import (
    ImputationStudy,
    ImputerFigures,
    choose_imputer,
    find_export_refusal,
    study_imputation,
    trial_rows,
)
from training.studies.features.scores import score_of

TREE = {"kind": "decision_tree", "params": {"max_depth": 4}, "target": "identity"}


def _config(**changes: object) -> ModelConfig:
    studies = {"imputers": ["mean", "median", "knn"], "folds": 3}
    return orchard_config(**{"estimator": TREE, "studies": studies, "derived": {}, **changes})


def _study(config: ModelConfig, frame: pd.DataFrame, progress: Progress | None = None) -> ImputationStudy:
    evaluation = FeatureEvaluation(config, frame, make_folds(config, frame, folds=3), config.estimator)
    study = study_imputation(evaluation, config.decisions(), progress or silence())
    assert study is not None
    return study


def _figures(mean: float, shape: int = 0, refusal: str | None = None) -> ImputerFigures:
    """Return figures whose folds vary about a mean, each shape in a way of its own."""
    folds = [mean + 0.1 * float(np.cos(index + shape)) for index in range(7)]
    return ImputerFigures({}, 1.0, score_of([value - float(np.mean(folds)) + mean for value in folds]), refusal)


def test_neighbours_impute_better_than_the_mean() -> None:
    """Height and crown follow age, so the nearest rows predict a hidden value better than the column's mean."""
    study = _study(_config(), orchard_frame(300))
    assert list(study.figures) == ["mean", "median", "knn"]
    overall = {name: item.masked_rmse_overall for name, item in study.figures.items()}
    assert overall["knn"] < 0.8 * overall["mean"]
    assert overall["mean"] == pytest.approx(1, abs=0.15)
    assert set(study.figures["knn"].masked_rmse) == {"age", "crown width", "height", "slope"}


def test_the_study_is_deterministic() -> None:
    """Equal rows and seed hide the same values and give equal results."""
    frame = orchard_frame(150)
    assert _study(_config(), frame) == _study(_config(), frame)


def test_the_current_imputation_is_compared_too() -> None:
    """The config's own imputation is compared, also if the list does not have it."""
    study = _study(_config(impute="most_frequent"), orchard_frame(150))
    assert list(study.figures)[-1] == "most_frequent"


def test_an_imputation_that_cannot_be_exported_has_a_reason() -> None:
    """The exporter's reason is kept, and the imputation is not chosen."""
    config = _config(studies={"imputers": ["median", "knn"], "folds": 3})
    study = _study(config, orchard_frame(120))
    refusal = study.figures["knn"].refusal
    assert refusal is not None
    assert "cannot be exported exactly" in refusal
    assert study.figures["knn"].score is not None
    assert study.figures["median"].refusal is None
    assert study.chosen != "knn"


def test_the_config_can_pin_its_imputation() -> None:
    """A pinned decision stays, and the study's own choice is kept as well."""
    config = _config(studies={"imputers": ["median"], "folds": 3, "pin": ["impute"]}, impute="mean")
    study = _study(config, orchard_frame(120))
    assert study.pinned
    assert study.chosen == "mean"


def test_without_missing_values_the_config_stays() -> None:
    """Errors on hidden values are measured anyway, but there is no score."""
    frame = orchard_frame(150)
    frame["slope"] = 3.0 + np.arange(150) % 7
    study = _study(_config(impute="median"), frame)
    assert study.missing == 0
    assert all(item.score is None for item in study.figures.values())
    assert study.figures["knn"].masked_rmse_overall > 0
    assert study.chosen == "median"


def test_a_model_without_numbers_has_nothing_to_impute() -> None:
    """A model without numbers has no imputation study."""
    config, frame = _config(), orchard_frame(90)
    evaluation = FeatureEvaluation(config, frame, make_folds(config, frame, folds=3), config.estimator)
    decisions = config.decisions().model_copy(update={"columns": ("pruned", "sort")})
    assert study_imputation(evaluation, decisions, silence()) is None


def test_constant_columns_have_no_error() -> None:
    """A constant column has no standardised error and does not affect the other columns."""
    frame = orchard_frame(150)
    frame["age"] = 5.0
    study = _study(_config(split={"test_size": 0.25}), frame)
    assert np.isnan(study.figures["mean"].masked_rmse["age"])
    assert np.isfinite(study.figures["mean"].masked_rmse_overall)


def test_each_imputation_is_reported_with_its_scores() -> None:
    """The progress shows error and score of each imputation."""
    out = io.StringIO()
    _study(_config(studies={"imputers": ["mean"], "folds": 3}), orchard_frame(120), Progress(out, out))
    assert "Impute by mean: hidden values off by" in out.getvalue()
    assert "rmse" in out.getvalue()


def test_a_current_imputation_that_cannot_be_fitted_ends_the_study() -> None:
    """A wrong parameter is an error of the config and ends the study."""
    config = _config(estimator={"kind": "decision_tree", "params": {"max_depth": -3}})
    with pytest.raises(ConfigError, match="max_depth"):
        _study(config, orchard_frame(90))


@pytest.mark.parametrize(
    ("figures", "current", "expected"),
    [
        ({"mean": _figures(9.98), "median": _figures(9.97, 1), "knn": _figures(9.96, 3)}, "mean", "mean"),
        ({"mean": _figures(9.98), "median": _figures(9.97, 1), "knn": _figures(9.96, 3)}, "knn", "median"),
        ({"mean": _figures(12.0), "median": _figures(12.0), "knn": _figures(9.9)}, "mean", "knn"),
        ({"mean": _figures(12.0), "knn": _figures(9.9, refusal="no")}, "mean", "mean"),
        ({"mean": _figures(12.0, refusal="no")}, "mean", "mean"),
    ],
)
def test_of_ties_the_cheapest_is_chosen(
    figures: dict[Imputer, ImputerFigures], current: Imputer, expected: Imputer
) -> None:
    """An expensive imputation must be significantly better; one that cannot be exported is never chosen; ties change nothing."""
    assert choose_imputer("rmse", figures, current) == expected


def test_the_trial_rows_have_every_kind_of_row() -> None:
    """The trial rows have a rare class and rows with a rarely missing value."""
    frame = seedling_frame(3000)
    frame["fate"] = np.where(np.arange(3000) >= 2990, 1.0, 0.0)
    sample = trial_rows(seedling_config(), frame)
    assert len(sample) < 600
    assert (sample["fate"] == 1).sum() == 10
    assert sample["leaves"].isna().sum() >= 10
    assert sample.index.is_monotonic_increasing


def test_a_pipeline_with_many_clusters_is_tried_on_few_rows() -> None:
    """The test of the export works with fewer centres than the config has."""
    config = orchard_config(
        estimator=TREE, derived={"clusters": {"columns": ["crown width", "height"], "n_clusters": 500}}
    )
    assert find_export_refusal(config, orchard_frame(100), config.decisions()) is None
