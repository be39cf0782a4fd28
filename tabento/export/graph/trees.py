"""Trees of any library as the arrays of one ``TreeEnsemble`` node in double.

``ai.onnx.ml`` opset 5 is the first with double thresholds and double leaves throughout. Older tree operators round to
float32, and a row near a threshold can take another branch.

ONNX Runtime adds the leaves of the trees in their order, starting from 0, for each target. If a library starts from a
constant, the constant is added to the leaves of the first tree, so that both sums consist of the same additions.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from tabento.export.graph.onnx_nodes import attribute, integers

SUM = 1
NONE = 0
LEQ, LT, GTE, GT, EQ, NEQ, MEMBER = range(7)
"""The comparisons of inner nodes, as numbers of ``nodes_modes``."""
_ARRAYS = ("features", "splits", "missing", "true", "true_leaf", "false", "false_leaf", "leaves")


@dataclass
class Trees:
    """The arrays of a ``TreeEnsemble``: I inner nodes and L leaves, those of each tree after those of the tree before it.

    A row goes to a node's ``true`` side if feature <= split, or if the feature is NaN and ``missing`` is 1. A side is the
    index of an inner node, or the index of a leaf if the ``..._leaf`` array is 1.
    """

    roots: list[int]
    """Index of each tree's first inner node."""
    features: NDArray[np.int64]
    """(I,) the column that the node compares."""
    splits: NDArray[np.float64]
    """(I,) the thresholds."""
    missing: NDArray[np.int64]
    """(I,) 1 if NaN goes to the true side."""
    true: NDArray[np.int64]
    """(I,) the next node if the comparison is true."""
    true_leaf: NDArray[np.int64]
    """(I,) 1 if ``true`` is a leaf."""
    false: NDArray[np.int64]
    """(I,) the next node if the comparison is false."""
    false_leaf: NDArray[np.int64]
    """(I,) 1 if ``false`` is a leaf."""
    leaves: NDArray[np.float64]
    """(L,) the number that a leaf adds."""
    targets: NDArray[np.int64] | None = None
    """(L,) the target that a leaf adds to; None if there is only one target."""
    n_targets: int = 1
    """The number of targets: the ensemble's output has shape (N, n_targets)."""
    modes: NDArray[np.uint8] | None = None
    """(I,) the comparisons of the nodes; None if all are ``LEQ``."""
    members: tuple[NDArray[np.float64], ...] = ()
    """For each node of mode ``MEMBER``, in order: the values that go to the true side; at least one."""
    _digest: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def is_threshold(self) -> NDArray[np.bool_]:
        """Return the mask of the nodes that compare feature <= split, shape (I,)."""
        return np.ones(len(self.splits), dtype=bool) if self.modes is None else self.modes == LEQ

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the ``TreeEnsemble`` node. A list of integers is an array."""
        attributes_by_name = {
            "aggregate_function": SUM,
            "post_transform": NONE,
            "n_targets": self.n_targets,
            "tree_roots": self.roots,
            "nodes_featureids": self.features,
            "nodes_splits": numpy_helper.from_array(self.splits, "splits"),
            "nodes_modes": numpy_helper.from_array(self.node_modes(), "modes"),
            "nodes_truenodeids": self.true,
            "nodes_trueleafs": self.true_leaf,
            "nodes_falsenodeids": self.false,
            "nodes_falseleafs": self.false_leaf,
            "leaf_targetids": np.zeros(len(self.leaves), dtype=np.int64) if self.targets is None else self.targets,
            "leaf_weights": numpy_helper.from_array(self.leaves, "leaves"),
        }
        # Without the flags ONNX Runtime omits a NaN test at every node.
        if self.missing.any():
            attributes_by_name["nodes_missing_value_tracks_true"] = self.missing
        if self.members:
            # One list for all MEMBER nodes; NaN separates the values of two nodes.
            parts = [np.append(values, np.nan) for values in self.members]
            attributes_by_name["membership_values"] = numpy_helper.from_array(np.concatenate(parts), "members")
        return attributes_by_name

    def digest(self) -> bytes:
        """Return a SHA-256 digest of all arrays. It is computed once."""
        if self._digest is None:
            sha256 = hashlib.sha256(repr((self.n_targets, len(self.members))).encode())
            targets = np.zeros(len(self.leaves), dtype=np.int64) if self.targets is None else self.targets
            arrays = [np.array(self.roots), self.node_modes(), *(getattr(self, name) for name in _ARRAYS), targets]
            for array in [*arrays, *self.members]:
                sha256.update(f"{array.dtype.str}{array.shape}".encode())
                sha256.update(np.ascontiguousarray(array).view(np.uint8).data)
            self._digest = sha256.digest()
        return self._digest

    def copy(self) -> Trees:
        """Return a copy whose nodes can be changed."""
        return dataclasses.replace(
            self,
            features=self.features.copy(),
            splits=self.splits.copy(),
            missing=self.missing.copy(),
            true=self.true.copy(),
            true_leaf=self.true_leaf.copy(),
            false=self.false.copy(),
            false_leaf=self.false_leaf.copy(),
        )

    def node_modes(self) -> NDArray[np.uint8]:
        """Return the comparison of each node, shape (I,)."""
        return np.full(len(self.splits), LEQ, dtype=np.uint8) if self.modes is None else self.modes

    @classmethod
    def of_node(cls, node: Any) -> Trees:
        """Read the arrays back from a ``TreeEnsemble`` node."""
        splits = np.array(numpy_helper.to_array(attribute(node, "nodes_splits")), dtype=np.float64)
        missing = integers(node, "nodes_missing_value_tracks_true")
        return cls(
            roots=integers(node, "tree_roots").tolist(),
            features=integers(node, "nodes_featureids"),
            splits=splits,
            missing=missing if len(missing) else np.zeros(len(splits), dtype=np.int64),
            true=integers(node, "nodes_truenodeids"),
            true_leaf=integers(node, "nodes_trueleafs"),
            false=integers(node, "nodes_falsenodeids"),
            false_leaf=integers(node, "nodes_falseleafs"),
            leaves=np.array(numpy_helper.to_array(attribute(node, "leaf_weights")), dtype=np.float64),
            targets=integers(node, "leaf_targetids"),
            n_targets=int(attribute(node, "n_targets", 1)),
            modes=np.array(numpy_helper.to_array(attribute(node, "nodes_modes")), dtype=np.uint8),
            members=_members(attribute(node, "membership_values")),
        )


def _members(values: Any) -> tuple[NDArray[np.float64], ...]:
    if values is None:
        return ()
    numbers = np.array(numpy_helper.to_array(values), dtype=np.float64)
    ends = np.flatnonzero(np.isnan(numbers))
    return tuple(part[~np.isnan(part)] for part in np.split(numbers, ends)[:-1])


def tree(
    leaf: NDArray[np.bool_],
    features: NDArray[Any],
    splits: NDArray[Any],
    missing: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    values: NDArray[Any],
    modes: NDArray[np.uint8] | None = None,
    members: tuple[NDArray[np.float64], ...] = (),
) -> Trees:
    """Return one tree from arrays over all of its nodes: inner nodes and leaves have one common numbering.

    Args:
        leaf: mask of the nodes that are leaves, shape (nodes,); node 0 is the root. The next six arrays have the same shape.
        features: the column that a node compares.
        splits: its threshold.
        missing: whether NaN goes left.
        left: the next node if the comparison is true.
        right: the next node if it is false.
        values: the number that a leaf adds.
        modes: the comparisons of the nodes; None if all are ``LEQ``.
        members: for each inner node of mode ``MEMBER``, in order: the values that go left.

    Returns:
        The tree. Its leaves are numbered from 0 in the order of the arrays.
    """
    if leaf.all():
        return single_leaf(float(values[0]))
    number = np.where(leaf, np.cumsum(leaf) - 1, np.cumsum(~leaf) - 1).astype(np.int64)
    inner = ~leaf
    true, false = left[inner].astype(np.int64), right[inner].astype(np.int64)
    return Trees(
        roots=[0],
        features=features[inner].astype(np.int64),
        splits=splits[inner].astype(np.float64),
        missing=missing[inner].astype(np.int64),
        true=number[true],
        true_leaf=leaf[true].astype(np.int64),
        false=number[false],
        false_leaf=leaf[false].astype(np.int64),
        leaves=values[leaf].astype(np.float64),
        modes=None if modes is None else modes[inner],
        members=members,
    )


def single_leaf(value: float) -> Trees:
    """Return a tree that is one leaf: a node with that leaf on both sides, as the operator's specification requires."""
    zeros, ones = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    return Trees([0], zeros, np.zeros(1), zeros, zeros, ones, zeros, ones, np.array([value], dtype=np.float64))
