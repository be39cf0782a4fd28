"""A classification's answers are JSON whose labels keep their type and whose probabilities keep their bits."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec.labels import ROUNDING, LabelEncoder
from serving.errors import InternalError
from tabento.bundle.contract import Label, label_key
from tabento.bundle.numbers import number_text
from tabento.bundle.prediction_set import set_members
from tests.bundles import LABELS

CLASSES: tuple[Label, ...] = (True, 3, 0.5, "", *LABELS, "%r", "日本")
ENCODER = LabelEncoder("harvest", "v1", CLASSES, probabilities=True)
LABELS_ONLY = LabelEncoder("harvest", "v1", CLASSES, probabilities=False)
RANKING = LabelEncoder("harvest", "v1", CLASSES, probabilities=True, ranking=True)
PAIR = LabelEncoder("harvest", "v1", LABELS[:2], probabilities=True, ranking=True)
TAIL = {"model": "harvest", "version": "v1", "request_id": "id-1"}


_COARSE = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1 + 2e-16, -1e-17]) | st.floats(0, 1)
"""Probabilities of which many are equal, also after what rounding left is taken away."""


def _row(index: float, *changes: tuple[int, float]) -> list[float]:
    return [index, *(dict(changes).get(place, 0.125) for place in range(len(CLASSES)))]


@pytest.mark.parametrize("index", range(len(CLASSES)))
def test_one_object_gets_one_label(index: int) -> None:
    """The label stands as the contract has it, before the probabilities, model, version and request id."""
    body = json.loads(ENCODER.encode([_row(index)], True, b"id-1"))
    shares = {label_key(label): 0.125 for label in CLASSES}
    assert body == {"prediction": CLASSES[index], "probabilities": shares, **TAIL}
    assert type(body["prediction"]) is type(CLASSES[index])
    assert list(body) == ["prediction", "probabilities", *TAIL]
    assert list(body["probabilities"]) == [*map(label_key, CLASSES)]


def test_without_probabilities_there_is_the_label_only() -> None:
    """A contract that answers no probabilities gets none, not an empty object."""
    assert json.loads(LABELS_ONLY.encode([[1.0]], True, b"id-1")) == {"prediction": 3, **TAIL}
    assert json.loads(LABELS_ONLY.encode([[5.0], [0.0]], False, b"id-1")) == {"predictions": ["fair", True], **TAIL}


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(CLASSES) - 1),
            st.lists(st.floats(0, 1), min_size=len(CLASSES), max_size=len(CLASSES)),
        ),
        min_size=1,
    )
)
def test_probabilities_survive(rows: list[tuple[int, list[float]]]) -> None:
    """Every probability reads back as itself, beside its own row's label, in the order of the rows."""
    body = json.loads(ENCODER.encode([[float(index), *shares] for index, shares in rows], False, b"id-1"))
    assert body["predictions"] == [CLASSES[index] for index, _ in rows]
    assert [[*shares.values()] for shares in body["probabilities"]] == [shares for _, shares in rows]


@pytest.mark.parametrize(("probability", "expected"), [(1 + 2.3e-16, 1.0), (-1e-17, 0.0), (1 + ROUNDING / 2, 1.0)])
def test_what_rounding_carried_past_the_end_is_the_end(probability: float, expected: float) -> None:
    """A probability is never below 0 or above 1, though the last bit of a sum may be; the others stay as they are."""
    body = json.loads(ENCODER.encode([_row(0, (2, probability), (3, 1e-17))], True, b"id-1"))
    assert [*body["probabilities"].values()][2:5] == [expected, 1e-17, 0.125]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.1, -0.001])
@pytest.mark.parametrize("single", [True, False])
def test_what_is_no_probability_is_an_error(value: float, single: bool) -> None:
    """NaN, infinity and what lies outside 0 to 1 never leave the service."""
    rows = [_row(0, (4, value))] if single else [_row(0), _row(1, (7, value))]
    with pytest.raises(InternalError, match=f"The model answered {value!r} as a probability"):
        ENCODER.encode(rows, single, b"id-1")


@pytest.mark.parametrize("encoder", [ENCODER, LABELS_ONLY], ids=["probabilities", "labels"])
@pytest.mark.parametrize("index", [-1.0, 0.5, float(len(CLASSES)), math.nan, math.inf])
def test_what_is_no_class_is_an_error(encoder: LabelEncoder, index: float) -> None:
    """An index that is none of a class never becomes a label."""
    with pytest.raises(InternalError, match=f"the class number {number_text(index)} for a row; there are 0 to 8"):
        encoder.encode([_row(0), _row(index)], False, b"id-1")


def test_a_ranking_stands_behind_the_probabilities() -> None:
    """All labels, each in its own type, from the most to the least probable; the label itself may be another."""
    body = json.loads(RANKING.encode([_row(0, (3, 0.75), (8, 0.5), (1, 0.0))], True, b"id-1"))
    assert list(body) == ["prediction", "probabilities", "ranking", *TAIL]
    assert body["prediction"] is True
    assert body["ranking"] == ["", "日本", True, 0.5, *LABELS, "%r", 3]
    body = json.loads(PAIR.encode([[0.0, 0.4, 0.6], [0.0, 0.5, 0.5]], False, b"id-1"))
    assert list(body) == ["predictions", "probabilities", "ranking", *TAIL]
    assert (body["predictions"], body["ranking"]) == (["poor", "poor"], [["fair", "poor"], ["poor", "fair"]])


@pytest.mark.parametrize("encoder", [RANKING, PAIR], ids=["many", "two"])
@pytest.mark.parametrize("single", [True, False])
@given(data=st.data())
def test_a_ranking_is_what_a_stable_sort_of_the_answered_probabilities_gives(
    encoder: LabelEncoder, single: bool, data: st.DataObject
) -> None:
    """A client that sorts the probabilities it was sent, equals in the classes' order, finds the ranking it was sent."""
    classes = CLASSES if encoder is RANKING else LABELS[:2]
    shares = st.lists(_COARSE, min_size=len(classes), max_size=len(classes))
    rows = data.draw(st.lists(shares, min_size=1, max_size=1 if single else 5))
    body = json.loads(encoder.encode([[0.0, *row] for row in rows], single, b"id-1"))
    expected = [body["probabilities"]] if single else body["probabilities"]
    rankings = [body["ranking"]] if single else body["ranking"]
    for probabilities, ranking in zip(expected, rankings, strict=True):
        assert ranking == sorted(classes, key=lambda label: -probabilities[label_key(label)])
        assert {*map(label_key, ranking)} == {*map(label_key, classes)}


def test_a_ranking_of_what_is_no_probability_is_an_error() -> None:
    """NaN cannot be ranked: nothing of such an answer leaves the service."""
    with pytest.raises(InternalError, match="The model answered nan as a probability"):
        PAIR.encode([[0.0, 0.5, 0.5], [1.0, math.nan, 0.5]], False, b"id-1")


SETS = LabelEncoder("harvest", "v1", LABELS, probabilities=True, thresholds=(0.5, 0.2, 0.4))


def test_set_follows_the_probabilities() -> None:
    """One object gets ``set`` and many rows get ``sets``, each with its labels in the classes' order."""
    first, second = [0.0, 0.7, 0.2, 0.1], [2.0, 0.1, 0.1, 0.3]
    body = json.loads(SETS.encode([first], True, b"id-1"))
    assert body["set"] == [LABELS[0], LABELS[1]]
    assert list(body) == ["prediction", "probabilities", "set", *TAIL]
    body = json.loads(SETS.encode([first, second], False, b"id-1"))
    assert body["sets"] == [[LABELS[0], LABELS[1]], [LABELS[2]]]
    assert list(body) == ["predictions", "probabilities", "sets", *TAIL]


@given(
    st.lists(st.tuples(st.integers(0, 1), _COARSE, _COARSE), min_size=1, max_size=5),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_set_of_two_labels_equals_that_of_training(
    rows: list[tuple[int, float, float]], thresholds: tuple[float, float]
) -> None:
    """The short way for two classes gives the members that training computes."""
    encoder = LabelEncoder("harvest", "v1", LABELS[:2], probabilities=True, thresholds=thresholds)
    values = [[float(index), first, second] for index, first, second in rows]
    body = json.loads(encoder.encode(values, False, b"x"))
    expected = [
        [label for label, member in zip(LABELS[:2], set_members(thresholds, row), strict=True) if member]
        for row in values
    ]
    assert body["sets"] == expected
