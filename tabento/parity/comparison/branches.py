"""Branches: the leaf of each tree that a row reaches, in the served graph and in the fitted estimators themselves.

The graph's leaves are read from the nodes of the served model: next to each tree node a copy is added whose leaves answer
their own index. The pipeline's leaves are computed by the estimators' own code, from the inputs that the pipeline gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from onnx import helper
from scipy import sparse

from tabento.bundle.contract import Contract
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export.convert import write_graph
from tabento.export.graph.graph import ML_DOMAIN, Graph
from tabento.export.graph.leaf_indices import leaf_index_trees
from tabento.export.graph.onnx_nodes import with_attributes
from tabento.export.graph.tree_parts import split_trees
from tabento.export.graph.trees import Trees
from tabento.export.leaves import reached_leaves
from tabento.parity.sessions import values_of, with_outputs

CHUNK_ROWS = 2000
"""The number of rows that are compared in one step: 2,000 rows of 1,000 trees are 16 MB."""


PART_NODES = 250_000
"""A copy with more inner nodes is divided: while ONNX Runtime loads a node of the graph, it takes some 600 bytes for each
node of its trees, and releases most of them afterwards."""


SESSION_NODES = 1_000_000
"""Copies with more inner nodes are divided over several sessions, which are opened one at a time."""


@dataclass(frozen=True)
class Forest:
    """The trees of one fitted estimator and the nodes of the graph that represent them."""

    step: str
    """The path of the step in the pipeline."""
    estimator: Any
    outputs: tuple[str, ...]
    """The probe's outputs, one for each node: (N, trees of the node)."""


@dataclass(frozen=True)
class ReachedLeaves:
    """The leaves that rows reach in one forest, on both sides of shape (N, trees)."""

    forest: Forest
    pipeline: NDArray[np.int64]
    graph: NDArray[np.int64]

    @property
    def differ(self) -> NDArray[np.bool_]:
        """The mask of different leaves, shape (N, trees)."""
        return np.asarray(self.pipeline != self.graph)


@dataclass(frozen=True)
class ComparedLeaves:
    """The result of a comparison of leaves."""

    other: NDArray[np.bool_]
    """The mask of rows that reach another leaf in at least one tree, shape (N,)."""
    leaves: list[ReachedLeaves]
    """The leaves of these rows only, one entry per forest."""


class BranchProbe:
    """Compares the leaves of the graph with the leaves of the estimators.

    Args:
        pipeline: fitted.
        model: the served model.
        contract: the columns.
        plain: the pipeline as the converters wrote it, with the estimator of each ensemble.
    """

    def __init__(self, pipeline: Any, model: onnx.ModelProto, contract: Contract, plain: Graph) -> None:
        nodes = _match_nodes(pipeline, model, contract, plain)
        copies = _Copies(model)
        names: dict[int, list[str]] = {}
        steps: dict[int, tuple[str, Any]] = {}
        self.unread: list[str] = list(plain.unread)
        """The steps whose trees can be compared by their answers only."""
        for ensemble, node in zip(plain.ensembles, nodes, strict=True):
            if node is None:
                self.unread.append(ensemble.step)
                continue
            for part in split_trees(Trees.of_node(node), PART_NODES):
                names.setdefault(id(ensemble.estimator), []).append(copies.add(node.input[0], part))
            steps[id(ensemble.estimator)] = (ensemble.step, ensemble.estimator)
        self.forests = [Forest(*steps[key], tuple(outputs)) for key, outputs in names.items()]
        """The estimators whose leaves can be compared, in the order of the graph."""
        self.trees = 0
        """The number of compared trees, known after the first comparison."""
        self._sessions = copies.sessions()

    @property
    def estimators(self) -> list[Any]:
        """The fitted estimators whose leaves can be compared."""
        return [forest.estimator for forest in self.forests]

    def compare(self, rows: NDArray[np.float64], inputs: Mapping[int, Any]) -> ComparedLeaves:
        """Compare the leaves that rows reach.

        Args:
            rows: packed rows, shape (N, F).
            inputs: the inputs of the estimators for these rows, by the identity of the estimator.
        """
        other = np.zeros(len(rows), dtype=bool)
        parts: dict[int, list[ReachedLeaves]] = {}
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            leaves = self.read_leaves(rows[chunk], {key: part_of(value, chunk) for key, value in inputs.items()})
            is_other = np.zeros(len(rows[chunk]), dtype=bool)
            for forest_leaves in leaves:
                is_other |= forest_leaves.differ.any(axis=1)
            for forest_leaves in leaves:
                selected = ReachedLeaves(
                    forest_leaves.forest, forest_leaves.pipeline[is_other], forest_leaves.graph[is_other]
                )
                parts.setdefault(id(forest_leaves.forest), []).append(selected)
            other[chunk] = is_other
        other_leaves = [
            ReachedLeaves(
                forest,
                np.concatenate([part.pipeline for part in parts[id(forest)]]),
                np.concatenate([part.graph for part in parts[id(forest)]]),
            )
            for forest in self.forests
            if id(forest) in parts
        ]
        return ComparedLeaves(other, other_leaves)

    def read_leaves(self, rows: NDArray[np.float64], inputs: Mapping[int, Any]) -> list[ReachedLeaves]:
        """Return the leaves that rows reach; the arguments are those of ``compare``.

        An estimator whose library does not return leaves is skipped from then on and listed in ``unread``.
        """
        if not self.forests or not len(rows):
            return []
        values: dict[str, NDArray[np.float64]] = {}
        for session, outputs in self._sessions:
            values |= dict(zip(outputs, values_of(session, rows, outputs), strict=True))
        results = []
        for forest in list(self.forests):
            estimator_inputs = inputs.get(id(forest.estimator))
            pipeline_leaves = None if estimator_inputs is None else reached_leaves(forest.estimator, estimator_inputs)
            graph = np.concatenate([values[output] for output in forest.outputs], axis=1).astype(np.int64)
            if pipeline_leaves is None or graph.shape[1] % max(pipeline_leaves.shape[1], 1):
                self.forests.remove(forest)
                self.unread.append(forest.step)
                continue
            # A forest of several classes can be written once for each class, with the same branches.
            pipeline_leaves = np.tile(pipeline_leaves, (1, graph.shape[1] // pipeline_leaves.shape[1]))
            results.append(ReachedLeaves(forest, pipeline_leaves.astype(np.int64), graph))
        self.trees = sum(forest_leaves.graph.shape[1] for forest_leaves in results)
        return results


class _Copies:
    """Copies of the served trees whose leaves answer their own index, in one session, or in several if they are large.

    Args:
        model: the served model.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._nodes: list[Any] = []
        self._size = 0
        self._count = 0
        self._sessions: list[tuple[Any, list[str]]] = []

    def add(self, value: str, trees: Trees) -> str:
        """Add trees that read a value, and return the name of their output, shape (N, trees)."""
        if self._nodes and self._size + len(trees.splits) > SESSION_NODES:
            self._open()
        output = f"leaves_{self._count}"
        node = helper.make_node("TreeEnsemble", [value], [output])
        self._nodes.append(with_attributes(node, leaf_index_trees(trees).attributes(), ML_DOMAIN))
        self._count += 1
        self._size += len(trees.splits)
        return output

    def sessions(self) -> list[tuple[Any, list[str]]]:
        """Return the sessions, each with the names of its outputs."""
        if self._nodes:
            self._open()
        return self._sessions

    def _open(self) -> None:
        outputs = [str(node.output[0]) for node in self._nodes]
        self._sessions.append(
            (open_session(with_outputs(self._model, outputs, self._nodes), log_severity=LOG_ERRORS), outputs)
        )
        self._nodes, self._size = [], 0


def part_of(values: Any, part: Any) -> Any:
    """Return some rows of a frame, an array or a sparse matrix."""
    if sparse.issparse(values) and values.format == "coo":
        return values.tocsr()[part]
    return values.iloc[part] if isinstance(values, pd.DataFrame) else values[part]


def _match_nodes(pipeline: Any, model: onnx.ModelProto, contract: Contract, plain: Graph) -> list[Any | None]:
    """Return for each ensemble of a pipeline the node of the served model that represents it, None if there is no node.

    Passes keep the order of the ensembles. If an ensemble was removed, because another one computes the same, the indices of
    the nodes in a new export show which one.
    """
    nodes = list(model.graph.node)
    served = [node for node in nodes if node.op_type == "TreeEnsemble"]
    if len(served) == len(plain.ensembles):
        return list(served)
    if not served:
        return [None] * len(plain.ensembles)
    fresh = write_graph(pipeline, contract)
    # The finished model may have one node more, an Identity.
    if [node.op_type for node in fresh.nodes] != [node.op_type for node in nodes[: len(fresh.nodes)]]:
        return [None] * len(plain.ensembles)
    places = {output: place for place, node in enumerate(fresh.nodes) for output in node.output}
    return [nodes[places[operator.output]] if operator.output in places else None for operator in fresh.ensembles]
