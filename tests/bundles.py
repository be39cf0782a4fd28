"""Small real bundles for tests, built without training: graphs with the orchard's features that can be checked by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tabento.bundle.contract import Contract, Label, Output, answer_width, label_key
from tabento.bundle.format import (
    CARD_FILE,
    CONTRACT_FILE,
    EXAMPLES_FILE,
    INPUT_NAME,
    LATENCY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PARITY_FILE,
    PREDICTION_NAME,
    REFERENCE_FILE,
)
from tabento.bundle.manifest import Provenance, write_manifest
from tabento.bundle.reference import CategoryDistribution, NumberDistribution, Reference
from training.config import load_config

ORCHARD_CONFIG = Path(__file__).parent / "configs" / "orchard.yaml"

TREE: dict[str, Any] = {
    "age": 12,
    "crown width": 3.5,
    "height": 4.25,
    "slope": None,
    "pruned": True,
    "sort": "COX",
    "soil": "clay",
}
"""A row that fits the orchard's contract (an invented table of apple trees)."""
ORCHARD_EXAMPLES = (TREE, {**TREE, "slope": 3.5})
"""The examples of its bundle."""

TAGGED_TREE: dict[str, Any] = {**TREE, "tag": "T12"}
"""A row that fits ``tagged_contract``."""

LABELS = ("poor", "fair", 'très "bon" 100%')
"""The classes of the classifier's contract; the last one needs escapes in JSON and in metrics."""

BREAKS, NOT_A_NUMBER, NO_CLASS = -1001.5, -1002.5, -1003.5
"""The slopes of rows for which ``classifier_model`` fails, answers NaN, or answers an index without a class."""


def orchard_contract() -> Contract:
    """Return the orchard's contract."""
    return load_config(ORCHARD_CONFIG).contract()


def tagged_contract() -> Contract:
    """Return the orchard's contract with the keys of later formats: identifiers, exclusive bounds and missing texts."""
    changes: dict[str, dict[str, Any]] = {
        "age": {"minimum": None, "exclusive_minimum": 0},
        "crown width": {"minimum": 0.1, "maximum": None, "exclusive_maximum": 15},
        "slope": {"minimum": -90, "maximum": 90, "missing": ["?", "", "-999"]},
        "pruned": {"nullable": True, "missing": ["", "unknown"]},
        "sort": {"nullable": True, "required": False, "missing": ["?", "cox?"]},
        "soil": {"missing": ["None", "loamy"]},
    }
    content = orchard_contract().model_dump()
    content["features"] = [feature | changes.get(feature["name"], {}) for feature in content["features"]]
    content["identifiers"] = [
        {"name": "tag", "pattern": r"T\d{1,4}|é+", "description": "The number on the tree's tag."},
        {"name": "100% owner", "required": False},
    ]
    return Contract.model_validate(content)


def with_output(contract: Contract, **output: object) -> Contract:
    """Return a contract with some keys of its output changed."""
    content = contract.model_dump()
    content["output"] |= output
    return Contract.model_validate(content)


def linear_model(features: int, *, rank: int = 1, scale: float = 1.0) -> onnx.ModelProto:
    """Return a graph that answers the weighted sum of a row, with the weights 1, 2, 3, … times a factor; NaN is treated as 0."""
    weights = scale * np.arange(1.0, features + 1).reshape(features, 1)
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["sums"]),
        helper.make_node("Reshape", ["sums", "shape"], [PREDICTION_NAME]),
    ]
    shape = np.array([-1] if rank == 1 else [-1, 1], np.int64)
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", features])],
        [helper.make_tensor_value_info(PREDICTION_NAME, TensorProto.DOUBLE, ["N"] if rank == 1 else ["N", 1])],
        [
            numpy_helper.from_array(np.array(0.0), "zero"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(shape, "shape"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def classifier_contract(
    classes: tuple[Label, ...] = LABELS,
    *,
    name: str = "harvest",
    probabilities: bool = True,
    ranking: bool = False,
    threshold: float | None = None,
) -> Contract:
    """Return a contract with the orchard's features whose answer is one of ``classes``."""
    return Contract(
        name=name,
        title="Harvest",
        description="Predicts the harvest of an apple tree.",
        task="classification",
        features=orchard_contract().features,
        output=Output(
            name="harvest",
            description="The expected harvest.",
            classes=classes,
            probabilities=probabilities,
            ranking=ranking,
            threshold=threshold,
        ),
    )


def classifier_model(contract: Contract) -> onnx.ModelProto:
    """Return a graph in which the score of class k is 1 plus the absolute sum of the columns k, k + C, k + 2·C, ….

    The largest score gives the label; its share of the sum of all scores is the probability of a class. With a threshold,
    the second class is the label if its probability is at least the threshold. NaN is treated as 0. ``BREAKS`` and its
    neighbours are the rows with errors.
    """
    classes = contract.output.classes
    assert classes is not None
    features, count = len(contract.features), len(classes)
    slope = contract.feature_names.index("slope")
    weights = np.array([[float(column % count == label) for label in range(count)] for column in range(features)])
    answer = ["index", "shares"] if contract.output.probabilities else ["index"]
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["sums"]),
        helper.make_node("Abs", ["sums"], ["sizes"]),
        helper.make_node("Add", ["sizes", "one"], ["scores"]),
        helper.make_node("ReduceSum", ["scores", "last axis"], ["total"]),
        helper.make_node("Div", ["scores", "total"], ["right shares"]),
        *_choice(contract.output.threshold is not None),
        helper.make_node("Cast", ["best"], ["right index"], to=TensorProto.DOUBLE),
        # The slope BREAKS makes Gather read an element that does not exist.
        helper.make_node("Gather", [INPUT_NAME, "slope"], ["slopes"], axis=1),
        helper.make_node("Equal", ["slopes", "breaks"], ["broken"]),
        helper.make_node("Cast", ["broken"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["only place", "place"], ["nothing"]),
        helper.make_node("Equal", ["slopes", "not a number"], ["strange"]),
        helper.make_node("Where", ["strange", "nan", "nothing"], ["error"]),
        helper.make_node("Add", ["right shares", "error"], ["shares"]),
        helper.make_node("Equal", ["slopes", "no class"], ["beyond"]),
        helper.make_node("Where", ["beyond", "count", "nothing"], ["shift"]),
        helper.make_node("Add", ["right index", "shift"], ["index"]),
        helper.make_node("Concat", answer, [PREDICTION_NAME], axis=1),
    ]
    constants = {
        "zero": np.array(0.0),
        "one": np.array(1.0),
        "weights": weights,
        "last axis": np.array([1], np.int64),
        "slope": np.array([slope], np.int64),
        "breaks": np.array(BREAKS),
        "not a number": np.array(NOT_A_NUMBER),
        "no class": np.array(NO_CLASS),
        "only place": np.array([0.0]),
        "nan": np.array(np.nan),
        "count": np.array(float(count)),
        "second": np.array([1], np.int64),
        "threshold": np.array(contract.output.threshold or np.nan),
    }
    width = answer_width(contract)
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", features])],
        [helper.make_tensor_value_info(PREDICTION_NAME, TensorProto.DOUBLE, ["N", width])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _choice(by_threshold: bool) -> list[onnx.NodeProto]:
    """Return the nodes that choose the label's index: by the largest score, or by the probability of the second class."""
    if not by_threshold:
        return [helper.make_node("ArgMax", ["scores"], ["best"], axis=1)]
    return [
        helper.make_node("Gather", ["right shares", "second"], ["share"], axis=1),
        helper.make_node("GreaterOrEqual", ["share", "threshold"], ["best"]),
    ]


def classifier_answer(row: dict[str, Any], contract: Contract) -> tuple[Label, dict[str, float]]:
    """Compute by hand the label and the probabilities of ``classifier_model`` for a row as a client sends it."""
    classes = contract.output.classes
    assert classes is not None
    sums = [0.0] * len(classes)
    for column, value in enumerate(_numbers(row, contract)):
        sums[column % len(classes)] += value
    scores = [1 + abs(total) for total in sums]
    shares = [score / sum(scores) for score in scores]
    best = scores.index(max(scores))
    if contract.output.threshold is not None:
        best = int(shares[1] >= contract.output.threshold)
    return classes[best], dict(zip(map(label_key, classes), shares, strict=True))


def linear_answer(row: dict[str, Any], contract: Contract) -> float:
    """Compute by hand the answer of ``linear_model`` to a row as a client sends it."""
    return float(sum(weight * value for weight, value in enumerate(_numbers(row, contract), start=1)))


def _numbers(row: dict[str, Any], contract: Contract) -> list[float]:
    """Return a row as packed numbers, with 0 for missing values."""
    numbers = []
    for feature in contract.features:
        value = row.get(feature.name)
        if feature.type == "category" and value is not None:
            assert feature.categories is not None
            value = feature.categories.index(value)
        numbers.append(float(value or 0))
    return numbers


def reference_of(contract: Contract) -> Reference:
    """Return the reference distributions of a training part with one row."""
    numbers = NumberDistribution(
        count=1, null_rate=0, mean=1, std=0, minimum=1, maximum=1, p05=1, p50=1, p95=1, edges=(1,), shares=(1, 0)
    )
    if contract.output.classes is None:
        return Reference(features={}, prediction=numbers, target=numbers)
    keys = [label_key(label) for label in contract.output.classes]
    labels = CategoryDistribution(count=1, null_rate=0, shares={key: float(key == keys[0]) for key in keys})
    shares = dict.fromkeys(keys, numbers) if contract.output.probabilities else None
    return Reference(features={}, prediction=labels, probabilities=shares, target=labels)


def write_bundle(
    folder: Path,
    contract: Contract | None = None,
    model: onnx.ModelProto | None = None,
    examples: Sequence[dict[str, Any]] = ORCHARD_EXAMPLES,
    *,
    fingerprint: str = "f" * 64,
    trained_at: str = "2026-01-01T00:00:00Z",
    reference: Reference | None = None,
) -> Path:
    """Write the files of a bundle into a folder and seal it; by default with the orchard's contract and a graph that fits it."""
    contract = contract or orchard_contract()
    if model is None:
        numeric = contract.output.classes is None
        model = linear_model(len(contract.features)) if numeric else classifier_model(contract)
    folder.mkdir(parents=True, exist_ok=True)
    reference = reference or reference_of(contract)
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    (folder / CONTRACT_FILE).write_text(contract.model_dump_json(), encoding="utf-8")
    (folder / REFERENCE_FILE).write_text(reference.model_dump_json(), encoding="utf-8")
    (folder / EXAMPLES_FILE).write_text(
        json.dumps([contract.with_identifiers(row) for row in examples]), encoding="utf-8"
    )
    (folder / METRICS_FILE).write_text('{"rmse": 1.0}', encoding="utf-8")
    (folder / LATENCY_FILE).write_text("{}", encoding="utf-8")
    (folder / PARITY_FILE).write_text('{"worst_relative": 0.0}', encoding="utf-8")
    (folder / CARD_FILE).write_text("# Orchard\n", encoding="utf-8")
    provenance = Provenance(
        data="synthetic",
        data_source="synthetic, seed 3",
        data_sha256="0" * 64,
        rows=2,
        fingerprint=fingerprint,
        trained_at=trained_at,
        versions={"python": "3"},
    )
    write_manifest(folder, contract.name, provenance, contract.format_version)
    return folder
