"""Tests of the pictures of the feature studies."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from training.config import ModelConfig
from training.model.attribution import Attribution
from training.report.features import plots
from training.studies.features.clusters import ClusterFigures, ClusterStudy
from training.studies.features.columns import ColumnStudy, Importance
from training.studies.features.imputation import ImputationStudy, ImputerFigures
from training.studies.features.scores import Score

SCORE = Score(2.0, 0.1, (1.9, 2.1))
PNG = b"\x89PNG"


def _columns(config: ModelConfig, outputs: int) -> ColumnStudy:
    names = tuple(feature.name for feature in config.features)
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(40, len(names)))
    rows[::7, 0] = np.nan
    rows[:, 1] = 3.0
    rows[:, 2] = np.nan
    values = generator.normal(size=(40, len(names), outputs))
    values[:, 1] = 0.0
    importance = {name: Importance(SCORE, SCORE, 1.0) for name in names}
    curve = {1: SCORE, len(names): SCORE}
    return ColumnStudy("rmse", importance, curve, Attribution(values, rows, "sampling"), names[:1], False, names[:1])


@pytest.mark.parametrize("scored", [True, False])
def test_imputations_are_drawn_with_and_without_a_score(scored: bool) -> None:
    """A refused imputation, an unknown error and a missing score leave gaps and raise no error."""
    figures = ImputerFigures({"a": 0.5, "b": float("nan")}, 0.5, SCORE if scored else None, None)
    failed_imputer = ImputerFigures({"a": 0.4, "b": 0.3}, 0.35, None, "no converter")
    study = ImputationStudy("rmse", {"median": figures, "iterative": failed_imputer}, 3, "median", False, "median")
    assert plots.imputation_figure(orchard_config(), study).startswith(PNG)


def test_clusters_are_drawn() -> None:
    """A number of clusters without a silhouette is a gap in the line."""
    figures_by_number = {
        1: ClusterFigures(float("nan"), float("nan"), 9.0, SCORE),
        4: ClusterFigures(0.5, 0.7, 3.0, SCORE),
    }
    study = ClusterStudy("rmse", ("height",), figures_by_number, (), 4, False, 4)
    assert plots.cluster_figure(orchard_config(), study).startswith(PNG)


@pytest.mark.slow
@pytest.mark.parametrize(("config", "outputs"), [(orchard_config(), 1), (seedling_config(), 1), (seedling_config(), 2)])
def test_columns_are_drawn(config: ModelConfig, outputs: int) -> None:
    """Constant and missing values, features without effect, and several outputs are drawn."""
    study = _columns(config, outputs)
    for draw in (plots.importance_figure, plots.shap_figure, plots.curve_figure):
        assert draw(config, study).startswith(PNG)
        assert draw(config, study) == draw(config, study)
