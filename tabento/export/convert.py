"""Export: converts a fitted pipeline to an ONNX graph that gives the same answers.

Converters first write an exact graph, step by step (``plain_graph``). Passes then move what they can into the thresholds
of trees and merge or remove nodes (``write_graph``). The result is one checked model (``export_pipeline``). All numbers
are float64, from the input ``rows`` to the output ``prediction``.

The converters read the fitted objects and not skl2onnx's operators, because the right conversion of a step depends on its
neighbours (strings before it, trees after it), and skl2onnx chooses types before it knows them. skl2onnx only writes the
steps of ``tabento.export.converters.skl2onnx_grafts``, in double.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.base import is_regressor

from tabento.bundle.contract import Contract, answer_width, category_codes
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export.analysis.contract_passes import contract_passes
from tabento.export.analysis.exactness import refuse_inexact_splits
from tabento.export.analysis.raised_errors import nan_for_raising_rows
from tabento.export.converters.feature_extraction import add_texts, place_texts
from tabento.export.converters.registration import register_converters
from tabento.export.graph.graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET, Graph, run_passes
from tabento.export.graph.onnx_nodes import without_trees
from tabento.export.graph.values import Columns, TextCodes
from tabento.export.graph.writer import GraphWriter
from tabento.export.label_answers import answers_labels
from tabento.export.passes.folding import fold_into_trees
from tabento.export.passes.ort_rewrites import keep_bits
from tabento.export.passes.packing import PASSES
from tabento.export.registry import classify, regress

register_converters()

PRODUCER = "tabento"


def export_pipeline(pipeline: Any, contract: Contract) -> onnx.ModelProto:
    """Convert a fitted pipeline to an ONNX model.

    Args:
        pipeline: a pipeline or an estimator of scikit-learn, fitted on frames of ``tabento.tables.frames.to_frame``.
        contract: the features in the order of the packed row. The graph's answer for a row that violates the contract is
            undefined.

    Returns:
        A model with one input and one output. The input ``rows`` is float64 of shape (N, F), for F features. The output
        ``prediction`` is float64: of shape (N,) for one number per row, else of shape (N, W). The W columns are the index
        of the class followed by the probabilities, or several numbers, or several class indices. The same pipeline and
        contract always give the same bytes from ``serialise``.

    Raises:
        ExportError: a step has no exact conversion. The error names the step, the reason and the nearest alternative.
    """
    return finalize_graph(write_graph(pipeline, contract), contract)


def write_graph(pipeline: Any, contract: Contract) -> Graph:
    """Write a pipeline as a graph after all passes. Parity reads from its ensembles which leaves the rows reach.

    Raises:
        ExportError: see ``export_pipeline``.
    """
    graph = plain_graph(pipeline, contract)
    run_passes(graph, (*PASSES, *contract_passes(contract)))
    run_passes(graph, (fold_into_trees(contract), *PASSES))
    # Folding has ended, so nodes that were only kept for it can be removed.
    graph.monotone.clear()
    run_passes(graph, PASSES)
    refuse_inexact_splits(graph)
    return graph


def plain_graph(pipeline: Any, contract: Contract) -> Graph:
    """Write a pipeline as the converters do, before any pass.

    Raises:
        ExportError: see ``export_pipeline``.
    """
    graph = Graph(_graph_input(contract))
    writer = GraphWriter(graph, contract)
    columns = _first_columns(writer, contract)
    if answers_labels(pipeline):
        scores = classify(writer, pipeline, columns, several=True)
        _require_count(writer, contract, scores.count, "label")
        parts = [scores.label]
        if contract.output.probabilities:
            if scores.probabilities is None:
                raise writer.refusal(
                    f"{type(pipeline).__name__} gives no probabilities",
                    "`probabilities: false` in the contract's output",
                )
            _refuse_vote_counts(writer, scores.probabilities)
            parts.append(scores.probabilities)
        answer = writer.concatenate(parts)
    elif is_regressor(pipeline):
        answer = regress(writer, pipeline, columns)
        if contract.output.targets is not None:
            _require_count(writer, contract, _target_count(graph, answer), "number")
    else:
        raise writer.refusal(
            f"{type(pipeline).__name__} is neither a classifier nor a regressor",
            "a classifier, a regressor or an outlier detector",
        )
    answer = nan_for_raising_rows(writer, answer)
    if answer_width(contract) is None and _target_count(graph, answer) == 1:
        axis = writer.constant(np.array([1], dtype=np.int64), "axis")
        answer = writer.node("Squeeze", [answer, axis], "answer")
        graph.flat = True
    graph.outputs = [answer]
    if contract.texts:
        place_texts(writer, len(contract.features))
    return graph


def _require_count(writer: GraphWriter, contract: Contract, count: int | None, noun: str) -> None:
    """Refuse a contract that lists another number of answers per row than the pipeline gives.

    An unknown number is accepted here; the proof of parity tests it.

    Raises:
        ExportError: the numbers differ.
    """
    n_listed = len(contract.target_names)
    if count is not None and count != n_listed:
        raise writer.refusal(
            f"it gives {count} {noun}{'s' if count > 1 else ''} to a row, and the contract lists {n_listed}",
            "`targets` in the contract's output, one for each" if count > 1 else "an output without `targets`",
        )


def _first_columns(writer: GraphWriter, contract: Contract) -> Columns:
    """Return the columns of the contract's features, the input of the pipeline's first step."""
    codes = tuple(
        TextCodes(index)
        if feature.type == "text"
        else dict(category_codes(feature))
        if feature.type == "category"
        else None
        for index, feature in enumerate(contract.features)
    )
    name = INPUT_NAME
    if contract.texts:
        # The packed row has the numbers of the texts after the features.
        indices = writer.constant(np.arange(len(contract.features), dtype=np.int64), "features")
        name = writer.node("Gather", [INPUT_NAME, indices], "features", axis=1)
    return Columns(name, codes, contract.feature_names)


def _refuse_vote_counts(writer: GraphWriter, probabilities: str) -> None:
    """Refuse probabilities that count votes whose last bits decide: they change abruptly if a member's decision is 0.

    Raises:
        ExportError: there are such members.
    """
    voted = writer.graph.voted
    member = next((voted[name] for name in sorted(writer.graph.ancestors(probabilities)) if name in voted), None)
    if member is not None:
        raise writer.refusal(
            f"its probabilities count the labels of {member}, and a label depends on the last bit of a sum if the"
            " decision is 0: the probability would change abruptly",
            "`probabilities: false` in the contract's output, or members that are trees",
        )


def _target_count(graph: Graph, answer: str) -> int | None:
    """Return the number of targets of a regressor, or None if it is not known."""
    width = graph.width(answer)
    if width is not None:
        return width
    model = _empty_model(graph.name, graph.inputs, [helper.make_empty_tensor_value_info(answer)])
    graph.write_nodes(model.graph)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in graph.constants.items())
    inferred = onnx.shape_inference.infer_shapes(without_trees(model), data_prop=True)
    dimensions = inferred.graph.output[0].type.tensor_type.shape.dim
    return int(dimensions[1].dim_value) or None if len(dimensions) == 2 else None


def finalize_graph(graph: Graph, contract: Contract) -> onnx.ModelProto:
    """Convert a graph to a checked model. The graph must not be used afterwards."""
    model = _build_model(graph, contract)
    onnx.checker.check_model(without_trees(model), full_check=True)
    return model


def serialise(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a model: the content of ``model.onnx``. Equal models give equal bytes."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _graph_input(contract: Contract) -> onnx.ModelProto:
    rows = helper.make_tensor_value_info(INPUT_NAME, onnx.TensorProto.DOUBLE, ["N", len(contract.features)])
    return helper.make_model(helper.make_graph([], contract.name, [rows], []))


def _build_model(graph: Graph, contract: Contract) -> onnx.ModelProto:
    """Build the model. Values and nodes get new names in order, so that the names do not depend on counters."""
    double_type = onnx.TensorProto.DOUBLE
    shape = ["N"] if graph.flat else ["N", answer_width(contract) or "targets"]
    width = int(graph.inputs[0].type.tensor_type.shape.dim[1].dim_value)
    model = _empty_model(
        contract.name,
        [helper.make_tensor_value_info(INPUT_NAME, double_type, ["N", width])],
        [helper.make_tensor_value_info(PREDICTION_NAME, double_type, shape)],
    )
    graph.write_nodes(model.graph)
    _name_output(model.graph, graph)
    constants = _rename(model.graph.node, graph.constants)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in sorted(constants.items()))
    add_texts(model, graph)
    model.doc_string = contract.title
    keep_bits(model)
    return model


def _empty_model(name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> onnx.ModelProto:
    """Return a model without nodes. The caller adds them in place, so that a large forest is not copied."""
    return helper.make_model(
        helper.make_graph([], name, list(inputs), list(outputs)),
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
    )


def _name_output(body: onnx.GraphProto, graph: Graph) -> None:
    """Name the output of the last node ``prediction``, or add an Identity if another node reads it too."""
    answer = graph.outputs[0]
    last = next((node for node in reversed(body.node) if answer in node.output), None)
    if last is None or graph.consumers(answer):
        body.node.append(helper.make_node("Identity", [answer], [PREDICTION_NAME]))
    else:
        last.output[list(last.output).index(answer)] = PREDICTION_NAME


def _rename(nodes: Sequence[Any], constants: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Name each value after its operator, and each constant after the first node that reads it.

    Returns:
        The constants that a node reads, by their new names.
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
