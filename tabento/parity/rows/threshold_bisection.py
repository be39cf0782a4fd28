"""Bisection: the first step of the pipeline at which a graph answers something else.

Three things can be wrong, and each has its own search. The served graph can differ from the export of this pipeline. A converter
can write something else than its step computes. A pass can change the answers of the graph that the converters wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.bundle.format import INPUT_NAME
from tabento.bundle.numbers import number_text
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export.convert import finalize_graph, plain_graph, serialise, write_graph
from tabento.export.graph.facts import Step
from tabento.export.graph.graph import Graph, copy_message
from tabento.export.graph.values import Columns, Scores
from tabento.export.label_answers import answers_labels, classes_of, label_sets_of
from tabento.export.pipeline_answers import label_indices, several_indices
from tabento.parity.recorded_calls import RecordedCall, as_numbers, record_calls
from tabento.parity.sessions import probe_of, values_of, with_outputs
from tabento.parity.tolerances import differences
from tabento.tables.frames import to_frame
from tabento.tables.wide_rows import wide_rows

PIPELINE_STEP = "pipeline"
"""The name of the pipeline as a whole, as in ``tabento.export.graph.writer``."""


@dataclass(frozen=True)
class Divergence:
    """The first difference of pipeline and graph on one row."""

    step: str
    """The path of the step."""
    cause: str
    """The difference, as text."""


def first_divergence(
    pipeline: Any, model: bytes, contract: Contract, rows: NDArray[np.float64], limit: float
) -> list[Divergence]:
    """Return for each row the first step at which pipeline and graph differ.

    Args:
        pipeline: fitted.
        model: the served graph.
        contract: the columns.
        rows: packed rows, float64 of shape (N, F); a small number, since each row runs alone.
        limit: the largest relative difference of a step's values that is not a divergence.
    """
    graph = write_graph(pipeline, contract)
    # Finalizing gives new names to all values. The step that wrote a value is known by its first name only.
    written_names = [(list(node.input), list(node.output)) for node in graph.nodes]
    fresh = finalize_graph(graph, contract)
    if serialise(fresh) != model:
        steps = [_step_of_node(graph, written_names, index) for index in range(len(written_names))]
        return _changed_nodes(onnx.ModelProto.FromString(model), fresh, steps, rows)
    return _diverging_steps(pipeline, contract, rows, limit)


def _changed_nodes(
    served: onnx.ModelProto, fresh: onnx.ModelProto, steps: list[str], rows: NDArray[np.float64]
) -> list[Divergence]:
    """Return the first node of the served graph whose value differs from the same node of a new export."""
    nodes = list(fresh.graph.node)
    if [_signature(node) for node in nodes] != [_signature(node) for node in served.graph.node]:
        divergence = Divergence(PIPELINE_STEP, "the graph is not the export of this pipeline: it has other operators")
        return [divergence] * len(rows)
    names = [name for node in nodes for name in node.output]
    fresh_values, served_values = (values_of_nodes(model, names, rows) for model in (fresh, served))
    changed = _first_changed(fresh, served)
    divergences = []
    for row in range(len(rows)):
        different_nodes = (
            index
            for index, node in enumerate(nodes)
            if not all(_is_same(fresh_values[name], served_values[name])[row] for name in node.output)
        )
        # Another branch can lead to the same number: then the first node with other attributes is the cause.
        index = next(different_nodes, changed)
        step = steps[index] if index < len(steps) else PIPELINE_STEP
        cause = f"the graph was changed: its operator {nodes[index].name} is not that of a fresh export"
        divergences.append(Divergence(step, cause))
    return divergences


def _signature(node: Any) -> tuple[str, list[str], list[str]]:
    return node.op_type, list(node.input), list(node.output)


def _first_changed(fresh: onnx.ModelProto, served: onnx.ModelProto) -> int:
    """Return the index of the first node with other attributes or constants, 0 if all nodes are equal."""
    fresh_constants, served_constants = (
        {constant.name: constant.SerializeToString(deterministic=True) for constant in model.graph.initializer}
        for model in (fresh, served)
    )
    for index, (node, served_node) in enumerate(zip(fresh.graph.node, served.graph.node, strict=True)):
        attributes = [side.SerializeToString(deterministic=True) for side in (node, served_node)]
        if attributes[0] != attributes[1] or any(
            fresh_constants.get(name) != served_constants.get(name) for name in node.input
        ):
            return index
    return 0


def values_of_nodes(model: onnx.ModelProto, names: Sequence[str], rows: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Return values of a model by name, each with one entry a row. The graph runs on one row at a time.

    A value in the middle of a graph need not have the rows as its first dimension.
    """
    session = open_session(with_outputs(copy_message(model), names), log_severity=LOG_ERRORS)
    results = [session.run(list(names), {INPUT_NAME: wide_rows(session, row[np.newaxis])}) for row in rows]
    return {
        name: np.stack([np.asarray(values[index]).ravel() for values in results]) for index, name in enumerate(names)
    }


def _step_of_node(graph: Graph, written_names: list[tuple[list[str], list[str]]], position: int) -> str:
    """Return the step that wrote a node; for a node of a pass, the step of the next node that reads it."""
    reached_values: set[str] = set()
    for index in range(position, len(written_names)):
        inputs, outputs = written_names[index]
        if index == position or reached_values & set(inputs):
            for name in outputs:
                if name in graph.step_of_value:
                    return graph.step_of_value[name]
            reached_values |= set(outputs)
    return PIPELINE_STEP


def _diverging_steps(pipeline: Any, contract: Contract, rows: NDArray[np.float64], limit: float) -> list[Divergence]:
    """Return for each row the first step whose value in the graph differs from the step's own answer."""
    plain = plain_graph(pipeline, contract)
    calls = record_calls(pipeline, to_frame(rows, contract), [step.model for step in plain.steps], answers=True)
    compared = [
        (step, own_values, name)
        for step, call in zip(plain.steps, calls, strict=True)
        if call is not None
        for own_values, name in _values(step, call)
    ]
    names = list(dict.fromkeys(name for _, _, name in compared))
    session = open_session(probe_of(plain, names), log_severity=LOG_ERRORS)
    outputs = [f"probe_{number}" for number in range(len(names))]
    values = dict(zip(names, values_of(session, rows, outputs), strict=True))
    divergences: list[Divergence | None] = [None] * len(rows)
    first_rounding: list[str | None] = [None] * len(rows)
    for step, own_values, name in compared:
        graph_values = np.asarray(values[name], dtype=np.float64).reshape(len(rows), -1)
        if own_values.shape != graph_values.shape:
            other_width = Divergence(
                step.path, f"it gives {own_values.shape[1]} columns, in the graph {graph_values.shape[1]}"
            )
            divergences = [divergence or other_width for divergence in divergences]
            break
        _, relative = differences(own_values, graph_values)
        for row in range(len(rows)):
            column = int(np.argmax(relative[row])) if relative.shape[1] else 0
            if not relative[row].any() or divergences[row] is not None:
                continue
            if relative[row, column] > limit:
                own, in_graph = number_text(own_values[row, column]), number_text(graph_values[row, column])
                cause = f"column {column} is {own}, in the graph {in_graph}"
                if first_rounding[row] not in (None, step.path):
                    cause += f"; the last bits differ since step {first_rounding[row]!r}"
                divergences[row] = Divergence(step.path, cause)
            elif first_rounding[row] is None:
                first_rounding[row] = step.path
    return [
        divergence or _after_all_steps(rounding_step)
        for divergence, rounding_step in zip(divergences, first_rounding, strict=True)
    ]


def _after_all_steps(rounding_step: str | None) -> Divergence:
    """Return the divergence of a row for which the values of all steps are within the limit."""
    if rounding_step is None:
        return Divergence(PIPELINE_STEP, "every step gives the same; folding or packing the graph changes it")
    return Divergence(rounding_step, "its last bits differ, which decides a branch or a label further on")


def _values(step: Step, call: RecordedCall) -> list[tuple[NDArray[np.float64], str]]:
    """Return the answers of a step itself, each of shape (N, width), with the name of the value that represents it."""
    result = step.result
    if isinstance(result, Columns):
        if result.has_text:
            # A text has no number of its own. The steps that read it are compared by their own answers.
            return []
        own_answer = call.answers.get("transform")
        return [] if own_answer is None else [(_encode_columns(own_answer, result), result.name)]
    if isinstance(result, Scores):
        return _scores(step.model, result, call)
    own_answer = call.answers.get("predict")
    return [] if own_answer is None else [(as_numbers(own_answer), result)]


def _scores(model: Any, result: Scores, call: RecordedCall) -> list[tuple[NDArray[np.float64], str]]:
    scores = []
    for method, name in (("decision_function", result.decision), ("predict_proba", result.probabilities)):
        if name is not None and method in call.answers:
            scores.append((as_numbers(call.answers[method]), name))
    if "predict" in call.answers and answers_labels(model) and classes_of(model) is not None:
        scores.append((_label_columns(model, call.answers["predict"]), result.label))
    return scores


def _label_columns(model: Any, labels: Any) -> NDArray[np.float64]:
    """Return the indices of a classifier's labels, (N, 1), or (N, labels) of a classifier with several labels a row."""
    sets = label_sets_of(model) or []
    if len(sets) > 1:
        return several_indices(labels, sets)
    return label_indices(labels, classes_of(model))[:, np.newaxis]


def _encode_columns(answer: Any, columns: Columns) -> NDArray[np.float64]:
    """Return a transformer's answer as the graph represents it: categories by their codes."""
    if columns.numeric:
        return as_numbers(answer)
    # A step can pass one column on as a series, without a second dimension.
    cells = np.asarray(answer, dtype=object).reshape(len(answer), -1)
    encoded = np.empty(cells.shape, dtype=np.float64)
    for column, codes in enumerate(columns.codes):
        for row, value in enumerate(cells[:, column]):
            is_missing = value is None or value != value
            if codes is None:
                encoded[row, column] = np.nan if is_missing else float(value)
            else:
                encoded[row, column] = np.nan if is_missing else codes.get(value, -1.0)
    return encoded


def _is_same(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the mask of rows with equal values, shape (N,); NaN is equal to NaN."""
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    if left.shape != right.shape:
        return np.zeros(len(left), dtype=bool)
    both_missing = (left != left) & (right != right)
    return np.asarray(((left == right) | both_missing).all(axis=1))
