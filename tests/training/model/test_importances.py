"""The importances name the features on which a model depends, with results that two runs agree on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.training.gate.gates import orchard_gate_input, seedling_gate_input
from training.gate import GateInput
from training.model.attribution import explain_by_sampling
from training.model.importances import TOP, Importances, ServedAnswers, measure_importances
from training.report.card.sections import importances_section


def measure_small_model(model_parts: GateInput) -> Importances:
    """Measure the importances of a small model."""
    return measure_importances(
        model_parts.config, model_parts.model, model_parts.contract, model_parts.train, model_parts.test
    )


def test_features_are_ranked() -> None:
    """The orchard's yield depends most on the age of the trees; each feature is listed once."""
    model_parts = orchard_gate_input()
    importances = measure_small_model(model_parts)
    assert importances.top[0].feature == "age"
    assert importances.top[0].permutation > 10 * importances.top[0].permutation_std
    assert importances.top[0].shap == max(item.shap for item in importances.top)
    assert [item.permutation for item in importances.top] == sorted(
        (item.permutation for item in importances.top), reverse=True
    )
    assert {item.feature for item in importances.top} == {*model_parts.contract.feature_names}
    assert (importances.metric, importances.rows, importances.repeats, importances.features) == ("rmse", 200, 5, 7)
    assert measure_small_model(model_parts) == importances


def test_classification_has_importances() -> None:
    """The deciding metric of a classification gets worse; SHAP values are shares of a probability."""
    importances = measure_small_model(seedling_gate_input())
    assert importances.metric == "roc_auc"
    assert importances.top[0].permutation > 0.01
    assert all(0 <= item.shap <= 1 for item in importances.top)


def test_sample_of_one_class_has_another_metric() -> None:
    """If every row has the same class, the log loss replaces the area under the curve, which is not defined."""
    model_parts = seedling_gate_input()
    test_rows = model_parts.test[model_parts.test["fate"] == 0].head(20)
    assert measure_small_model(dataclasses.replace(model_parts, test=test_rows)).metric == "log_loss"


def test_shap_values_of_a_weighted_sum_are_known() -> None:
    """The value of a feature is its weight times the difference between the row and the background's mean."""
    generator = np.random.default_rng(0)
    weights, background, rows = generator.normal(size=4), generator.normal(size=(25, 4)), generator.normal(size=(6, 4))
    values = explain_by_sampling(lambda mixed: (mixed @ weights)[:, np.newaxis], background, rows, 3)
    np.testing.assert_allclose(values[:, :, 0], weights * (rows - background.mean(axis=0)), atol=1e-12)


def test_only_the_first_ten_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many features only the ten most important are returned."""
    assert TOP == 10
    monkeypatch.setattr("training.model.importances.TOP", 3)
    importances = measure_small_model(orchard_gate_input())
    assert len(importances.top) == 3
    section = importances_section(orchard_gate_input().config, importances)
    assert section.startswith("The first 3 of 7 features.")
    assert "| age |" in section
    assert "RMSE worse by" in section
    assert importances_section(orchard_gate_input().config, None) == ""


def test_labels_without_probabilities_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answered label has the value 1; of two classes only the second is explained."""
    model_parts = seedling_gate_input()
    served = ServedAnswers(model_parts.model, model_parts.contract)
    rows = np.zeros((4, len(model_parts.contract.features)))
    labels = np.array([[0.0], [1.0], [1.0], [0.0]])
    monkeypatch.setattr(served, "answers", lambda _: labels)
    np.testing.assert_array_equal(served.outputs(rows), labels)


def test_sample_of_zero_targets_is_replaced() -> None:
    """If the target is 0 in every row of the sample, the whole test part is used."""
    model_parts = orchard_gate_input()
    large_test = model_parts.test.loc[model_parts.test.index.repeat(12)].reset_index(drop=True)
    target = model_parts.config.target.name
    large_test[target] = 0.0
    large_test.loc[large_test.index[-5:], target] = 7.0
    assert measure_small_model(dataclasses.replace(model_parts, test=large_test)).rows in (1_428, len(large_test))
