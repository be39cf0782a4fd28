"""Branches: which leaf of each tree a row reaches, in the served graph and in the fitted estimators themselves.

The graph's side comes from the very nodes of the served model: beside each stands a copy whose leaves answer their own
number. The pipeline's side comes from the estimators' own code, on what the pipeline itself gives them.
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

from bundle.contract import Contract
from training.export.convert import write_graph
from training.export.graph import ML_DOMAIN, Graph
from training.export.leaves import reached_leaves
from training.export.onnx_nodes import with_attributes
from training.export.trees import Trees, in_parts, leaf_index_trees
from training.parity.sessions import open_session, values_of, with_outputs

CHUNK_ROWS = 2000
"""Rows that are compared at once: 2,000 rows of 1,000 trees are 16 MB."""


PART_NODES = 250_000
"""A copy with more inner nodes is several: while ONNX Runtime loads a node of the graph it takes some 600 bytes for each
node of its trees, and gives back most of it after that."""


SESSION_NODES = 1_000_000
"""Copies with more inner nodes than that are spread over several sessions, which are made one after the other."""


@dataclass(frozen=True)
class Forest:
    """The trees of one fitted estimator and the nodes of the graph that stand for them."""

    step: str
    """The path of the step in the pipeline."""
    estimator: Any
    outputs: tuple[str, ...]
    """The probe's outputs, one for each node: (N, trees of the node)."""


@dataclass(frozen=True)
class Reached:
    """The leaves that some rows reach in one forest, both of shape (N, trees)."""

    forest: Forest
    pipeline: NDArray[np.int64]
    graph: NDArray[np.int64]

    @property
    def differ(self) -> NDArray[np.bool_]:
        """Where they are not the same, shape (N, trees)."""
        return np.asarray(self.pipeline != self.graph)


@dataclass(frozen=True)
class Compared:
    """Rows whose leaves were compared."""

    other: NDArray[np.bool_]
    """Which rows reach another leaf in at least one tree, shape (N,)."""
    reached: list[Reached]
    """The leaves of those rows only, one entry per forest."""


class BranchProbe:
    """Compares leaves.

    Args:
        pipeline: fitted.
        model: the served model.
        contract: the columns.
        plain: the pipeline as the converters wrote it, which knows the estimator behind each ensemble.
    """

    def __init__(self, pipeline: Any, model: onnx.ModelProto, contract: Contract, plain: Graph) -> None:
        nodes = _matched(pipeline, model, contract, plain)
        copies = _Copies(model)
        names: dict[int, list[str]] = {}
        steps: dict[int, tuple[str, Any]] = {}
        self.unread: list[str] = list(plain.unread)
        """Steps whose trees can be compared by their answers only."""
        for ensemble, node in zip(plain.ensembles, nodes, strict=True):
            if node is None:
                self.unread.append(ensemble.step)
                continue
            for part in in_parts(Trees.of_node(node), PART_NODES):
                names.setdefault(id(ensemble.estimator), []).append(copies.add(node.input[0], part))
            steps[id(ensemble.estimator)] = (ensemble.step, ensemble.estimator)
        self.forests = [Forest(*steps[key], tuple(outputs)) for key, outputs in names.items()]
        """The estimators whose leaves can be compared, in the order in which the graph asks them."""
        self.trees = 0
        """How many trees were compared, counted at the first comparison."""
        self._sessions = copies.sessions()

    @property
    def estimators(self) -> list[Any]:
        """The fitted estimators whose leaves can be compared."""
        return [forest.estimator for forest in self.forests]

    def compare(self, rows: NDArray[np.float64], taken: Mapping[int, Any]) -> Compared:
        """Compare the leaves that rows reach.

        Args:
            rows: packed rows, shape (N, F).
            taken: by the estimator's identity, what the pipeline gives it for these rows.
        """
        other = np.zeros(len(rows), dtype=bool)
        parts: dict[int, list[Reached]] = {}
        for start in range(0, len(rows), CHUNK_ROWS):
            here = slice(start, start + CHUNK_ROWS)
            found = self.reached(rows[here], {key: part_of(value, here) for key, value in taken.items()})
            astray = np.zeros(len(rows[here]), dtype=bool)
            for reached in found:
                astray |= reached.differ.any(axis=1)
            for reached in found:
                kept = Reached(reached.forest, reached.pipeline[astray], reached.graph[astray])
                parts.setdefault(id(reached.forest), []).append(kept)
            other[here] = astray
        astray_leaves = [
            Reached(
                forest,
                np.concatenate([part.pipeline for part in parts[id(forest)]]),
                np.concatenate([part.graph for part in parts[id(forest)]]),
            )
            for forest in self.forests
            if id(forest) in parts
        ]
        return Compared(other, astray_leaves)

    def reached(self, rows: NDArray[np.float64], taken: Mapping[int, Any]) -> list[Reached]:
        """Return the leaves that rows reach; arguments as for ``compare``.

        An estimator whose library does not tell its leaves is left out from then on and listed in ``unread``.
        """
        if not self.forests or not len(rows):
            return []
        found: dict[str, NDArray[np.float64]] = {}
        for session, outputs in self._sessions:
            found |= dict(zip(outputs, values_of(session, rows, outputs), strict=True))
        results = []
        for forest in list(self.forests):
            given = taken.get(id(forest.estimator))
            own = None if given is None else reached_leaves(forest.estimator, given)
            graph = np.concatenate([found[output] for output in forest.outputs], axis=1).astype(np.int64)
            if own is None or graph.shape[1] % max(own.shape[1], 1):
                self.forests.remove(forest)
                self.unread.append(forest.step)
                continue
            # A forest of several classes may be written once for each class, with the same branches.
            own = np.tile(own, (1, graph.shape[1] // own.shape[1]))
            results.append(Reached(forest, own.astype(np.int64), graph))
        self.trees = sum(reached.graph.shape[1] for reached in results)
        return results


class _Copies:
    """Copies of the served trees whose leaves answer their own number, in one session or, if they are large, several.

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
        made = helper.make_node("TreeEnsemble", [value], [output])
        self._nodes.append(with_attributes(made, leaf_index_trees(trees).attributes(), ML_DOMAIN))
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
        self._sessions.append((open_session(with_outputs(self._model, outputs, self._nodes)), outputs))
        self._nodes, self._size = [], 0


def part_of(values: Any, here: Any) -> Any:
    """Return some rows of a frame, an array or a sparse matrix."""
    if sparse.issparse(values) and values.format == "coo":
        return values.tocsr()[here]
    return values.iloc[here] if isinstance(values, pd.DataFrame) else values[here]


def _matched(pipeline: Any, model: onnx.ModelProto, contract: Contract, plain: Graph) -> list[Any | None]:
    """Return for each ensemble of a pipeline the node of the served model that stands for it, None where there is none.

    Passes keep the order of the ensembles. Where one was taken out, because another computes the same, the places of the
    nodes in a fresh export tell which is which.
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
    return [nodes[places[one.output]] if one.output in places else None for one in fresh.ensembles]
