"""The pipeline: what it is made of, what it learns, and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from training.config import ConfigError
from training.export import export_pipeline, serialise
from training.frames import to_frame, to_rows
from training.pipeline import FitError, build_pipeline, fit_pipeline, square_of_positive

ESTIMATOR = {"kind": "hist_gradient_boosting", "target": "log", "params": {"max_iter": 20, "max_leaf_nodes": 7}}


def test_features_come_in_the_documented_order() -> None:
    """Numbers, booleans, ratios, clusters, categories; a nullable category has a column for missing."""
    pipeline = fit_pipeline(orchard_config(), orchard_frame(300))
    names = [name.split("__")[1] for name in pipeline[:-1].get_feature_names_out()]
    assert names == [
        *("age", "crown width", "height", "slope", "pruned", "slenderness"),
        *("cluster_0", "cluster_1", "cluster_2"),
        *("sort_BOSKOOP", "sort_COX", "sort_GLOSTER"),
        *("soil_clay", "soil_loam", "soil_sand", "soil_naïve", "soil_None"),
    ]


def test_unknown_and_missing_categories_are_told_apart() -> None:
    """An unknown category is no known one and not missing; a missing one has its own column."""
    config = orchard_config()
    pipeline = fit_pipeline(config, orchard_frame(300))
    rows = to_rows(orchard_frame(3).assign(soil=np.array(["clay", "gravel", None], dtype=object)), config.contract())
    features = pipeline[:-1].transform(to_frame(rows, config.contract()))
    np.testing.assert_array_equal(features[:, -5:], [[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]])


def test_prediction_is_in_the_targets_unit() -> None:
    """Learned on a logarithm or a root, the answer still fits the target."""
    train, test = orchard_frame(600), orchard_frame(100, seed=9)
    for scale in ("identity", "sqrt", "log"):
        config = orchard_config(estimator={**ESTIMATOR, "target": scale})
        answers = fit_pipeline(config, train).predict(to_frame(to_rows(test, config.contract()), config.contract()))
        assert np.median(np.abs(answers / test["apples"] - 1)) < 0.1
        assert answers.shape == (100,)


def test_numbers_alone_are_enough() -> None:
    """A config without categories, booleans or derived features makes a pipeline of one group."""
    config = orchard_config()
    config = config.model_copy(
        update={
            "features": config.features[:3],
            "derived": config.derived.model_copy(update={"ratios": (), "clusters": None}),
        }
    )
    pipeline = fit_pipeline(config, orchard_frame(100))
    assert [name for name, *_ in pipeline.steps[0][1].transformers_] == ["numbers"]


def test_same_seed_gives_the_same_bytes() -> None:
    """Two fits of one config on the same rows export to the same bytes; another seed to others."""
    frame = orchard_frame(300)
    estimator = {**ESTIMATOR, "params": {**ESTIMATOR["params"], "max_features": 0.5}}  # type: ignore[dict-item]
    models = []
    for seed in (1, 1, 2):
        config = orchard_config(seed=seed, estimator=estimator)
        models.append(serialise(export_pipeline(fit_pipeline(config, frame), config.contract())))
    assert models[0] == models[1]
    assert models[0] != models[2]


def test_fitted_pipeline_can_be_stored() -> None:
    """The functions of the target's scale belong to a module, so pickling works."""
    config = orchard_config(estimator={**ESTIMATOR, "target": "sqrt"})
    frame = orchard_frame(100)
    pipeline = fit_pipeline(config, frame)
    given = to_frame(to_rows(frame, config.contract()), config.contract())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipeline)).predict(given), pipeline.predict(given))


def test_negative_root_is_nothing() -> None:
    """A prediction below zero on the root's scale is zero in the target's unit, not a positive number."""
    np.testing.assert_array_equal(square_of_positive(np.array([-3.0, -0.0, 2.0])), [0.0, 0.0, 4.0])


def test_unknown_parameter_names_the_key_and_the_allowed() -> None:
    """A parameter that the estimator does not have is a config error, before any fit."""
    with pytest.raises(ConfigError, match=r"estimator\.params\.n_trees: .*max_iter"):
        build_pipeline(orchard_config(estimator={**ESTIMATOR, "params": {"n_trees": 5}}))


@pytest.mark.parametrize("key", ["random_state", "categorical_features"])
def test_parameter_that_is_not_the_configs_is_refused(key: str) -> None:
    """What the seed or the preprocessing decides cannot be set a second time."""
    with pytest.raises(ConfigError, match=rf"estimator\.params\.{key}: a config cannot set it"):
        build_pipeline(orchard_config(estimator={**ESTIMATOR, "params": {key: None}}))


@pytest.mark.parametrize("target", ["identity", "log"])
def test_impossible_parameter_names_the_key_and_the_allowed(target: str) -> None:
    """Scikit-learn's complaint about a value becomes a config error with the config's key."""
    config = orchard_config(estimator={**ESTIMATOR, "target": target, "params": {"max_iter": -3}})
    with pytest.raises(ConfigError, match=r"estimator\.params\.max_iter: must be an int.*Got -3"):
        fit_pipeline(config, orchard_frame(50))


def test_more_clusters_than_places_is_refused() -> None:
    """The message says how many places there are."""
    derived = {"clusters": {"columns": ["height"], "n_clusters": 500}}
    with pytest.raises(ConfigError, match=r"derived\.clusters\.n_clusters: got 500, .* allowed is 1 to \d+"):
        fit_pipeline(orchard_config(derived=derived), orchard_frame(100))


@pytest.mark.parametrize("target", ["sqrt", "log"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_target_outside_its_scale_is_refused_before_the_fit(target: str, value: float) -> None:
    """A root or a logarithm of nothing names the target, the value and the row."""
    frame = orchard_frame(50)
    frame.loc[7, "apples"] = value
    with pytest.raises(FitError, match=r"'apples': expected a number above 0 .* in row 7 and 0 more"):
        fit_pipeline(orchard_config(estimator={**ESTIMATOR, "target": target}), frame)


def test_missing_label_is_refused() -> None:
    """A row without a label is an error even on the identity scale."""
    frame = orchard_frame(50)
    frame.loc[3, "apples"] = np.nan
    with pytest.raises(FitError, match=r"a finite number in every row, got .*nan.* in row 3"):
        fit_pipeline(orchard_config(estimator={**ESTIMATOR, "target": "identity"}), frame)


def test_frame_without_target_or_rows_is_refused() -> None:
    """What is missing is named."""
    with pytest.raises(FitError, match="'apples', the target"):
        fit_pipeline(orchard_config(), orchard_frame(50).drop(columns="apples"))
    with pytest.raises(FitError, match="at least two training rows, got 1"):
        fit_pipeline(orchard_config(), orchard_frame(1))


def test_column_without_a_value_is_refused() -> None:
    """A column that is missing in every training row cannot be imputed and is named."""
    with pytest.raises(FitError, match="slope"):
        fit_pipeline(orchard_config(), orchard_frame(50).assign(slope=np.nan))
