"""Export: a fitted pipeline becomes an ONNX graph that answers the same.

The way: recode (names and strings → positions and codes) → skl2onnx with this package's converters → passes that fold
into the trees, pack and prune → one checked model. Everything is double from ``rows`` to ``prediction``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.pipeline import Pipeline

from bundle.contract import Contract
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.export.converters import CONVERTERS, PARSERS, SHAPES
from training.export.errors import ExportError
from training.export.folding import fold_into_trees
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, TREE_DOMAIN, Graph, settle
from training.export.packing import PASSES
from training.export.promises import promise_passes
from training.export.recode import recode

PRODUCER = "tabento"


def export_pipeline(pipeline: Pipeline, contract: Contract) -> onnx.ModelProto:
    """Write a fitted pipeline as an ONNX model.

    Args:
        pipeline: fitted on frames of ``training.frames.to_frame``; its first step is a ColumnTransformer.
        contract: the columns in the order in which they travel. The graph relies on its promises: it may answer
            anything where a row breaks them.

    Returns:
        A model with one input ``rows``, float64 (N, F), and one output ``prediction``, float64 (N,). The same pipeline
        and contract give the same bytes from ``serialise``.

    Raises:
        ExportError: a step has no exact conversion; it names the step, the reason and the nearest that can.
    """
    graph = Graph(_converted(recode(pipeline, contract), contract))
    _name_ends(graph)
    settle(graph, (*PASSES, *promise_passes(contract)))
    settle(graph, (fold_into_trees(contract), *PASSES))
    model = _model(graph, contract)
    onnx.checker.check_model(model, full_check=True)
    return model


def serialise(model: onnx.ModelProto) -> bytes:
    """Return a model's bytes, the same for the same model."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _converted(pipeline: Pipeline, contract: Contract) -> onnx.ModelProto:
    """Run skl2onnx over the recoded pipeline; every step must be one that this package converts."""
    _refuse_unknown(pipeline)
    try:
        return convert_sklearn(
            pipeline,
            name=contract.name,
            initial_types=[(INPUT_NAME, DoubleTensorType([None, len(contract.features)]))],
            target_opset={"": OPSET, ML_DOMAIN: 3},
            custom_conversion_functions=CONVERTERS,
            custom_shape_calculators=SHAPES,
            custom_parsers=PARSERS,
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise ExportError("pipeline", str(error), _known()) from error


def _refuse_unknown(step: Any, name: str = "pipeline") -> None:
    """Walk over the steps and refuse the first without a converter, by its name."""
    if isinstance(step, Pipeline):
        for inner, part in step.steps:
            _refuse_unknown(part, inner)
    elif type(step) in PARSERS:
        parts = getattr(step, "transformers_", None) or [(name, getattr(step, "regressor_", None))]
        for inner, part, *_ in parts:
            _refuse_unknown(part, inner)
    elif type(step) not in CONVERTERS:
        raise ExportError(name, f"{type(step).__name__} has no exact conversion yet", _known())


def _known() -> str:
    known = {*CONVERTERS, *PARSERS, Pipeline}
    return "one of " + ", ".join(
        sorted(kind.__name__ for kind in known if kind.__module__.startswith(("sklearn", "training.transformers")))
    )


def _name_ends(graph: Graph) -> None:
    """Give the one output its name and its shape (N,)."""
    if len(graph.outputs) != 1:
        raise ExportError("pipeline", f"it has {len(graph.outputs)} outputs", "a regressor with one output")
    axis = graph.constant(np.array([1], dtype=np.int64), "axis")
    graph.nodes.append(helper.make_node("Squeeze", [graph.outputs[0], axis], [PREDICTION_NAME]))
    graph.outputs = [PREDICTION_NAME]


def _model(graph: Graph, contract: Contract) -> onnx.ModelProto:
    """Put the pieces together; names are handed out anew, in order, so that no counter shows."""
    _rename(graph)
    for node in graph.nodes:
        if node.domain == TREE_DOMAIN:
            node.domain = ML_DOMAIN
    width = len(contract.features)
    double = onnx.TensorProto.DOUBLE
    body = helper.make_graph(
        graph.nodes,
        contract.name,
        [helper.make_tensor_value_info(INPUT_NAME, double, ["N", width])],
        [helper.make_tensor_value_info(PREDICTION_NAME, double, ["N"])],
        [numpy_helper.from_array(array, name) for name, array in sorted(graph.constants.items())],
    )
    model = helper.make_model(
        body,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
    )
    model.doc_string = contract.title
    return model


def _rename(graph: Graph) -> None:
    """Name each value after the operator that makes it, and each constant after the first node that reads it."""
    names: dict[str, str] = {INPUT_NAME: INPUT_NAME, PREDICTION_NAME: PREDICTION_NAME}
    for number, node in enumerate(graph.nodes):
        node.name = f"{number:02d}_{node.op_type}"
        for position, name in enumerate(node.input):
            if name not in names:
                names[name] = f"{node.name}_{position}"
            node.input[position] = names[name]
        for position, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}_out")
            node.output[position] = names[name]
    graph.constants = {names[name]: array for name, array in graph.constants.items()}
