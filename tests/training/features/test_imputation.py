"""Tests of the imputation study."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError, Imputer, ModelConfig
from training.cross_validation import make_folds
from training.features.imputation import (
    ImputationStudy,
    ImputerFigures,
    choose_imputer,
    export_refusal,
    study_imputation,
    trial_rows,
)
from training.features.judge import Judge
from training.features.scores import score_of
from training.progress import Progress, silence

TREE = {"kind": "decision_tree", "params": {"max_depth": 4}, "target": "identity"}


def _config(**changes: object) -> ModelConfig:
    studies = {"imputers": ["mean", "median", "knn"], "folds": 3}
    return orchard_config(**{"estimator": TREE, "studies": studies, "derived": {}, **changes})


def _study(config: ModelConfig, frame: pd.DataFrame, progress: Progress | None = None) -> ImputationStudy:
    judge = Judge(config, frame, make_folds(config, frame, folds=3), config.estimator)
    found = study_imputation(judge, config.decisions(), progress or silence())
    assert found is not None
    return found


def _figures(mean: float, shape: int = 0, refusal: str | None = None) -> ImputerFigures:
    """Return figures whose folds vary about a mean, each shape in a way of its own."""
    folds = [mean + 0.1 * float(np.cos(at + shape)) for at in range(7)]
    return ImputerFigures({}, 1.0, score_of([value - float(np.mean(folds)) + mean for value in folds]), refusal)


def test_an_imputation_that_sees_the_neighbours_finds_more() -> None:
    """Height and crown follow age, so the nearest rows tell more of a hidden value than the column's mean does."""
    study = _study(_config(), orchard_frame(300))
    assert list(study.figures) == ["mean", "median", "knn"]
    overall = {name: item.masked_rmse_overall for name, item in study.figures.items()}
    assert overall["knn"] < 0.8 * overall["mean"]
    assert overall["mean"] == pytest.approx(1, abs=0.15)
    assert set(study.figures["knn"].masked_rmse) == {"age", "crown width", "height", "slope"}


def test_the_study_is_deterministic() -> None:
    """The same rows and seed hide the same values and give the same figures."""
    frame = orchard_frame(150)
    assert _study(_config(), frame) == _study(_config(), frame)


def test_the_current_imputation_is_compared_too() -> None:
    """What the config imputes with takes part, also where the list does not have it."""
    study = _study(_config(impute="most_frequent"), orchard_frame(150))
    assert list(study.figures)[-1] == "most_frequent"


def test_an_imputation_that_cannot_be_exported_says_why() -> None:
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
    """What is pinned stays, and what the study would take is kept beside it."""
    config = _config(studies={"imputers": ["median"], "folds": 3, "pin": ["impute"]}, impute="mean")
    study = _study(config, orchard_frame(120))
    assert study.pinned
    assert study.chosen == "mean"


def test_with_nothing_missing_the_config_stays() -> None:
    """Hidden values are found all the same, but there is no score to choose by."""
    frame = orchard_frame(150)
    frame["slope"] = 3.0 + np.arange(150) % 7
    study = _study(_config(impute="median"), frame)
    assert study.missing == 0
    assert all(item.score is None for item in study.figures.values())
    assert study.figures["knn"].masked_rmse_overall > 0
    assert study.chosen == "median"


def test_a_model_without_numbers_has_nothing_to_impute() -> None:
    """Categories and booleans alone need no study."""
    config, frame = _config(), orchard_frame(90)
    judge = Judge(config, frame, make_folds(config, frame, folds=3), config.estimator)
    decided = config.decisions().model_copy(update={"columns": ("pruned", "sort")})
    assert study_imputation(judge, decided, silence()) is None


def test_columns_that_cannot_be_hidden_have_no_figure() -> None:
    """A constant column has no standard deviation to measure by, and others are not disturbed."""
    frame = orchard_frame(150)
    frame["age"] = 5.0
    study = _study(_config(split={"test_size": 0.25}), frame)
    assert np.isnan(study.figures["mean"].masked_rmse["age"])
    assert np.isfinite(study.figures["mean"].masked_rmse_overall)


def test_each_imputation_is_told_with_its_figures() -> None:
    """Who waits reads error and score of each."""
    out = io.StringIO()
    _study(_config(studies={"imputers": ["mean"], "folds": 3}), orchard_frame(120), Progress(out, out))
    assert "Impute by mean: hidden values off by" in out.getvalue()
    assert "rmse" in out.getvalue()


def test_a_current_imputation_that_cannot_be_fitted_ends_the_study() -> None:
    """A wrong parameter is the config's fault, not one candidate's."""
    config = _config(estimator={"kind": "decision_tree", "params": {"max_depth": -3}})
    with pytest.raises(ConfigError, match="max_depth"):
        _study(config, orchard_frame(90))


@pytest.mark.parametrize(
    ("figures", "current", "chosen"),
    [
        ({"mean": _figures(9.98), "median": _figures(9.97, 1), "knn": _figures(9.96, 3)}, "mean", "mean"),
        ({"mean": _figures(9.98), "median": _figures(9.97, 1), "knn": _figures(9.96, 3)}, "knn", "median"),
        ({"mean": _figures(12.0), "median": _figures(12.0), "knn": _figures(9.9)}, "mean", "knn"),
        ({"mean": _figures(12.0), "knn": _figures(9.9, refusal="no")}, "mean", "mean"),
        ({"mean": _figures(12.0, refusal="no")}, "mean", "mean"),
    ],
)
def test_of_ties_the_cheapest_is_chosen(
    figures: dict[Imputer, ImputerFigures], current: Imputer, chosen: Imputer
) -> None:
    """A dear imputation must be better beyond chance; what can't be exported is never taken; equals change nothing."""
    assert choose_imputer("rmse", figures, current) == chosen


def test_the_trial_rows_have_every_kind_of_row() -> None:
    """A rare class and a rarely missing value are among the few rows that are tried."""
    frame = seedling_frame(3000)
    frame["fate"] = np.where(np.arange(3000) >= 2990, 1.0, 0.0)
    few = trial_rows(seedling_config(), frame)
    assert len(few) < 600
    assert (few["fate"] == 1).sum() == 10
    assert few["leaves"].isna().sum() >= 10
    assert few.index.is_monotonic_increasing


def test_a_pipeline_with_many_clusters_is_tried_on_few_rows() -> None:
    """Fewer centres than the config asks for are enough to know what can be exported."""
    config = orchard_config(
        estimator=TREE, derived={"clusters": {"columns": ["crown width", "height"], "n_clusters": 500}}
    )
    assert export_refusal(config, orchard_frame(100), config.decisions()) is None
