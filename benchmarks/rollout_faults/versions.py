"""Versions of one small model whose answers can be computed by hand, and their faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import bentoml
import numpy as np
import onnx
from onnx import helper, numpy_helper

from tabento.bundle.contract import Contract
from tabento.bundle.format import BENTOML_MODULE
from tabento.bundle.store import store_folder
from tests.bundles import linear_model, orchard_contract, write_bundle

MODEL = "orchard"
CONTRACT = orchard_contract()
SCALES = {"v1": 1.0, "v2": 2.0, "v3": 3.0, "slow": 5.0, "broken": 7.0}
"""The factor of the answers of each version. ``broken`` has a fault, and must never answer."""
SLOW_NODES = 12_000
"""The nodes that make the load of ``slow`` take seconds; they multiply by 2 and by ½ in turn."""

Damage = Callable[[Path], object]
"""Gives the folder of a bundle a fault."""


def tag_of(version: str) -> str:
    """Return the tag of a version."""
    return f"{MODEL}:{version}"


def graph_of(version: str, contract: Contract = CONTRACT) -> onnx.ModelProto:
    """Return the graph of a version."""
    model = linear_model(len(contract.features), scale=SCALES[version])
    if version == "slow":
        _lengthen(model.graph, SLOW_NODES)
    return model


def _lengthen(graph: onnx.GraphProto, n_nodes: int) -> None:
    """Put multiplications before the last node, whose product is 1."""
    nodes = list(graph.node)
    tensor = nodes[-1].input[0]
    for index in range(n_nodes):
        nodes.insert(-1, helper.make_node("Mul", [tensor, ("two", "half")[index % 2]], [f"step{index}"]))
        tensor = f"step{index}"
    nodes[-1].input[0] = tensor
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(
        numpy_helper.from_array(np.array(value), name) for name, value in (("two", 2.0), ("half", 0.5))
    )


def write_version(folder: Path, version: str, contract: Contract = CONTRACT) -> Path:
    """Write the bundle of a version into a folder, in place of a former one."""
    shutil.rmtree(folder, ignore_errors=True)
    return write_bundle(folder, contract, graph_of(version, contract))


def store_version(version: str, contract: Contract = CONTRACT) -> Path:
    """Store the bundle of a version in the present model store, in place of a former one; return its folder."""
    folder = store_folder() / MODEL / version
    shutil.rmtree(folder, ignore_errors=True)
    with bentoml.models.create(bentoml.Tag(MODEL, version), module=BENTOML_MODULE) as stored:
        write_version(Path(stored.path), version, contract)
    return folder


def without_last_feature() -> Contract:
    """Return the contract with a feature less, so that requests of today do not fit it."""
    content = CONTRACT.model_dump()
    content["features"] = content["features"][:-1]
    return Contract.model_validate(content)
