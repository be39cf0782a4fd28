"""The pipeline: its steps, its fit, and the inputs that it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity, pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from tabento.transformers.target_scales import square_of_positive
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ConfigError
from training.model.pipeline import (
    FitError,
    build_pipeline,
    fit_pipeline,
    learned_target,
    threshold_for,
    threshold_of,
)
from training.model.thresholds import ThresholdChoice

ESTIMATOR = {"kind": "hist_gradient_boosting", "target": "log", "params": {"max_iter": 20, "max_leaf_nodes": 7}}


def test_features_are_in_the_documented_order() -> None:
    """The order is numbers, booleans, ratios, clusters, categories; a nullable category has a column for missing values."""
    pipeline = fit_pipeline(orchard_config(), orchard_frame(300))
    names = [name.split("__")[1] for name in pipeline[:-1].get_feature_names_out()]
    assert names == [
        *("age", "crown width", "height", "slope", "pruned", "slenderness"),
        *("cluster_0", "cluster_1", "cluster_2"),
        *("sort_BOSKOOP", "sort_COX", "sort_GLOSTER"),
        *("soil_clay", "soil_loam", "soil_sand", "soil_naïve", "soil_None"),
    ]


def test_unknown_and_missing_categories_are_encoded_differently() -> None:
    """An unknown category has only zeros; a missing one has its own column."""
    config = orchard_config()
    pipeline = fit_pipeline(config, orchard_frame(300))
    rows = to_rows(orchard_frame(3).assign(soil=np.array(["clay", "gravel", None], dtype=object)), config.contract())
    features = pipeline[:-1].transform(to_frame(rows, config.contract()))
    np.testing.assert_array_equal(features[:, -5:], [[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]])


def test_prediction_is_in_the_targets_unit() -> None:
    """A model that learns a logarithm or a root predicts in the target's unit."""
    train, test = orchard_frame(600), orchard_frame(100, seed=9)
    for scale in ("identity", "sqrt", "log"):
        config = orchard_config(estimator={**ESTIMATOR, "target": scale})
        answers = fit_pipeline(config, train).predict(to_frame(to_rows(test, config.contract()), config.contract()))
        assert np.median(np.abs(answers / test["apples"] - 1)) < 0.1
        assert answers.shape == (100,)


def test_numbers_alone_are_enough() -> None:
    """A config without categories, booleans or derived features gives a pipeline of one group."""
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
    """Two fits of one config on the same rows export to the same bytes, and another seed to other bytes."""
    frame = orchard_frame(300)
    estimator = {**ESTIMATOR, "params": {**ESTIMATOR["params"], "max_features": 0.5}}  # type: ignore[dict-item]
    models = []
    for seed in (1, 1, 2):
        config = orchard_config(seed=seed, estimator=estimator)
        models.append(serialise(export_pipeline(fit_pipeline(config, frame), config.contract())))
    assert models[0] == models[1]
    assert models[0] != models[2]


def test_fitted_pipeline_can_be_stored() -> None:
    """The functions of the target's scale belong to a module, so that pickling works."""
    config = orchard_config(estimator={**ESTIMATOR, "target": "sqrt"})
    frame = orchard_frame(100)
    pipeline = fit_pipeline(config, frame)
    pipeline_input = to_frame(to_rows(frame, config.contract()), config.contract())
    copy = pickle.loads(pickle.dumps(pipeline))  # noqa: S301 - an object of the test
    np.testing.assert_array_equal(copy.predict(pipeline_input), pipeline.predict(pipeline_input))


def test_negative_root_becomes_zero() -> None:
    """A prediction below zero on the root's scale is zero in the target's unit, not a positive number."""
    np.testing.assert_array_equal(square_of_positive(np.array([-3.0, -0.0, 2.0])), [0.0, 0.0, 4.0])


def test_unknown_parameter_names_the_key_and_the_allowed() -> None:
    """A parameter that the estimator does not have is a config error before any fit."""
    with pytest.raises(ConfigError, match=r"estimator\.params\.n_trees: .*max_iter"):
        build_pipeline(orchard_config(estimator={**ESTIMATOR, "params": {"n_trees": 5}}))


@pytest.mark.parametrize("key", ["random_state", "categorical_features"])
def test_parameter_with_a_fixed_value_is_refused(key: str) -> None:
    """Values that the seed or the preprocessing decides cannot be set a second time."""
    with pytest.raises(ConfigError, match=rf"estimator\.params\.{key}: a config cannot set it"):
        build_pipeline(orchard_config(estimator={**ESTIMATOR, "params": {key: None}}))


@pytest.mark.parametrize("target", ["identity", "log"])
def test_impossible_parameter_names_the_key_and_the_allowed(target: str) -> None:
    """Scikit-learn's error about a value becomes a config error with the config's key."""
    config = orchard_config(estimator={**ESTIMATOR, "target": target, "params": {"max_iter": -3}})
    with pytest.raises(ConfigError, match=r"estimator\.params\.max_iter: must be an int.*Got -3"):
        fit_pipeline(config, orchard_frame(50))


def test_more_clusters_than_places_is_refused() -> None:
    """The message has the number of distinct places."""
    derived = {"clusters": {"columns": ["height"], "n_clusters": 500}}
    with pytest.raises(ConfigError, match=r"derived\.clusters\.n_clusters: got 500, .* allowed is 1 to \d+"):
        fit_pipeline(orchard_config(derived=derived), orchard_frame(100))


@pytest.mark.parametrize("target", ["sqrt", "log"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_target_outside_its_scale_is_refused_before_the_fit(target: str, value: float) -> None:
    """The error about a root or logarithm of 0 names the target, the value and the row."""
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
    """The message names the missing target or rows."""
    with pytest.raises(FitError, match="'apples', the target"):
        fit_pipeline(orchard_config(), orchard_frame(50).drop(columns="apples"))
    with pytest.raises(FitError, match="at least two training rows, got 1"):
        fit_pipeline(orchard_config(), orchard_frame(1))


def test_column_without_a_value_is_refused() -> None:
    """A column that is missing in every training row cannot be imputed, and the error names it."""
    with pytest.raises(FitError, match="slope"):
        fit_pipeline(orchard_config(), orchard_frame(50).assign(slope=np.nan))


def test_classification_answers_labels_and_their_probabilities() -> None:
    """The labels are the config's, in its order, although the frame has indices."""
    config, frame = seedling_config(), seedling_frame(300)
    pipeline = fit_pipeline(config, frame)
    pipeline_input = to_frame(to_rows(frame, config.contract()), config.contract())
    assert list(pipeline.classes_) == ["alive", "died"]
    answers = pipeline_answers(pipeline, pipeline_input, config.contract())
    assert answers.shape == (300, 3)
    assert set(pipeline.predict(pipeline_input)) == {"alive", "died"}


@pytest.mark.parametrize("labels", [(False, True), (3, 7), ("a", "b")])
def test_labels_keep_their_type(labels: tuple[object, object]) -> None:
    """Booleans, numbers and text are answered with the types of the contract."""
    classes = [{"value": label, "label": label} for label in labels]
    target = {**seedling_config().model_dump()["target"], "classes": classes}
    config = seedling_config(target=target, estimator={"kind": "decision_tree"})
    frame = seedling_frame(120)
    pipeline = fit_pipeline(config, frame)
    contract = config.contract(threshold=threshold_of(pipeline))
    assert contract.output.classes == labels
    model = serialise(export_pipeline(pipeline, contract))
    assert check_parity(pipeline, model, contract, frame, max_rows=300).label_flips == 0
    assert learned_target(config, frame).tolist() == [labels[int(place)] for place in frame["fate"]]


def test_threshold_is_built_in_and_can_be_read() -> None:
    """The label follows the chosen threshold, or the most probable class without one; probabilities are the same."""
    config, frame = seedling_config(), seedling_frame(300)
    pipeline_input = to_frame(to_rows(frame, config.contract()), config.contract())
    with_threshold, without_threshold = fit_pipeline(config, frame), fit_pipeline(config, frame, decide=False)
    threshold = threshold_of(with_threshold)
    assert threshold is not None
    assert threshold_of(without_threshold) is None
    np.testing.assert_array_equal(
        with_threshold.predict_proba(pipeline_input), without_threshold.predict_proba(pipeline_input)
    )
    is_reached = with_threshold.predict_proba(pipeline_input)[:, 1] >= threshold
    np.testing.assert_array_equal(with_threshold.predict(pipeline_input) == "died", is_reached)
    assert (without_threshold.predict(pipeline_input) == "died").sum() < is_reached.sum()


def test_threshold_that_was_chosen_before_is_used() -> None:
    """A threshold that was chosen separately equals the one of a fit; if it is passed, no other is chosen."""
    config, frame = seedling_config(estimator={"kind": "logistic_regression"}), seedling_frame(200)
    choice = threshold_for(config, frame)
    assert choice.threshold == threshold_of(fit_pipeline(config, frame))
    assert len(choice.curve) > 50
    assert threshold_of(fit_pipeline(config, frame, threshold=ThresholdChoice(0.125))) == 0.125


@pytest.mark.parametrize("kind", ["decision_tree", "xgboost"])
def test_rows_exactly_at_the_threshold_have_one_answer(kind: str) -> None:
    """A probability equal to the threshold gives the positive class, in scikit-learn and in the graph."""
    config = seedling_config(estimator={"kind": kind, "params": {"max_depth": 2}}, decision={"by": "most_probable"})
    frame = seedling_frame(200)
    pipeline_input = to_frame(to_rows(frame, config.contract()), config.contract())
    probabilities = fit_pipeline(config, frame).predict_proba(pipeline_input)[:, 1]
    for threshold in np.unique(probabilities)[1:3]:
        fixed = seedling_config(
            estimator=config.estimator.model_dump(), decision={"by": "fixed", "threshold": float(threshold)}
        )
        pipeline = fit_pipeline(fixed, frame)
        np.testing.assert_array_equal(pipeline.predict(pipeline_input) == "died", probabilities >= threshold)
        contract = fixed.contract(threshold=threshold_of(pipeline))
        model = serialise(export_pipeline(pipeline, contract))
        assert check_parity(pipeline, model, contract, frame, max_rows=300).label_flips == 0


def test_single_precision_is_compared_in_double() -> None:
    """A float32 probability just below the threshold is not rounded up to it."""
    config = seedling_config(
        estimator={"kind": "xgboost", "params": {"max_depth": 2}}, decision={"by": "most_probable"}
    )
    frame = seedling_frame(200)
    pipeline_input = to_frame(to_rows(frame, config.contract()), config.contract())
    probability = float(np.unique(fit_pipeline(config, frame).predict_proba(pipeline_input)[:, 1])[1])
    threshold = float(np.nextafter(probability, 1))
    assert np.float32(threshold) == np.float32(probability)
    fixed = seedling_config(estimator=config.estimator.model_dump(), decision={"by": "fixed", "threshold": threshold})
    pipeline = fit_pipeline(fixed, frame)
    np.testing.assert_array_equal(
        pipeline.predict(pipeline_input) == "died",
        pipeline.predict_proba(pipeline_input)[:, 1].astype(np.float64) > probability,
    )
    contract = fixed.contract(threshold=threshold)
    model = serialise(export_pipeline(pipeline, contract))
    assert check_parity(pipeline, model, contract, frame, max_rows=300).label_flips == 0


def test_model_uses_only_the_decided_columns() -> None:
    """Omitted columns are omitted from ratios and clusters too; the pipeline still accepts every feature."""
    config, frame = orchard_config(), orchard_frame(200)
    decisions = config.decisions().model_copy(update={"columns": ("age", "height", "soil")})
    pipeline = fit_pipeline(config, frame, decisions)
    names = [name.split("__")[1] for name in pipeline[:-1].get_feature_names_out()]
    assert names == ["age", "height", "soil_clay", "soil_loam", "soil_sand", "soil_naïve", "soil_None"]
    model = serialise(export_pipeline(pipeline, config.contract()))
    assert check_parity(pipeline, model, config.contract(), orchard_frame(60, seed=8), max_rows=300).label_flips == 0
    empty = frame.assign(slope=np.nan)
    assert fit_pipeline(config, empty, decisions).predict(empty).shape == (200,)


def test_decided_clusters_and_imputation_are_used() -> None:
    """Decided values replace the config's own."""
    config = orchard_config()
    for clusters, count in ((5, 5), (None, 0)):
        decisions = config.decisions().model_copy(update={"n_clusters": clusters, "impute": "median"})
        pipeline = fit_pipeline(config, orchard_frame(100), decisions)
        names = pipeline[:-1].get_feature_names_out().tolist()
        assert sum("cluster_" in name for name in names) == count
        assert pipeline.named_steps["features"].named_transformers_["numbers"].strategy == "median"


@pytest.mark.parametrize(
    ("columns", "message"), [((), "at least one feature"), (("girth",), "'girth' is not a feature")]
)
def test_impossible_columns_are_refused(columns: tuple[str, ...], message: str) -> None:
    """An empty list and a column that does not exist are refused."""
    config = orchard_config()
    with pytest.raises(ConfigError, match=message):
        build_pipeline(config, config.decisions().model_copy(update={"columns": columns}))


def test_undefined_ratio_is_imputed_if_the_estimator_needs_it() -> None:
    """A denominator of 0 gives NaN: histogram trees accept it, a linear model gets the median."""
    config, frame = seedling_config(decision={"by": "most_probable"}), seedling_frame(200)
    frame.loc[:9, "leaves"] = 0.0
    linear = seedling_config(decision={"by": "most_probable"}, estimator={"kind": "logistic_regression"})
    for task_config, missing in ((config, True), (linear, False)):
        pipeline = fit_pipeline(task_config, frame)
        spacing = pipeline[:-1].get_feature_names_out().tolist().index("ratios__spacing")
        features = pipeline[:-1].transform(to_frame(to_rows(frame, task_config.contract()), task_config.contract()))
        assert np.isnan(features[:10, spacing]).all() == missing
        model = serialise(export_pipeline(pipeline, task_config.contract()))
        assert check_parity(pipeline, model, task_config.contract(), frame, max_rows=300).label_flips == 0


def test_class_without_a_training_row_is_refused() -> None:
    """A class without training rows is an error that names its label."""
    with pytest.raises(FitError, match="training rows of every class, got none of 'died'"):
        fit_pipeline(seedling_config(), seedling_frame(50).assign(fate=0.0))


def test_target_that_is_not_a_class_index_is_refused() -> None:
    """Only the class indices that validation returns are accepted."""
    frame = seedling_frame(50)
    frame.loc[4, "fate"] = 2.0
    with pytest.raises(FitError, match=r"the index of one of 2 classes in every row, got 2 in row 4"):
        fit_pipeline(seedling_config(), frame)


LABELLED = {"clusters": {"columns": ["crown width", "height"], "n_clusters": 3, "gamma": 0.5, "label": True}}


@pytest.mark.parametrize(
    "estimator",
    [
        {"kind": "hist_gradient_boosting", "target": "log", "params": {"max_iter": 10, "max_leaf_nodes": 7}},
        {"kind": "random_forest", "params": {"n_estimators": 3, "max_depth": 5}},
        {"kind": "ridge"},
    ],
    ids=lambda estimator: estimator["kind"],
)
def test_the_label_of_the_nearest_cluster_is_a_feature(estimator: dict[str, object]) -> None:
    """With ``label: true`` the label follows the similarities, and graph and pipeline give the same answers."""
    config = orchard_config(derived=LABELLED, estimator=estimator)
    pipeline = fit_pipeline(config, orchard_frame(200))
    names = [name.rpartition("__")[2] for name in pipeline[:-1].get_feature_names_out()]
    assert names[5:9] == ["cluster_0", "cluster_1", "cluster_2", "cluster_label"]
    assert {*pipeline[:-1].transform(orchard_frame(200))[:, 8].tolist()} == {0.0, 1.0, 2.0}
    model = serialise(export_pipeline(pipeline, config.contract()))
    check_parity(pipeline, model, config.contract(), orchard_frame(60, seed=8), max_rows=300)


def test_cluster_label_after_means_of_neighbours_is_refused() -> None:
    """Between two centres the last bit decides, and the last bit of such a mean depends on the computer."""
    config = orchard_config(derived=LABELLED, estimator={"kind": "ridge"}, impute="knn")
    pipeline = fit_pipeline(config, orchard_frame(60))
    with pytest.raises(
        ExportError,
        match=r"equally far donors with different values|the number of the nearest centre would depend on .* label=False",
    ):
        export_pipeline(pipeline, config.contract())
