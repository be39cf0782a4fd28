"""The part of a model that feedback needs outlives the model."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from monitoring.feedback.answered_model import AnsweredModel, answered_model
from monitoring.feedback.truths import value_text
from tabento.bundle.contract import Contract
from tests.bundles import classifier_contract, orchard_contract
from tests.monitoring.feedback.answers import frost_contract, monitored


def _several() -> Contract:
    content = orchard_contract().model_dump()
    content["output"] = {"name": "harvest", "description": "", "targets": [{"name": "apples"}, {"name": "leaves"}]}
    return Contract.model_validate(content)


@pytest.mark.parametrize(
    "contract", [orchard_contract(), frost_contract(), classifier_contract((1, 2.5, "x")), _several()]
)
def test_a_description_reads_back(contract: Contract) -> None:
    """JSON keeps everything, labels' types included."""
    model = answered_model(monitored(contract))
    assert msgspec.json.decode(msgspec.json.encode(model), type=AnsweredModel) == model


def test_a_number_is_its_own_truth() -> None:
    """A text or a boolean does not fit a regression."""
    model = answered_model(monitored())
    assert model.actual(value_text(3)) == np.array([3.0])
    assert [model.actual(text) for text in ('"3"', "true", '{"apples":3}')] == [None] * 3


def test_a_label_fits_by_value_or_by_key() -> None:
    """A label can be sent as JSON or as the key of its probability, unless that is another label."""
    model = answered_model(monitored(classifier_contract((1, True, "x"))))
    values = [model.actual(value_text(value)) for value in (1, 1.0, True, "x", "1", "true")]
    assert [None if value is None else value.tolist() for value in values] == [[0.0], [0.0], [1.0], [2.0], [0.0], [1.0]]
    assert model.actual(value_text("y")) is None
    assert model.expected() == 'one of 1, true, "x"'


def test_a_truth_can_have_some_targets() -> None:
    """A missing target is NaN; an unknown one does not fit."""
    model = answered_model(monitored(_several()))
    actual = model.actual(value_text({"leaves": 4}))
    assert actual is not None
    np.testing.assert_array_equal(actual, [np.nan, 4.0])
    assert model.actual(value_text({"roots": 4})) is None
    assert model.actual(value_text(4)) is None
    assert model.width == 2


def test_a_logged_answer_becomes_the_numbers_of_the_graph() -> None:
    """The label becomes its index, followed by the probabilities in the order of the classes."""
    model = answered_model(monitored(frost_contract()))
    answer = model.answer("frost", {"frost": 0.75, "calm": 0.25})
    assert answer is not None
    assert answer.tolist() == [1.0, 0.25, 0.75]
    assert model.answer("frost", None) is None
    assert model.answer("hail", {"frost": 0.75, "calm": 0.25}) is None
    several = answered_model(monitored(_several())).answer({"leaves": 2, "apples": 1}, None)
    assert several is not None
    assert several.tolist() == [1.0, 2.0]
