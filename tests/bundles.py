"""Small real bundles for tests, made without training: a linear graph over the orchard's contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bundle.contract import Contract
from bundle.format import (
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
from bundle.manifest import Provenance, write_manifest
from bundle.reference import NumberDistribution, Reference
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
"""A row that the orchard's contract takes."""


def orchard_contract() -> Contract:
    """Return the orchard's contract."""
    return load_config(ORCHARD_CONFIG).contract()


def linear_model(features: int, *, rank: int = 1) -> onnx.ModelProto:
    """Return a graph that answers the weighted sum of a row, with the weights 1, 2, 3, …; NaN counts as nothing."""
    weights = np.arange(1.0, features + 1).reshape(features, 1)
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


def linear_answer(row: dict[str, Any], contract: Contract) -> float:
    """Return by hand what ``linear_model`` answers to a row as a client sends it."""
    total = 0.0
    for weight, feature in enumerate(contract.features, start=1):
        value = row.get(feature.name)
        if value is None:
            continue
        if feature.type == "category":
            assert feature.categories is not None
            value = feature.categories.index(value)
        total += weight * float(value)
    return total


def write_bundle(folder: Path, contract: Contract | None = None, model: onnx.ModelProto | None = None) -> Path:
    """Write a bundle's files into a folder and seal it."""
    contract = contract or orchard_contract()
    model = model or linear_model(len(contract.features))
    folder.mkdir(parents=True, exist_ok=True)
    numbers = NumberDistribution(
        count=1, null_rate=0, mean=1, std=0, minimum=1, maximum=1, p05=1, p50=1, p95=1, edges=(1,), shares=(1, 0)
    )
    reference = Reference(features={}, prediction=numbers, target=numbers)
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    (folder / CONTRACT_FILE).write_text(contract.model_dump_json(), encoding="utf-8")
    (folder / REFERENCE_FILE).write_text(reference.model_dump_json(), encoding="utf-8")
    (folder / EXAMPLES_FILE).write_text(json.dumps([TREE, {**TREE, "slope": 3.5}]), encoding="utf-8")
    (folder / METRICS_FILE).write_text('{"rmse": 1.0}', encoding="utf-8")
    (folder / LATENCY_FILE).write_text("{}", encoding="utf-8")
    (folder / PARITY_FILE).write_text('{"worst_relative": 0.0}', encoding="utf-8")
    (folder / CARD_FILE).write_text("# Orchard\n", encoding="utf-8")
    provenance = Provenance(
        data="synthetic",
        data_source="synthetic, seed 3",
        data_sha256="0" * 64,
        rows=2,
        fingerprint="f" * 64,
        trained_at="2026-01-01T00:00:00Z",
        versions={"python": "3"},
    )
    write_manifest(folder, contract.name, provenance)
    return folder
