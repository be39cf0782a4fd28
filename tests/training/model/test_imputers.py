"""Each imputation of a config can be built and exported."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn.impute import IterativeImputer, SimpleImputer

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.transformers.scaled_knn_imputer import ScaledKNNImputer
from tests.training.orchards import orchard_config, orchard_frame
from training.config import Imputer, ModelConfig
from training.model.imputers import build_imputer, looks_across
from training.model.pipeline import fit_pipeline


def linear_config(impute: Imputer) -> ModelConfig:
    """Return the orchard's config with a linear_config model after an imputation, with ratios and clusters; slopes are limited."""
    data = orchard_config().model_dump()
    features = [item | {"minimum": 0, "maximum": 45} if item["name"] == "slope" else item for item in data["features"]]
    return orchard_config(impute=impute, features=features, estimator={"kind": "ridge"})


@pytest.mark.filterwarnings("ignore:.*Early stopping criterion not reached")
@pytest.mark.parametrize("impute", get_args(Imputer))
def test_every_imputation_leaves_nothing_missing(impute: Imputer) -> None:
    """Existing values stay, and missing values become numbers in the column's range."""
    generator = np.random.default_rng(1)
    full = generator.normal(size=(60, 3))
    holes = np.where(generator.random((60, 3)) < 0.2, np.nan, full)
    imputed = build_imputer(impute, 1).fit_transform(holes)
    not_missing = ~np.isnan(holes)
    np.testing.assert_array_equal(imputed[not_missing], holes[not_missing])
    assert (imputed >= np.nanmin(holes, axis=0)).all()
    assert (imputed <= np.nanmax(holes, axis=0)).all()


def test_imputers_have_their_documented_types() -> None:
    """Statistics use their column alone; neighbours and forests use all columns."""
    assert isinstance(build_imputer("median", 1), SimpleImputer)
    assert isinstance(build_imputer("knn", 1), ScaledKNNImputer)
    assert isinstance(build_imputer("iterative", 1), IterativeImputer)
    assert [impute for impute in get_args(Imputer) if looks_across(impute)] == ["knn", "iterative"]


@pytest.mark.filterwarnings("ignore:.*Early stopping criterion not reached")
@pytest.mark.parametrize("impute", get_args(Imputer))
def test_pipeline_with_imputation_exports_exactly(impute: Imputer) -> None:
    """A linear model with ratios and clusters of imputed columns exports exactly."""
    config, frame = linear_config(impute), orchard_frame(200)
    pipeline = fit_pipeline(config, frame[:150])
    if impute == "knn":
        # Trees of one age are equally far neighbours: the computer decides which of them is used.
        with pytest.raises(ExportError, match="equally far donors with different values"):
            export_pipeline(pipeline, config.contract())
        return
    model = serialise(export_pipeline(pipeline, config.contract()))
    assert check_parity(pipeline, model, config.contract(), frame[150:], max_rows=400).worst_relative < 1e-9


def test_imputation_across_columns_is_done_once() -> None:
    """Ratios and clusters are computed from the same imputed numbers as the model's, in one group."""
    frame = orchard_frame(120)
    frame.loc[::5, "height"] = np.nan
    data = orchard_config().model_dump()
    features = [item | {"nullable": True} if item["name"] == "height" else item for item in data["features"]]
    config = orchard_config(impute="knn", features=features, estimator={"kind": "ridge"})
    pipeline = fit_pipeline(config, frame)
    names = [name.rpartition("__")[2] for name in pipeline[:-1].get_feature_names_out()]
    assert names[:8] == ["age", "crown width", "height", "slope", "slenderness", "cluster_0", "cluster_1", "cluster_2"]
    columns = dict(zip(names, pipeline[:-1].transform(frame.drop(columns="apples")).T, strict=True))
    np.testing.assert_array_equal(columns["slenderness"], columns["height"] / columns["crown width"])
