"""A champion and challengers with known faults, as real bundles; and the answer of each version to a row, computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import bentoml
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tabento.bundle.contract import Contract
from tabento.bundle.format import BENTOML_MODULE, INPUT_NAME, PREDICTION_NAME
from tabento.bundle.reference import NumberDistribution, Reference
from tests.bundles import TREE, linear_answer, orchard_contract, write_bundle

Kind = Literal["errors", "slow", "category", "equal"]
"""The kinds of challengers."""
KINDS: dict[Kind, str] = {
    "errors": "6% errors",
    "slow": "twice as slow",
    "category": "one category +30%",
    "equal": "equal",
}
NAME = "orchard"
CHAMPION = f"{NAME}:champion"
CONTRACT = orchard_contract()

ERROR_SHARE = 0.06
WIDTHS = (1.0, 9.0)
"""The crown widths of the rows are uniform between these."""
BREAKING_WIDTH = WIDTHS[1] - ERROR_SHARE * (WIDTHS[1] - WIDTHS[0])
"""The crown width above which the version with errors fails."""
SORTS = ("BOSKOOP", "COX", "GLOSTER")
SORT_SHARES = (0.5, 0.3, 0.2)
CATEGORY_FACTOR = 1.3
"""The factor of the answers to the last sort, of the version with another category."""
LAYERS = 6
"""The layers without effect that make the champion's graph take about a millisecond; the slow version has twice as many."""
LAYER_WIDTH = 512
EXAMPLES = ({**TREE, "crown width": 3.5}, {**TREE, "slope": 3.5})
N_REFERENCE = 2_000


def tag_of(kind: Kind) -> str:
    """Return the tag of the challenger of a kind."""
    return f"{NAME}:{kind}"


def draw_row(random: np.random.Generator, breaks: bool | None = None) -> dict[str, Any]:
    """Return a row that fits the contract.

    Args:
        random: the source of chance.
        breaks: whether the version with errors fails on the row; None: by chance.
    """
    low = BREAKING_WIDTH + 0.001 if breaks else WIDTHS[0]
    high = BREAKING_WIDTH - 0.001 if breaks is False else WIDTHS[1]
    return {
        "age": int(random.integers(1, 61)),
        "crown width": float(round(random.uniform(low, high), 3)),
        "height": float(round(random.uniform(1.0, 9.0), 3)),
        "slope": None,
        "pruned": bool(random.random() < 0.6),
        "sort": str(random.choice(SORTS, p=SORT_SHARES)),
        "soil": "clay",
    }


def expected_answer(row: dict[str, Any], version: str) -> float:
    """Return the right answer of a version to a row."""
    answer = linear_answer(row, CONTRACT)
    return answer * CATEGORY_FACTOR if version == "category" and row["sort"] == SORTS[-1] else answer


def store_versions() -> None:
    """Store the champion and all challengers in the present model store."""
    random = np.random.default_rng(0)
    answers = [linear_answer(draw_row(random), CONTRACT) for _ in range(N_REFERENCE)]
    versions: list[tuple[str, Kind]] = [("champion", "equal"), *((kind, kind) for kind in KINDS)]
    for version, kind in versions:
        with bentoml.models.create(bentoml.Tag(NAME, version), module=BENTOML_MODULE) as stored:
            graph = make_graph(CONTRACT, kind)
            write_bundle(Path(stored.path), CONTRACT, graph, EXAMPLES, reference=_reference(answers))


def make_graph(contract: Contract, kind: Kind) -> onnx.ModelProto:
    """Return a graph that answers the weighted sum of a row, with the weights 1, 2, 3, …, and has the fault of its kind."""
    n_features, names = len(contract.features), contract.feature_names
    constants: dict[str, np.ndarray[Any, Any]] = {
        "zero": np.array(0.0),
        "weights": np.arange(1.0, n_features + 1).reshape(n_features, 1),
        "shape": np.array([-1], np.int64),
        "first layer": np.zeros((n_features, LAYER_WIDTH)),
        "layer": np.zeros((LAYER_WIDTH, LAYER_WIDTH)),
        "last layer": np.zeros((LAYER_WIDTH, 1)),
    }
    nodes = [
        helper.make_node("IsNaN", [INPUT_NAME], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT_NAME], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["right sums"]),
        helper.make_node("MatMul", ["filled", "first layer"], ["hidden 0"]),
    ]
    n_layers = LAYERS * (2 if kind == "slow" else 1)
    nodes += [
        *(helper.make_node("MatMul", [f"hidden {i}", "layer"], [f"hidden {i + 1}"]) for i in range(n_layers)),
        helper.make_node("MatMul", [f"hidden {n_layers}", "last layer"], ["nothing"]),
        helper.make_node("Add", ["right sums", "nothing"], ["sums"]),
    ]
    result = "sums"
    if kind == "errors":
        constants |= {
            "width": np.array([names.index("crown width")], np.int64),
            "breaking width": np.array(BREAKING_WIDTH),
            "only element": np.array([0.0]),
        }
        nodes += [
            helper.make_node("Gather", ["filled", "width"], ["widths"], axis=1),
            helper.make_node("Greater", ["widths", "breaking width"], ["is broken"]),
            helper.make_node("Cast", ["is broken"], ["index"], to=TensorProto.INT64),
            # The second element does not exist.
            helper.make_node("Gather", ["only element", "index"], ["error"]),
            helper.make_node("Add", ["sums", "error"], ["faulty sums"]),
        ]
        result = "faulty sums"
    elif kind == "category":
        constants |= {
            "sort": np.array([names.index("sort")], np.int64),
            "last sort": np.array(float(SORTS.index(SORTS[-1]))),
            "one": np.array(1.0),
            "factor": np.array(CATEGORY_FACTOR),
        }
        nodes += [
            helper.make_node("Gather", ["filled", "sort"], ["sorts"], axis=1),
            helper.make_node("Equal", ["sorts", "last sort"], ["is last"]),
            helper.make_node("Where", ["is last", "factor", "one"], ["factors"]),
            helper.make_node("Mul", ["sums", "factors"], ["faulty sums"]),
        ]
        result = "faulty sums"
    nodes.append(helper.make_node("Reshape", [result, "shape"], [PREDICTION_NAME]))
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.DOUBLE, ["N", n_features])],
        [helper.make_tensor_value_info(PREDICTION_NAME, TensorProto.DOUBLE, ["N"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _reference(answers: list[float]) -> Reference:
    """Return a reference whose bins are the deciles of the answers, because a canary's answers are compared by these bins."""
    p05, p50, p95 = (float(value) for value in np.quantile(answers, (0.05, 0.5, 0.95)))
    edges = tuple(float(edge) for edge in np.quantile(answers, np.arange(0.1, 0.95, 0.1)))
    numbers = NumberDistribution(
        count=len(answers),
        null_rate=0,
        mean=float(np.mean(answers)),
        std=float(np.std(answers)),
        minimum=min(answers),
        maximum=max(answers),
        p05=p05,
        p50=p50,
        p95=p95,
        edges=edges,
        shares=(0.1,) * 10,
    )
    return Reference(features={}, prediction=numbers, target=numbers)
