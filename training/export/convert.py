"""Export: a fitted pipeline becomes an ONNX graph that answers the same.

The way: the converters of this package write the plainest graph that is exact, step by step; then passes fold what they
can into the trees, pack and prune; the result is one checked model. Everything is double from ``rows`` to ``prediction``.

Converters walk over the fitted objects themselves rather than over skl2onnx's operators: what a step may be turned into
depends on its neighbours (strings in front, trees behind), and skl2onnx decides types before it knows them. skl2onnx
writes the steps of ``training.export.grafts``, in double.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.base import is_regressor

from bundle.contract import Contract, answer_width, category_codes
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.export import families as families  # registers every converter of scikit-learn's classes
from training.export.exactness import refuse_inexact_splits
from training.export.folding import fold_into_trees
from training.export.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, settle
from training.export.label_answers import answers_labels
from training.export.onnx_nodes import without_trees
from training.export.packing import PASSES
from training.export.pen import Pen
from training.export.promises import promise_passes
from training.export.raises import without_answer
from training.export.registry import classify, regress
from training.export.rewrites import keep_bits
from training.export.text import add_texts, place_texts
from training.export.values import Columns, TextCodes

PRODUCER = "tabento"


def export_pipeline(pipeline: Any, contract: Contract) -> onnx.ModelProto:
    """Write a fitted pipeline as an ONNX model.

    Args:
        pipeline: a pipeline or estimator, fitted on frames of ``training.frames.to_frame``.
        contract: the columns in the order in which they travel. The graph relies on its promises: it may answer
            anything where a row breaks them.

    Returns:
        A model with one input ``rows``, float64 (N, F), and one output ``prediction``: float64 (N,) for one number a
        row, else (N, W): a class's index with the probabilities behind it, or several numbers or indices. The same pipeline and
        contract give the same bytes from ``serialise``.

    Raises:
        ExportError: a step has no exact conversion; it names the step, the reason and the nearest that can.
    """
    return finish(write_graph(pipeline, contract), contract)


def write_graph(pipeline: Any, contract: Contract) -> Graph:
    """Write a pipeline as a graph, packed and folded; parity asks its ensembles which leaves rows reach.

    Raises:
        ExportError: see ``export_pipeline``.
    """
    graph = plain_graph(pipeline, contract)
    settle(graph, (*PASSES, *promise_passes(contract)))
    settle(graph, (fold_into_trees(contract), *PASSES))
    # Nothing is looked through any more, so nothing is kept for that.
    graph.monotone.clear()
    settle(graph, PASSES)
    refuse_inexact_splits(graph)
    return graph


def plain_graph(pipeline: Any, contract: Contract) -> Graph:
    """Write a pipeline as the converters do, before any pass: the plainest graph that is exact.

    Raises:
        ExportError: see ``export_pipeline``.
    """
    graph = Graph(_empty(contract))
    pen = Pen(graph, contract)
    columns = _first_columns(pen, contract)
    if answers_labels(pipeline):
        scores = classify(pen, pipeline, columns, several=True)
        _require_count(pen, contract, scores.count, "label")
        parts = [scores.label]
        if contract.output.probabilities:
            if scores.probabilities is None:
                raise pen.refusal(
                    f"{type(pipeline).__name__} gives no probabilities",
                    "`probabilities: false` in the contract's output",
                )
            _refuse_votes(pen, scores.probabilities)
            parts.append(scores.probabilities)
        answer = pen.side_by_side(parts)
    elif is_regressor(pipeline):
        answer = regress(pen, pipeline, columns)
        if contract.output.targets is not None:
            _require_count(pen, contract, _targets(graph, answer), "number")
    else:
        raise pen.refusal(
            f"{type(pipeline).__name__} neither classifies nor gives numbers",
            "a classifier, a regressor or an outlier detector",
        )
    answer = without_answer(pen, answer)
    if answer_width(contract) is None and _targets(graph, answer) == 1:
        axis = pen.constant(np.array([1], dtype=np.int64), "axis")
        answer = pen.node("Squeeze", [answer, axis], "answer")
        graph.flat = True
    graph.outputs = [answer]
    if contract.texts:
        place_texts(pen, len(contract.features))
    return graph


def _require_count(pen: Pen, contract: Contract, count: int | None, noun: str) -> None:
    """Refuse a contract that lists more or fewer answers than a row gets; what cannot be counted is left to the proof.

    Raises:
        ExportError: it does.
    """
    promised = len(contract.target_names)
    if count is not None and count != promised:
        raise pen.refusal(
            f"it gives {count} {noun}{'s' if count > 1 else ''} to a row, and the contract lists {promised}",
            "`targets` in the contract's output, one for each" if count > 1 else "an output without `targets`",
        )


def _first_columns(pen: Pen, contract: Contract) -> Columns:
    """Return the columns of the contract's features, as the pipeline sees them first."""
    codes = tuple(
        TextCodes(place)
        if feature.type == "text"
        else dict(category_codes(feature))
        if feature.type == "category"
        else None
        for place, feature in enumerate(contract.features)
    )
    name = INPUT_NAME
    if contract.texts:
        # Behind the features stand the numbers of the texts.
        places = pen.constant(np.arange(len(contract.features), dtype=np.int64), "features")
        name = pen.node("Gather", [INPUT_NAME, places], "features", axis=1)
    return Columns(name, codes, contract.feature_names)


def _refuse_votes(pen: Pen, probabilities: str) -> None:
    """Refuse probabilities that jump wherever a member's decision is 0, for its last bits decide about the vote there.

    Raises:
        ExportError: there are such members.
    """
    voted = pen.graph.voted
    member = next((voted[name] for name in sorted(pen.graph.made_of(probabilities)) if name in voted), None)
    if member is not None:
        raise pen.refusal(
            f"its probabilities count the labels of {member}, and a label hangs on the last bit of a sum where its decision"
            " is 0: a probability would jump there",
            "`probabilities: false` in the contract's output, or members that are trees",
        )


def _targets(graph: Graph, answer: str) -> int | None:
    """Return how many numbers a regression answers to a row, None where it cannot be told; several are not squeezed."""
    width = graph.width(answer)
    if width is not None:
        return width
    model = _empty_model(graph.name, graph.inputs, [helper.make_empty_tensor_value_info(answer)])
    graph.write_nodes(model.graph)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in graph.constants.items())
    inferred = onnx.shape_inference.infer_shapes(without_trees(model), data_prop=True)
    dimensions = inferred.graph.output[0].type.tensor_type.shape.dim
    return int(dimensions[1].dim_value) or None if len(dimensions) == 2 else None


def finish(graph: Graph, contract: Contract) -> onnx.ModelProto:
    """Turn a graph into a checked model; the graph is not to be used after that."""
    model = _model(graph, contract)
    onnx.checker.check_model(without_trees(model), full_check=True)
    return model


def serialise(model: onnx.ModelProto) -> bytes:
    """Return a model's bytes, the same for the same model."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _empty(contract: Contract) -> onnx.ModelProto:
    rows = helper.make_tensor_value_info(INPUT_NAME, onnx.TensorProto.DOUBLE, ["N", len(contract.features)])
    return helper.make_model(helper.make_graph([], contract.name, [rows], []))


def _model(graph: Graph, contract: Contract) -> onnx.ModelProto:
    """Put the pieces together; names are handed out anew, in order, so that no counter shows."""
    double = onnx.TensorProto.DOUBLE
    shape = ["N"] if graph.flat else ["N", answer_width(contract) or "targets"]
    width = int(graph.inputs[0].type.tensor_type.shape.dim[1].dim_value)
    model = _empty_model(
        contract.name,
        [helper.make_tensor_value_info(INPUT_NAME, double, ["N", width])],
        [helper.make_tensor_value_info(PREDICTION_NAME, double, shape)],
    )
    graph.write_nodes(model.graph)
    _give_answer(model.graph, graph)
    constants = _rename(model.graph.node, graph.constants)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in sorted(constants.items()))
    add_texts(model, graph)
    model.doc_string = contract.title
    keep_bits(model)
    return model


def _empty_model(name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> onnx.ModelProto:
    """Return a model without nodes; they are added in place, because a large forest is not to be copied."""
    return helper.make_model(
        helper.make_graph([], name, list(inputs), list(outputs)),
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
    )


def _give_answer(body: onnx.GraphProto, graph: Graph) -> None:
    """Let the node that makes the answer give the output, or an Identity if something else reads the answer too."""
    answer = graph.outputs[0]
    last = next((node for node in reversed(body.node) if answer in node.output), None)
    if last is None or graph.consumers(answer):
        body.node.append(helper.make_node("Identity", [answer], [PREDICTION_NAME]))
    else:
        last.output[list(last.output).index(answer)] = PREDICTION_NAME


def _rename(nodes: Sequence[Any], constants: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Name each value after the operator that makes it, and each constant after the first node that reads it.

    Returns:
        The constants that are read, by their new names.
    """
    names: dict[str, str] = {INPUT_NAME: INPUT_NAME, PREDICTION_NAME: PREDICTION_NAME}
    for number, node in enumerate(nodes):
        node.name = f"{number:02d}_{node.op_type}"
        for position, name in enumerate(node.input):
            if name and name not in names:
                names[name] = f"{node.name}_{position}"
            node.input[position] = names[name] if name else ""
        for position, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}_out" if position == 0 else f"{node.name}_out{position}")
            node.output[position] = names[name]
    return {names[name]: array for name, array in constants.items() if name in names}
