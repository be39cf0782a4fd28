"""Predictions become output tensors."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec.intervals import IntervalEncoder
from serving.codec.labels import LabelEncoder
from serving.codec.rows import Rows
from serving.errors import InternalError, InvalidError
from serving.protocols.answer_tensors import AnswerTensors
from serving.protocols.tensors import OutputTensor
from tabento.bundle.contract import Contract, Label, Output, OutputTarget
from tabento.bundle.interval import Interval
from tests.bundles import LABELS, classifier_contract, orchard_contract, tagged_contract, with_output
from tests.tabento.bundle.test_interval import GROUPED, HIGH, NUMBERS, intervals

ROWS = Rows(b"", 2, single=False)


def two_targets(classes: tuple[Label, ...] | None = None) -> Contract:
    """Return a contract of two targets."""
    targets = tuple(OutputTarget(name=name, classes=classes) for name in ("apples", "pears"))
    content = orchard_contract().model_dump() | {"task": "regression" if classes is None else "classification"}
    return Contract.model_validate(content | {"output": Output(name="fruit", targets=targets).model_dump()})


def test_a_regression_answers_one_number_a_row() -> None:
    """The tensor has the name of the target and the shape [N]."""
    contract = orchard_contract()
    answer = AnswerTensors(contract).tensors([1.5, -0.1], ROWS)
    assert answer == [OutputTensor(contract.output.name, "FP64", (2,), [1.5, -0.1])]
    assert answer[0].binary() == struct.pack("<2d", 1.5, -0.1)


def test_a_classification_answers_labels_probabilities_and_ranking() -> None:
    """The label is the first tensor; probabilities and ranking have the shape [N, C]. Ties keep the classes' order."""
    tensors = AnswerTensors(classifier_contract(ranking=True))
    answer = tensors.tensors([[2.0, 0.25, 0.25, 0.5], [0.0, 0.4, 0.2, 0.4]], ROWS)
    poor, fair, good = LABELS
    assert answer == [
        OutputTensor("harvest", "BYTES", (2,), [good, poor]),
        OutputTensor("probabilities", "FP64", (2, 3), [0.25, 0.25, 0.5, 0.4, 0.2, 0.4]),
        OutputTensor("ranking", "BYTES", (2, 3), [good, poor, fair, poor, good, fair]),
    ]
    size = len(good.encode())
    assert answer[0].binary() == struct.pack(f"<I{size}sI4s", size, good.encode(), 4, b"poor")
    assert tensors.metadata[1].parameters == {"classes": '["poor", "fair", "très \\"bon\\" 100%"]'}


@pytest.mark.parametrize(
    ("classes", "datatype", "expected"),
    [
        ((False, True), "BOOL", [True, False]),
        ((3, 5), "INT64", [5, 3]),
        ((3, 5.5), "FP64", [5.5, 3.0]),
        ((1, "two"), "BYTES", ["two", "1"]),
    ],
)
def test_labels_have_the_datatype_of_all_classes(
    classes: tuple[Label, ...], datatype: str, expected: list[object]
) -> None:
    """Labels keep their type if all have one that the protocol knows, and are texts otherwise."""
    answer = AnswerTensors(classifier_contract(classes, probabilities=False)).tensors([[1.0], [0.0]], ROWS)
    assert [(tensor.datatype, tensor.values) for tensor in answer] == [(datatype, expected)]


def test_several_targets_are_one_tensor_each() -> None:
    """Each target is a tensor of its own name, of numbers or of labels."""
    answer = AnswerTensors(two_targets()).tensors([[1.0, 2.0], [3.0, 4.0]], ROWS)
    assert {tensor.name: tensor.values for tensor in answer} == {"apples": [1.0, 3.0], "pears": [2.0, 4.0]}
    answer = AnswerTensors(two_targets(("few", "many"))).tensors([[1.0, 0.0], [0.0, 0.0]], ROWS)
    assert {tensor.name: tensor.values for tensor in answer} == {"apples": ["many", "few"], "pears": ["few", "few"]}


def test_identifiers_are_answered_as_texts() -> None:
    """An integer is its digits, and a missing identifier an empty text."""
    rows = Rows(b"", 2, False, b'[{"tag":"T1","100% owner":null},{"tag":"T2","100% owner":12.0}]')
    answer = AnswerTensors(tagged_contract()).tensors([1.0, 2.0], rows)
    assert {tensor.name: tensor.values for tensor in answer[1:]} == {"tag": ["T1", "T2"], "100% owner": ["", "12"]}


def test_requested_outputs_are_answered_in_their_order() -> None:
    """Only the requested outputs are answered; an unknown name is refused with the names that exist."""
    tensors = AnswerTensors(classifier_contract())
    answer = tensors.tensors([[2.0, 0.25, 0.25, 0.5]], ROWS, ["probabilities", "harvest"])
    assert [tensor.name for tensor in answer] == ["probabilities", "harvest"]
    with pytest.raises(InvalidError, match="no output 'crop'; there are harvest, probabilities"):
        tensors.check_names(["harvest", "crop"])


def test_names_of_outputs_differ() -> None:
    """A target that is called as another output keeps its name, and the other output gets a longer one."""
    content = classifier_contract().model_dump()
    content["output"]["name"] = "probabilities"
    tensors = AnswerTensors(Contract.model_validate(content))
    assert [metadata.name for metadata in tensors.metadata] == ["probabilities", "probabilities_"]


@pytest.mark.parametrize(
    ("contract", "values", "message"),
    [
        (orchard_contract(), [1.0, math.nan], "no finite number"),
        (orchard_contract(), [math.inf, 1.0], "no finite number"),
        (classifier_contract(), [[3.0, 0.2, 0.3, 0.5]], "the class number 3 for a row; there are 0 to 2"),
        (classifier_contract(), [[1.0, 0.2, 0.3, math.nan]], "nan as a probability"),
        (classifier_contract(), [[1.0, 0.2, 0.3, 1.5]], "1.5 as a probability"),
        (two_targets(("few", "many")), [[0.0, 2.0]], "the class number 2 for a row"),
    ],
)
def test_answers_that_the_contract_cannot_say_are_errors(
    contract: Contract, values: list[object], message: str
) -> None:
    """NaN, an unknown class and a number that is not a probability are faults of the model, as on the JSON route."""
    with pytest.raises(InternalError, match=message):
        AnswerTensors(contract).tensors(values, ROWS)


def test_rounding_is_clipped() -> None:
    """A probability outside 0 to 1 by rounding is 0 or 1, as on the JSON route."""
    answer = AnswerTensors(classifier_contract()).tensors([[0.0, 1.0 + 1e-15, -1e-16, 0.0]], ROWS)
    assert answer[1].values == [1.0, 0.0, 0.0]


def columns_of(answer: list[OutputTensor]) -> dict[str, list[object]]:
    """Return the elements of each tensor by its name."""
    return {tensor.name: list(tensor.values) for tensor in answer}


@given(interval=intervals(), rows=st.lists(st.tuples(NUMBERS, st.floats()), min_size=1, max_size=5))
def test_intervals_are_those_of_json(interval: Interval, rows: list[tuple[float, float]]) -> None:
    """Both ends are the doubles of the JSON answer to the same rows, also if only one of them is requested."""
    contract = with_output(orchard_contract(), interval=interval.model_dump())
    packed = np.zeros((len(rows), len(contract.features)))
    packed[:, contract.feature_names.index("age")] = [age for _, age in rows]
    values, data = [answer for answer, _ in rows], packed.tobytes()
    encoder = IntervalEncoder("orchard", "v1", interval, contract.interval_column)
    expected = json.loads(encoder.encode(values, False, b"id", data))["intervals"]
    answers, request = AnswerTensors(contract), Rows(data, len(rows), single=False)
    name = contract.output.name
    columns = columns_of(answers.tensors(values, request))
    assert columns[f"{name}_lower"] == [item["lower"] for item in expected]
    assert columns[f"{name}_upper"] == [item["upper"] for item in expected]
    (upper,) = answers.tensors(values, request, [f"{name}_upper"])
    assert upper.values == columns[f"{name}_upper"]
    assert json.loads(upper.parameters["coverage"]) == interval.coverage


@given(
    thresholds=st.tuples(*[st.floats(0, 1)] * 3),
    rows=st.lists(st.tuples(st.integers(0, 2), *[st.floats(0, 1)] * 3), min_size=1, max_size=5),
)
def test_prediction_sets_are_those_of_json(thresholds: tuple[float, ...], rows: list[tuple[float, ...]]) -> None:
    """A class is in the set of a row exactly if the JSON answer lists it."""
    prediction_set = {"coverage": 0.9, "thresholds": thresholds}
    contract = with_output(classifier_contract(), prediction_set=prediction_set)
    values = [list(map(float, row)) for row in rows]
    encoder = LabelEncoder("harvest", "v1", LABELS, probabilities=True, thresholds=thresholds)
    expected = json.loads(encoder.encode(values, False, b"id"))["sets"]
    request = Rows(b"", len(rows), single=False)
    (answer,) = AnswerTensors(contract).tensors(values, request, ["harvest_set"])
    assert (answer.datatype, answer.shape) == ("BOOL", (len(rows), 3))
    members = np.reshape(answer.values, answer.shape)
    assert [[label for label, member in zip(LABELS, row, strict=True) if member] for row in members] == expected
    assert answer.parameters == {"coverage": "0.9"}


def test_metadata_describe_intervals_and_sets() -> None:
    """They follow the answer, with the coverage, and an identifier of the same name gets another one."""
    contract = with_output(tagged_contract(), interval=GROUPED.model_dump()).model_dump()
    contract["output"]["name"] = "fruit"
    contract["identifiers"][0]["name"] = "fruit_upper"
    metadata = AnswerTensors(Contract.model_validate(contract)).metadata
    assert [(tensor.name, tensor.datatype, tensor.shape) for tensor in metadata] == [
        ("fruit", "FP64", (-1,)),
        ("fruit_lower", "FP64", (-1,)),
        ("fruit_upper", "FP64", (-1,)),
        ("fruit_upper_", "BYTES", (-1,)),
        ("100% owner", "BYTES", (-1,)),
    ]
    assert metadata[1].parameters == {"coverage": "0.9"}
    prediction_set = {"coverage": 0.9, "thresholds": (0.5, 0.5, 0.5)}
    metadata = AnswerTensors(with_output(classifier_contract(), prediction_set=prediction_set)).metadata
    assert metadata[-1].name == "harvest_set"
    assert metadata[-1].parameters == {"classes": json.dumps(LABELS, ensure_ascii=False), "coverage": "0.9"}


@pytest.mark.parametrize("answer", [math.nan, math.inf])
def test_an_interval_needs_a_finite_answer(answer: float) -> None:
    """An interval without an answer is refused, also if the answer itself is not requested."""
    contract = with_output(orchard_contract(), interval={"coverage": 0.9, "groups": [HIGH.model_dump()]})
    with pytest.raises(InternalError, match="no finite number"):
        AnswerTensors(contract).tensors([answer], ROWS, [f"{contract.output.name}_lower"])


@pytest.mark.parametrize("row", [[3.0, 0.2, 0.3, 0.5], [-1.0, 0.2, 0.3, 0.5], [0.0, math.nan, 0.5, 0.5]])
def test_a_set_needs_a_label_and_probabilities(row: list[float]) -> None:
    """A set of an answer that JSON refuses is refused, also if only the set is requested."""
    prediction_set = {"coverage": 0.9, "thresholds": (0.5, 0.5, 0.5)}
    contract = with_output(classifier_contract(), prediction_set=prediction_set)
    with pytest.raises(InternalError):
        AnswerTensors(contract).tensors([row], ROWS, ["harvest_set"])
