"""Several answers a row are JSON objects whose numbers keep their bits and whose labels keep their type."""

from __future__ import annotations

import json
import math

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec.targets import TargetsEncoder
from serving.errors import InternalError
from serving.routes.schemas import answer_schemas
from tabento.bundle.contract import Contract, Feature, Label, Output, OutputTarget

NAMES = ("cost", "100 %", "dauer in stunden ü")
NUMBERS = TargetsEncoder("jobs", "v1", [OutputTarget(name=name) for name in NAMES])
SETS: tuple[tuple[Label, ...], ...] = ((0, 1), ("no", "%s", "日本"), (False, True))
TARGETS = tuple(OutputTarget(name=name, classes=classes) for name, classes in zip(NAMES, SETS, strict=True))
LABELS = TargetsEncoder("jobs", "v1", TARGETS)
TAIL = {"model": "jobs", "version": "v1", "request_id": "id-1"}
_FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_one_object_gets_an_object() -> None:
    """One key for each target, in the contract's order, before model, version and request id."""
    body = json.loads(NUMBERS.encode([[1.5, -0.0, 1e-300]], True, b"id-1"))
    assert body == {"prediction": dict(zip(NAMES, [1.5, -0.0, 1e-300], strict=True)), **TAIL}
    assert list(body["prediction"]) == [*NAMES]


@given(st.lists(st.lists(_FINITE, min_size=3, max_size=3), min_size=1))
def test_numbers_survive(rows: list[list[float]]) -> None:
    """Every float64 is read back as it was, in the rows' order."""
    body = json.loads(NUMBERS.encode(rows, False, b"id-1"))
    assert [list(answer.values()) for answer in body["predictions"]] == rows


def test_labels_keep_their_type() -> None:
    """Each target has classes of its own."""
    body = json.loads(LABELS.encode([[0.0, 1.0, 1.0], [1.0, 2.0, 0.0]], False, b"id-1"))
    assert [list(answer.values()) for answer in body["predictions"]] == [[0, "%s", True], [1, "日本", False]]
    assert [type(value) for value in body["predictions"][0].values()] == [int, str, bool]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    """NaN and infinity never become null."""
    with pytest.raises(InternalError, match="no finite number"):
        NUMBERS.encode([[1.0, 2.0, 3.0], [1.0, value, 3.0]], False, b"id-1")


@pytest.mark.parametrize("index", [3.0, -1.0, 0.5, math.nan])
def test_an_index_without_a_label_is_refused(index: float) -> None:
    """The message names the target."""
    with pytest.raises(InternalError, match="of '100 %' for a row; there are 0 to 2"):
        LABELS.encode([[0.0, index, 0.0]], True, b"id-1")


@pytest.mark.parametrize(
    ("encoder", "targets"), [(NUMBERS, tuple(OutputTarget(name=n) for n in NAMES)), (LABELS, TARGETS)]
)
def test_answers_keep_the_documented_schema(encoder: TargetsEncoder, targets: tuple[OutputTarget, ...]) -> None:
    """One row and many, against the schemas of the OpenAPI document; a missing key would not pass."""
    contract = Contract(
        name="jobs",
        title="Jobs",
        description="",
        task="regression" if targets[0].classes is None else "classification",
        features=(Feature(name="size", type="number"),),
        output=Output(name="prediction", description="What a job takes.", targets=targets),
    )
    schemas = answer_schemas(contract)
    single = json.loads(encoder.encode([[0.0, 1.0, 0.0]], True, b"id-1"))
    batch = json.loads(encoder.encode([[0.0, 1.0, 0.0]] * 2, False, b"id-1"))
    jsonschema_rs.validate(schemas["Prediction"], single)
    jsonschema_rs.validate(schemas["Predictions"], batch)
    del single["prediction"]["cost"]
    assert not jsonschema_rs.is_valid(schemas["Prediction"], single)
