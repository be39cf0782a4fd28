"""The model that is besieged: a weighted sum, so that every client can compute the right answer to its own row.

Run as a program, it stores the bundle in the current BENTOML_HOME and prints its tag.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bentoml.models
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.siege.rows import KINDS, row
from tabento.bundle.contract import Contract, Feature, Output
from tabento.bundle.format import (
    BENTOML_MODULE,
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
from tabento.bundle.reference import NumberDistribution, Reference

NAME = "siege"
PROMISE_MS = 10.0


def siege_contract() -> Contract:
    """Return the contract: a number of each type, a boolean, a category and a value that may be missing."""
    return Contract(
        name=NAME,
        title="Siege",
        description="Adds up a row with the weights 1, 2, 3, 4 and 5. It predicts nothing of use.",
        task="regression",
        features=(
            Feature(name="count", type="integer", minimum=0, maximum=2**40),
            Feature(name="width", type="number", minimum=0, maximum=1000),
            Feature(name="marked", type="boolean"),
            Feature(name="kind", type="category", categories=KINDS, case="upper"),
            Feature(name="slope", type="number", nullable=True, required=False),
        ),
        output=Output(name="sum", description="The weighted sum."),
        p99_ms=PROMISE_MS,
    )


def weighted_sum(features: int) -> onnx.ModelProto:
    """Return a graph from rows, float64 (N, F), to their weighted sums, float64 (N,); NaN counts as 0."""
    constants = {
        "zero": np.array(0.0),
        "weights": np.arange(1.0, features + 1).reshape(features, 1),
        "shape": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["sums"]),
        helper.make_node("Reshape", ["sums", "shape"], [PREDICTION_NAME]),
    ]
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", features])],
        [helper.make_tensor_value_info(PREDICTION_NAME, TensorProto.DOUBLE, ["N"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_bundle(folder: Path) -> None:
    """Write the bundle's files into an existing folder and seal it."""
    contract = siege_contract()
    numbers = NumberDistribution(
        count=1, null_rate=0, mean=1, std=0, minimum=1, maximum=1, p05=1, p50=1, p95=1, edges=(1,), shares=(1, 0)
    )
    reference = Reference(features={}, prediction=numbers, target=numbers)
    examples: list[dict[str, Any]] = [row(0), row(1)]
    (folder / MODEL_FILE).write_bytes(weighted_sum(len(contract.features)).SerializeToString())
    texts = {
        CONTRACT_FILE: contract.model_dump_json(),
        REFERENCE_FILE: reference.model_dump_json(),
        EXAMPLES_FILE: json.dumps(examples),
        METRICS_FILE: '{"rmse": 0.0}',
        LATENCY_FILE: "{}",
        PARITY_FILE: '{"worst_relative": 0.0}',
        CARD_FILE: "# Siege\n\nA weighted sum, for tests of the connection only.\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    provenance = Provenance(
        data="synthetic",
        data_source="synthetic, no rows",
        data_sha256="0" * 64,
        rows=1,
        fingerprint="f" * 64,
        trained_at="2026-01-01T00:00:00Z",
        versions={"python": "3"},
    )
    write_manifest(folder, NAME, provenance)


def store_bundle() -> str:
    """Store the bundle in the current BENTOML_HOME, and return its tag."""
    with bentoml.models.create(NAME, module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path))
    return str(stored.tag)


if __name__ == "__main__":
    sys.stdout.write(store_bundle() + "\n")
