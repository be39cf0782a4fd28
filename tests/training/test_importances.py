"""The importances name the features that a model goes by, in figures that two runs agree on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.training.gate.gates import orchard_given, seedling_given
from training.card.sections import importances_section
from training.features.attribution import explain_by_sampling
from training.gate import GateInput
from training.importances import TOP, Importances, ServedAnswers, measure_importances


def measured(given: GateInput) -> Importances:
    """Measure a small model."""
    return measure_importances(given.config, given.model, given.contract, given.train, given.test)


def test_features_are_ranked() -> None:
    """The orchard's yield goes by the age of the trees above all; each feature is in the table once."""
    given = orchard_given()
    found = measured(given)
    assert found.top[0].feature == "age"
    assert found.top[0].permutation > 10 * found.top[0].permutation_std
    assert found.top[0].shap == max(item.shap for item in found.top)
    assert [item.permutation for item in found.top] == sorted((item.permutation for item in found.top), reverse=True)
    assert {item.feature for item in found.top} == {*given.contract.feature_names}
    assert (found.metric, found.rows, found.repeats, found.features) == ("rmse", 200, 5, 7)
    assert measured(given) == found


def test_classification_has_them_too() -> None:
    """The deciding metric of a classification gets worse; SHAP values are shares of a probability."""
    found = measured(seedling_given())
    assert found.metric == "roc_auc"
    assert found.top[0].permutation > 0.01
    assert all(0 <= item.shap <= 1 for item in found.top)


def test_sample_of_one_class_has_another_metric() -> None:
    """If every row has the same class, the area under the curve is not defined, and the log loss takes its place."""
    given = seedling_given()
    one = given.test[given.test["fate"] == 0].head(20)
    assert measured(dataclasses.replace(given, test=one)).metric == "log_loss"


def test_shap_values_of_a_weighted_sum_are_known() -> None:
    """A feature's value is its weight times the distance of the row's value from the background's mean."""
    generator = np.random.default_rng(0)
    weights, background, rows = generator.normal(size=4), generator.normal(size=(25, 4)), generator.normal(size=(6, 4))
    values = explain_by_sampling(lambda mixed: (mixed @ weights)[:, np.newaxis], background, rows, 3)
    np.testing.assert_allclose(values[:, :, 0], weights * (rows - background.mean(axis=0)), atol=1e-12)


def test_only_the_first_ten_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many features the card, the store and the record get the ten most important."""
    assert TOP == 10
    monkeypatch.setattr("training.importances.TOP", 3)
    found = measured(orchard_given())
    assert len(found.top) == 3
    section = importances_section(orchard_given().config, found)
    assert section.startswith("The first 3 of 7 features.")
    assert "| age |" in section
    assert "RMSE worse by" in section
    assert importances_section(orchard_given().config, None) == ""


def test_labels_without_probabilities_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answered label counts as 1, of two classes that of the second."""
    given = seedling_given()
    served = ServedAnswers(given.model, given.contract)
    rows = np.zeros((4, len(given.contract.features)))
    labels = np.array([[0.0], [1.0], [1.0], [0.0]])
    monkeypatch.setattr(served, "answers", lambda _: labels)
    np.testing.assert_array_equal(served.outputs(rows), labels)


def test_target_of_zeros_is_no_obstacle() -> None:
    """A sample whose target is 0 throughout gives way to the whole test part."""
    given = orchard_given()
    many = given.test.loc[given.test.index.repeat(12)].reset_index(drop=True)
    target = given.config.target.name
    many[target] = 0.0
    many.loc[many.index[-5:], target] = 7.0
    assert measured(dataclasses.replace(given, test=many)).rows in (1_428, len(many))
