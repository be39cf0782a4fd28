"""Tests of the cluster study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.training.orchards import orchard_config
from training.config import ModelConfig
from training.model.cross_validation import make_folds
from training.progress import silence
from training.studies.features.clusters import ClusterStudy, study_clusters
from training.studies.features.evaluation import FeatureEvaluation

PLACES = np.array([[2.0, 2.0], [2.0, 10.0], [8.0, 2.0], [8.0, 10.0]])
YIELDS = np.array([10.0, 40.0, 40.0, 10.0])


def _frame(rows: int = 200) -> pd.DataFrame:
    """Four places far from each other, whose yields no single line of the columns tells apart."""
    generator = np.random.default_rng(0)
    index = np.arange(rows) % 4
    places = PLACES[index] + generator.normal(0, 0.1, (rows, 2))
    return pd.DataFrame(
        {
            "age": 20.0,
            "crown width": places[:, 0],
            "height": places[:, 1],
            "slope": 1.0,
            "pruned": 1.0,
            "sort": "COX",
            "soil": "clay",
            "apples": YIELDS[index] + generator.normal(0, 1, rows),
        }
    )


def _config(numbers: tuple[int, ...], **studies: object) -> ModelConfig:
    return orchard_config(
        estimator={"kind": "ridge"},
        derived={"clusters": {"columns": ["crown width", "height"], "n_clusters": 2, "gamma": 0.5}},
        split={"test_size": 0.25},
        studies={"clusters": numbers, "folds": 3, **studies},
    )


def _study(config: ModelConfig, frame: pd.DataFrame) -> ClusterStudy:
    evaluation = FeatureEvaluation(config, frame, make_folds(config, frame, folds=3), config.estimator)
    study = study_clusters(evaluation, config.decisions(), silence())
    assert study is not None
    return study


def test_the_true_number_of_clusters_is_found() -> None:
    """Four places: the silhouette is highest, Davies-Bouldin lowest at four, and the model needs four."""
    study = _study(_config((3, 4, 8)), _frame())
    assert list(study.figures) == [2, 3, 4, 8]
    assert max(study.figures, key=lambda number: study.figures[number].silhouette) == 4
    assert min(study.figures, key=lambda number: study.figures[number].davies_bouldin) == 4
    assert study.chosen == 4
    inertia = [item.inertia for item in study.figures.values()]
    assert inertia == sorted(inertia, reverse=True)


def test_the_study_is_deterministic() -> None:
    """Equal rows and seed give equal results."""
    assert _study(_config((4,)), _frame(80)) == _study(_config((4,)), _frame(80))


def test_the_config_can_pin_its_number() -> None:
    """A pinned decision stays, and the study's own choice is kept as well."""
    study = _study(_config((4,), pin=["clusters"]), _frame())
    assert (study.pinned, study.best, study.chosen) == (True, 4, 2)


def test_more_clusters_than_places_are_skipped() -> None:
    """A number of clusters that is too large for a fold is listed as skipped."""
    frame = _frame(60)
    frame[["crown width", "height"]] = PLACES[np.arange(60) % 4]
    study = _study(_config((4, 9)), frame)
    assert study.skipped == (9,)
    assert list(study.figures) == [2, 4]


def test_a_single_cluster_has_no_silhouette() -> None:
    """A single cluster has neither a silhouette nor a Davies-Bouldin index."""
    study = _study(_config((1,)), _frame(60))
    assert np.isnan(study.figures[1].silhouette)
    assert study.figures[1].inertia > 0


def test_rows_without_a_place_are_not_clustered() -> None:
    """K-means uses places without missing values only; the model still imputes."""
    frame = _frame(90)
    frame.loc[frame.index[::10], "height"] = np.nan
    assert np.isfinite(_study(_config((4,)), frame).figures[4].silhouette)


def test_without_clusters_there_is_no_study() -> None:
    """A config without clusters, and a model that does not use their columns, have no cluster study."""
    frame = _frame(60)
    plain = orchard_config(derived={}, split={"test_size": 0.25})
    evaluation = FeatureEvaluation(plain, frame, make_folds(plain, frame, folds=3), plain.estimator)
    assert study_clusters(evaluation, plain.decisions(), silence()) is None
    config = _config((4,))
    evaluation = FeatureEvaluation(config, frame, make_folds(config, frame, folds=3), config.estimator)
    unused = config.decisions().model_copy(update={"columns": ("age", "height")})
    assert study_clusters(evaluation, unused, silence()) is None
