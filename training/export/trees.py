"""Trees as the arrays of one double ``TreeEnsemble`` node, whatever library grew them.

``ai.onnx.ml`` opset 5 is the first whose tree operator takes double thresholds and double leaves throughout; the
older ones round to float32 somewhere, and a row that lies near a threshold takes another branch.

ONNX Runtime adds what the trees say in their order, starting from 0, for each target by itself. A library that starts
from a constant therefore has that constant in the leaves of the first tree: both sums are made of the same additions.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from training.export.onnx_nodes import attribute, integers

SUM = 1
NONE = 0
LEQ, LT, GTE, GT, EQ, NEQ, MEMBER = range(7)
"""How an inner node compares: the numbers of ``nodes_modes``."""
_ARRAYS = ("features", "splits", "missing", "true", "true_leaf", "false", "false_leaf", "leaves")
BEYOND_FLOAT32 = 2.0**128
"""What would follow the largest float32; it rounds to infinity, and so does all from half of the way on."""


@dataclass
class Trees:
    """The arrays of a ``TreeEnsemble``; I inner nodes and L leaves of all trees one behind the other.

    An inner node goes to its ``true`` side where feature <= split, and where the feature is NaN and ``missing`` is set.
    A side is the index of an inner node, or of a leaf where the flag beside it is set. The nodes and the leaves of a
    tree lie behind those of the tree before it.
    """

    roots: list[int]
    """Index of each tree's first inner node."""
    features: NDArray[np.int64]
    """(I,) the column that is compared."""
    splits: NDArray[np.float64]
    """(I,) the thresholds."""
    missing: NDArray[np.int64]
    """(I,) 1 where NaN goes to the true side."""
    true: NDArray[np.int64]
    """(I,) the next node where the comparison holds."""
    true_leaf: NDArray[np.int64]
    """(I,) 1 where ``true`` is a leaf."""
    false: NDArray[np.int64]
    """(I,) the next node where the comparison does not hold."""
    false_leaf: NDArray[np.int64]
    """(I,) 1 where ``false`` is a leaf."""
    leaves: NDArray[np.float64]
    """(L,) what a leaf adds."""
    targets: NDArray[np.int64] | None = None
    """(L,) which target a leaf adds to; None: all to the only one."""
    n_targets: int = 1
    """How many targets there are: the ensemble answers (N, n_targets)."""
    modes: NDArray[np.uint8] | None = None
    """(I,) how nodes compare; None: all by ``LEQ``."""
    members: tuple[NDArray[np.float64], ...] = ()
    """For each node of mode ``MEMBER``, in their order: the values that go to the true side; at least one."""
    _digest: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def is_threshold(self) -> NDArray[np.bool_]:
        """Say which nodes ask whether feature <= split, shape (I,)."""
        return np.ones(len(self.splits), dtype=bool) if self.modes is None else self.modes == LEQ

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the ``TreeEnsemble`` node; lists of integers are arrays."""
        given = {
            "aggregate_function": SUM,
            "post_transform": NONE,
            "n_targets": self.n_targets,
            "tree_roots": self.roots,
            "nodes_featureids": self.features,
            "nodes_splits": numpy_helper.from_array(self.splits, "splits"),
            "nodes_modes": numpy_helper.from_array(self._modes(), "modes"),
            "nodes_truenodeids": self.true,
            "nodes_trueleafs": self.true_leaf,
            "nodes_falsenodeids": self.false,
            "nodes_falseleafs": self.false_leaf,
            "leaf_targetids": np.zeros(len(self.leaves), dtype=np.int64) if self.targets is None else self.targets,
            "leaf_weights": numpy_helper.from_array(self.leaves, "leaves"),
        }
        # Without the flags ONNX Runtime spares a NaN test at every node.
        if self.missing.any():
            given["nodes_missing_value_tracks_true"] = self.missing
        if self.members:
            # One list for all nodes of the kind, NaN between one node's values and the next one's.
            parts = [np.append(values, np.nan) for values in self.members]
            given["membership_values"] = numpy_helper.from_array(np.concatenate(parts), "members")
        return given

    def digest(self) -> bytes:
        """Return a SHA-256 digest of everything that the trees are; it is computed once."""
        if self._digest is None:
            found = hashlib.sha256(repr((self.n_targets, len(self.members))).encode())
            targets = np.zeros(len(self.leaves), dtype=np.int64) if self.targets is None else self.targets
            arrays = [np.array(self.roots), self._modes(), *(getattr(self, name) for name in _ARRAYS), targets]
            for array in [*arrays, *self.members]:
                found.update(f"{array.dtype.str}{array.shape}".encode())
                found.update(np.ascontiguousarray(array).view(np.uint8).data)
            self._digest = found.digest()
        return self._digest

    def copied(self) -> Trees:
        """Return trees whose nodes may be changed without a change of these."""
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

    def _modes(self) -> NDArray[np.uint8]:
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
    listed = np.array(numpy_helper.to_array(values), dtype=np.float64)
    ends = np.flatnonzero(np.isnan(listed))
    return tuple(part[~np.isnan(part)] for part in np.split(listed, ends)[:-1])


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
    """Return one tree from arrays over all of its nodes, inner ones and leaves under one numbering.

    Args:
        leaf: which nodes are leaves, shape (nodes,); node 0 is the root. The arguments behind it have the same shape.
        features: the column that a node compares.
        splits: its threshold.
        missing: whether NaN goes left.
        left: the next node where the comparison holds.
        right: the next node where it does not.
        values: what a leaf adds.
        modes: how a node compares; None: all by ``LEQ``.
        members: for each inner node of mode ``MEMBER``, in their order: the values that go left.

    Returns:
        The tree. Its leaves are numbered from 0 in the order in which they stand in the arguments.
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
    """Return a tree that is a leaf: a node both of whose sides are that leaf, as the operator's specification asks."""
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    return Trees([0], zero, np.zeros(1), zero, zero, one, zero, one, np.array([value], dtype=np.float64))


def join(parts: Sequence[Trees], targets: Sequence[int] | None = None, n_targets: int = 1) -> Trees:
    """Return one ensemble of several.

    Args:
        parts: trees with one target each, in the order in which they are added; at least one.
        targets: for each part the target that it adds to; None: all to the only one.
        n_targets: how many targets there are.
    """
    inner = np.cumsum([0, *(len(part.splits) for part in parts)])
    outer = np.cumsum([0, *(len(part.leaves) for part in parts)])

    def together(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def shifted(side: str) -> NDArray[np.int64]:
        return np.concatenate(
            [
                getattr(part, side) + np.where(getattr(part, f"{side}_leaf") == 1, outer[at], inner[at])
                for at, part in enumerate(parts)
            ]
        )

    plain = all(part.modes is None for part in parts)
    return Trees(
        roots=[int(start + root) for start, part in zip(inner[:-1], parts, strict=True) for root in part.roots],
        features=together("features"),
        splits=together("splits"),
        missing=together("missing"),
        true=shifted("true"),
        true_leaf=together("true_leaf"),
        false=shifted("false"),
        false_leaf=together("false_leaf"),
        leaves=together("leaves"),
        targets=None if targets is None else np.repeat(np.array(targets, dtype=np.int64), np.diff(outer)),
        n_targets=n_targets,
        modes=None if plain else np.concatenate([part._modes() for part in parts]),
        members=tuple(values for part in parts for values in part.members),
    )


def in_parts(trees: Trees, nodes: int) -> Iterator[Trees]:
    """Yield an ensemble in parts of whole trees, in their order.

    Args:
        trees: the ensemble.
        nodes: about how many inner nodes a part has at most; a larger tree is a part of its own.
    """
    starts = [*trees.roots, len(trees.splits)]
    owner, _ = tree_of_leaf(trees)
    members_before = np.cumsum(np.concatenate([[0], trees._modes() == MEMBER]))
    first = 0
    while first < len(trees.roots):
        last = first + 1
        while last < len(trees.roots) and starts[last + 1] - starts[first] <= nodes:
            last += 1
        inner = slice(starts[first], starts[last])
        outer = slice(*np.searchsorted(owner, [first, last]).tolist())

        def moved(side: str, inner: slice = inner, outer: slice = outer) -> NDArray[np.int64]:
            is_leaf = getattr(trees, f"{side}_leaf")[inner] == 1
            return np.asarray(getattr(trees, side)[inner] - np.where(is_leaf, outer.start, inner.start))

        yield Trees(
            roots=[root - inner.start for root in trees.roots[first:last]],
            features=trees.features[inner],
            splits=trees.splits[inner],
            missing=trees.missing[inner],
            true=moved("true"),
            true_leaf=trees.true_leaf[inner],
            false=moved("false"),
            false_leaf=trees.false_leaf[inner],
            leaves=trees.leaves[outer],
            targets=None if trees.targets is None else trees.targets[outer],
            n_targets=trees.n_targets,
            modes=None if trees.modes is None else trees.modes[inner],
            members=trees.members[members_before[inner.start] : members_before[inner.stop]],
        )
        first = last


def tree_of_leaf(trees: Trees) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each leaf the number of its tree, and its own number within that tree; int64 of shape (L,) each."""
    roots = np.array(trees.roots, dtype=np.int64)
    tree_of_node = np.searchsorted(roots, np.arange(len(trees.splits)), side="right") - 1
    owner = np.zeros(len(trees.leaves), dtype=np.int64)
    for side, is_leaf in ((trees.true, trees.true_leaf), (trees.false, trees.false_leaf)):
        reaches = is_leaf == 1
        owner[side[reaches]] = tree_of_node[reaches]
    first = np.searchsorted(owner, np.arange(len(roots)))
    return owner, np.arange(len(owner)) - first[owner]


def leaf_index_trees(trees: Trees) -> Trees:
    """Return the same trees, each with a target of its own to which a leaf adds its number within the tree.

    Run as a ``TreeEnsemble`` they tell which leaf a row reaches, as float64 of shape (N, trees).
    """
    owner, number = tree_of_leaf(trees)
    return dataclasses.replace(trees, leaves=number.astype(np.float64), targets=owner, n_targets=len(trees.roots))


def float32_splits(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return thresholds for doubles that ask what the given ones ask of the doubles' float32 roundings.

    A library that rounds rows to float32 goes left where float32(x) <= t. Rounding is to nearest, ties to the even
    significand (IEEE 754, 4.3.1), so those x end halfway between the largest float32 f that is not above t and the
    next one: included where f is even, left out where it is odd. Halfway is a double, for a double has more than one
    bit to spare.

    Args:
        thresholds: t, float64 of any shape, not NaN.

    Returns:
        For each t the largest double x with float32(x) <= t, of the same shape.
    """
    with np.errstate(over="ignore"):
        lower = thresholds.astype(np.float32)
        below = np.nextafter(lower, np.float32(-np.inf))
        lower = np.where(lower.astype(np.float64) > thresholds, below, lower)
        upper = np.nextafter(lower, np.float32(np.inf))
    low, high = (np.clip(end.astype(np.float64), -BEYOND_FLOAT32, BEYOND_FLOAT32) for end in (lower, upper))
    middle = low + (high - low) / 2
    even = lower.view(np.int32) % 2 == 0
    result = np.where(even, middle, np.nextafter(middle, -np.inf))
    return np.where(np.isposinf(lower), np.inf, result)
