"""Bisection: at which step of the pipeline a graph starts to answer something else.

Three things can be wrong, and each is looked for in its own way: the served graph is not what the export of this
pipeline writes; a converter writes something else than its step computes; a pass changed what the converters wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from bundle.contract import Contract
from bundle.format import INPUT_NAME
from bundle.numbers import number_text
from training.export.convert import finish, plain_graph, serialise, write_graph
from training.export.graph import Graph, Step, copied
from training.export.label_answers import answers_labels, classes_of, label_sets_of
from training.export.values import Columns, Scores
from training.frames import to_frame
from training.parity.answers import label_indices, several_indices
from training.parity.figures import differences
from training.parity.overhearing import Heard, as_numbers, overhear
from training.parity.sessions import open_session, probe_of, values_of, with_outputs
from training.wide_rows import wide_rows

WHOLE = "pipeline"
"""How the pipeline as a whole is called, as in ``training.export.pen``."""


@dataclass(frozen=True)
class Parting:
    """Where pipeline and graph first part ways on one row."""

    step: str
    """The path of the step."""
    cause: str
    """What was found there, in words."""


def part_ways(
    pipeline: Any, model: bytes, contract: Contract, rows: NDArray[np.float64], limit: float
) -> list[Parting]:
    """Return for each of some rows where pipeline and graph first part ways.

    Args:
        pipeline: fitted.
        model: the served graph.
        contract: the columns.
        rows: packed rows of shape (N, F), few.
        limit: the relative difference of a step's values above which it counts as parted.
    """
    graph = write_graph(pipeline, contract)
    # Names are handed out anew at the end; who wrote a value is known by its first name only.
    written = [(list(node.input), list(node.output)) for node in graph.nodes]
    fresh = finish(graph, contract)
    if serialise(fresh) != model:
        writers = [_writer(graph, written, at) for at in range(len(written))]
        return _changed_nodes(onnx.ModelProto.FromString(model), fresh, writers, rows)
    return _strayed_steps(pipeline, contract, rows, limit)


def _changed_nodes(
    served: onnx.ModelProto, fresh: onnx.ModelProto, writers: list[str], rows: NDArray[np.float64]
) -> list[Parting]:
    """Return the first node of the served graph that gives something else than the same node of a fresh export."""
    nodes = list(fresh.graph.node)
    if [_shape(node) for node in nodes] != [_shape(node) for node in served.graph.node]:
        other = Parting(WHOLE, "the graph is not the export of this pipeline: it has other operators")
        return [other] * len(rows)
    names = [name for node in nodes for name in node.output]
    found = [values_of_nodes(model, names, rows) for model in (fresh, served)]
    changed = _first_changed(fresh, served)
    partings = []
    for at in range(len(rows)):
        apart = (
            place
            for place, node in enumerate(nodes)
            if not all(_same_bits(found[0][name], found[1][name])[at] for name in node.output)
        )
        # Another branch may lead to the same number: then what the node is made of tells.
        place = next(apart, changed)
        writer = writers[place] if place < len(writers) else WHOLE
        cause = f"the graph was changed: its operator {nodes[place].name} is not that of a fresh export"
        partings.append(Parting(writer, cause))
    return partings


def _shape(node: Any) -> tuple[str, list[str], list[str]]:
    return node.op_type, list(node.input), list(node.output)


def _first_changed(fresh: onnx.ModelProto, served: onnx.ModelProto) -> int:
    """Return the place of the first node whose attributes or constants are not the same, 0 where there is none."""
    one, other = (
        {constant.name: constant.SerializeToString(deterministic=True) for constant in model.graph.initializer}
        for model in (fresh, served)
    )
    for place, (node, same) in enumerate(zip(fresh.graph.node, served.graph.node, strict=True)):
        attributes = [side.SerializeToString(deterministic=True) for side in (node, same)]
        if attributes[0] != attributes[1] or any(one.get(name) != other.get(name) for name in node.input):
            return place
    return 0


def values_of_nodes(model: onnx.ModelProto, names: Sequence[str], rows: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Return values of a model by name, each with one entry a row; rows are asked one by one.

    One by one, because a value in the middle of a graph need not have the rows in front.
    """
    session = open_session(with_outputs(copied(model), names))
    found = [session.run(list(names), {INPUT_NAME: wide_rows(session, row[np.newaxis])}) for row in rows]
    return {name: np.stack([np.asarray(one[at]).ravel() for one in found]) for at, name in enumerate(names)}


def _writer(graph: Graph, written: list[tuple[list[str], list[str]]], position: int) -> str:
    """Return the step that wrote a node, or for a node of a pass the step of the next node that reads it."""
    reached: set[str] = set()
    for at in range(position, len(written)):
        inputs, outputs = written[at]
        if at == position or reached & set(inputs):
            for name in outputs:
                if name in graph.writers:
                    return graph.writers[name]
            reached |= set(outputs)
    return WHOLE


def _strayed_steps(pipeline: Any, contract: Contract, rows: NDArray[np.float64], limit: float) -> list[Parting]:
    """Return the first step whose converter gives something else than the step itself."""
    plain = plain_graph(pipeline, contract)
    heard = overhear(pipeline, to_frame(rows, contract), [step.model for step in plain.steps], answers=True)
    compared = [
        (step, own, names)
        for step, answered in zip(plain.steps, heard, strict=True)
        if answered is not None
        for own, names in _values(step, answered)
    ]
    wanted = list(dict.fromkeys(name for _, _, name in compared))
    session = open_session(probe_of(plain, wanted))
    found = dict(
        zip(wanted, values_of(session, rows, [f"probe_{number}" for number in range(len(wanted))]), strict=True)
    )
    partings: list[Parting | None] = [None] * len(rows)
    since: list[str | None] = [None] * len(rows)
    for step, own, name in compared:
        graph_side = np.asarray(found[name], dtype=np.float64).reshape(len(rows), -1)
        if own.shape != graph_side.shape:
            wrong = Parting(step.path, f"it gives {own.shape[1]} columns, in the graph {graph_side.shape[1]}")
            partings = [known or wrong for known in partings]
            break
        _, relative = differences(own, graph_side)
        for at in range(len(rows)):
            column = int(np.argmax(relative[at])) if relative.shape[1] else 0
            if not relative[at].any() or partings[at] is not None:
                continue
            if relative[at, column] > limit:
                cause = f"column {column} is {number_text(own[at, column])}, in the graph {number_text(graph_side[at, column])}"
                if since[at] not in (None, step.path):
                    cause += f"; the last bits differ since step {since[at]!r}"
                partings[at] = Parting(step.path, cause)
            elif since[at] is None:
                since[at] = step.path
    return [known or _lost_in_passes(earlier) for known, earlier in zip(partings, since, strict=True)]


def _lost_in_passes(since: str | None) -> Parting:
    if since is None:
        return Parting(WHOLE, "every step gives the same; folding or packing the graph changes it")
    return Parting(since, "its last bits differ, which decides a branch or a label further on")


def _values(step: Step, heard: Heard) -> list[tuple[NDArray[np.float64], str]]:
    """Return what a step itself answered beside the name of the value that stands for it, each of shape (N, width)."""
    result = step.result
    if isinstance(result, Columns):
        own = heard.answers.get("transform")
        return [] if own is None else [(_coded(own, result), result.name)]
    if isinstance(result, Scores):
        return _scores(step.model, result, heard)
    own = heard.answers.get("predict")
    return [] if own is None else [(as_numbers(own), result)]


def _scores(model: Any, result: Scores, heard: Heard) -> list[tuple[NDArray[np.float64], str]]:
    found = []
    for method, name in (("decision_function", result.decision), ("predict_proba", result.probabilities)):
        if name is not None and method in heard.answers:
            found.append((as_numbers(heard.answers[method]), name))
    if "predict" in heard.answers and answers_labels(model) and classes_of(model) is not None:
        found.append((_label_columns(model, heard.answers["predict"]), result.label))
    return found


def _label_columns(model: Any, labels: Any) -> NDArray[np.float64]:
    """Return the indices of a classifier's labels, (N, 1), or (N, labels) of one that gives several to a row."""
    sets = label_sets_of(model) or []
    if len(sets) > 1:
        return several_indices(labels, sets)
    return label_indices(labels, classes_of(model))[:, np.newaxis]


def _coded(own: Any, columns: Columns) -> NDArray[np.float64]:
    """Return a transformer's answer as it travels in the graph: categories by their codes."""
    if columns.numeric:
        return as_numbers(own)
    cells = np.asarray(own, dtype=object)
    made = np.empty(cells.shape, dtype=np.float64)
    for at, codes in enumerate(columns.codes):
        for row, value in enumerate(cells[:, at]):
            missing = value is None or value != value
            if codes is None:
                made[row, at] = np.nan if missing else float(value)
            else:
                made[row, at] = np.nan if missing else codes.get(value, -1.0)
    return made


def _same_bits(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Say for each row whether two values are the same, NaN beside NaN included, shape (N,)."""
    one, other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    if one.shape != other.shape:
        return np.zeros(len(one), dtype=bool)
    both_missing = (one != one) & (other != other)
    return np.asarray(((one == other) | both_missing).all(axis=1))
