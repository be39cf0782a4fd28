"""Ensembles that are joined from several trees, and split into parts for the sessions of the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.export.graph.leaf_indices import tree_of_leaf
from tabento.export.graph.trees import MEMBER, Trees


def join(parts: Sequence[Trees], targets: Sequence[int] | None = None, n_targets: int = 1) -> Trees:
    """Join several ensembles into one.

    Args:
        parts: trees with one target each, in the order in which they are added; at least one.
        targets: for each part the target that it adds to; None if there is only one target.
        n_targets: the number of targets.
    """
    inner = np.cumsum([0, *(len(part.splits) for part in parts)])
    outer = np.cumsum([0, *(len(part.leaves) for part in parts)])

    def concatenate(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def renumber(side: str) -> NDArray[np.int64]:
        return np.concatenate(
            [
                getattr(part, side) + np.where(getattr(part, f"{side}_leaf") == 1, outer[index], inner[index])
                for index, part in enumerate(parts)
            ]
        )

    all_leq = all(part.modes is None for part in parts)
    return Trees(
        roots=[int(start + root) for start, part in zip(inner[:-1], parts, strict=True) for root in part.roots],
        features=concatenate("features"),
        splits=concatenate("splits"),
        missing=concatenate("missing"),
        true=renumber("true"),
        true_leaf=concatenate("true_leaf"),
        false=renumber("false"),
        false_leaf=concatenate("false_leaf"),
        leaves=concatenate("leaves"),
        targets=None if targets is None else np.repeat(np.array(targets, dtype=np.int64), np.diff(outer)),
        n_targets=n_targets,
        modes=None if all_leq else np.concatenate([part.node_modes() for part in parts]),
        members=tuple(values for part in parts for values in part.members),
    )


def split_trees(trees: Trees, max_nodes: int) -> Iterator[Trees]:
    """Split an ensemble into parts of whole trees, in their order.

    Args:
        trees: the ensemble.
        max_nodes: the approximate largest number of inner nodes in a part; a larger tree is a part by itself.
    """
    starts = [*trees.roots, len(trees.splits)]
    owner, _ = tree_of_leaf(trees)
    members_before = np.cumsum(np.concatenate([[0], trees.node_modes() == MEMBER]))
    first = 0
    while first < len(trees.roots):
        last = first + 1
        while last < len(trees.roots) and starts[last + 1] - starts[first] <= max_nodes:
            last += 1
        inner = slice(starts[first], starts[last])
        outer = slice(*np.searchsorted(owner, [first, last]).tolist())

        def renumbered(side: str, inner: slice = inner, outer: slice = outer) -> NDArray[np.int64]:
            is_leaf = getattr(trees, f"{side}_leaf")[inner] == 1
            return np.asarray(getattr(trees, side)[inner] - np.where(is_leaf, outer.start, inner.start))

        yield Trees(
            roots=[root - inner.start for root in trees.roots[first:last]],
            features=trees.features[inner],
            splits=trees.splits[inner],
            missing=trees.missing[inner],
            true=renumbered("true"),
            true_leaf=trees.true_leaf[inner],
            false=renumbered("false"),
            false_leaf=trees.false_leaf[inner],
            leaves=trees.leaves[outer],
            targets=None if trees.targets is None else trees.targets[outer],
            n_targets=trees.n_targets,
            modes=None if trees.modes is None else trees.modes[inner],
            members=trees.members[members_before[inner.start] : members_before[inner.stop]],
        )
        first = last
