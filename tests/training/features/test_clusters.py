"""Tests of the cluster study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.training.orchards import orchard_config
from training.config import ModelConfig
from training.cross_validation import make_folds
from training.features.clusters import ClusterStudy, study_clusters
from training.features.judge import Judge
from training.progress import silence

PLACES = np.array([[2.0, 2.0], [2.0, 10.0], [8.0, 2.0], [8.0, 10.0]])
YIELDS = np.array([10.0, 40.0, 40.0, 10.0])


def _frame(rows: int = 200) -> pd.DataFrame:
    """Four places far from each other, whose yields no single line of the columns tells apart."""
    generator = np.random.default_rng(0)
    at = np.arange(rows) % 4
    places = PLACES[at] + generator.normal(0, 0.1, (rows, 2))
    return pd.DataFrame(
        {
            "age": 20.0,
            "crown width": places[:, 0],
            "height": places[:, 1],
            "slope": 1.0,
            "pruned": 1.0,
            "sort": "COX",
            "soil": "clay",
            "apples": YIELDS[at] + generator.normal(0, 1, rows),
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
    judge = Judge(config, frame, make_folds(config, frame, folds=3), config.estimator)
    found = study_clusters(judge, config.decisions(), silence())
    assert found is not None
    return found


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
    """The same rows and seed give the same figures."""
    assert _study(_config((4,)), _frame(80)) == _study(_config((4,)), _frame(80))


def test_the_config_can_pin_its_number() -> None:
    """What is pinned stays, and what the study would take is kept beside it."""
    study = _study(_config((4,), pin=["clusters"]), _frame())
    assert (study.pinned, study.best, study.chosen) == (True, 4, 2)


def test_more_clusters_than_places_are_left_out() -> None:
    """A number that some fold has too few places for is named as skipped."""
    frame = _frame(60)
    frame[["crown width", "height"]] = PLACES[np.arange(60) % 4]
    study = _study(_config((4, 9)), frame)
    assert study.skipped == (9,)
    assert list(study.figures) == [2, 4]


def test_a_single_cluster_has_no_silhouette() -> None:
    """One cluster can't be far from another."""
    study = _study(_config((1,)), _frame(60))
    assert np.isnan(study.figures[1].silhouette)
    assert study.figures[1].inertia > 0


def test_rows_whose_place_is_unknown_are_left_out_of_the_shapes() -> None:
    """K-means sees known places only; the model imputes as ever."""
    frame = _frame(90)
    frame.loc[frame.index[::10], "height"] = np.nan
    assert np.isfinite(_study(_config((4,)), frame).figures[4].silhouette)


def test_without_clusters_there_is_no_study() -> None:
    """A config without them, and a model that does not use their columns, have nothing to compare."""
    frame = _frame(60)
    plain = orchard_config(derived={}, split={"test_size": 0.25})
    judge = Judge(plain, frame, make_folds(plain, frame, folds=3), plain.estimator)
    assert study_clusters(judge, plain.decisions(), silence()) is None
    config = _config((4,))
    judge = Judge(config, frame, make_folds(config, frame, folds=3), config.estimator)
    unused = config.decisions().model_copy(update={"columns": ("age", "height")})
    assert study_clusters(judge, unused, silence()) is None
