"""Reached leaves: which leaf of each tree a row reaches in the fitted estimator itself, by the library's own code.

The proof of parity compares them with what the exported trees say (``training.export.trees.leaf_index_trees``): the
same leaf in every tree means that the row took the same side at every split, whatever the sums do behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Reached = Callable[[Any, Any], NDArray[np.int64]]
Function = TypeVar("Function", bound=Callable[..., Any])

REACHED: dict[type, Reached] = {}
"""Fitted estimator → which leaf of each tree rows reach; filled by the files that write the trees."""


def reached_by(*kinds: type) -> Callable[[Function], Function]:
    """Register how estimators tell which leaves they reach."""

    def keep(function: Function) -> Function:
        for kind in kinds:
            REACHED[kind] = function
        return function

    return keep


def reached_leaves(estimator: Any, X: Any) -> NDArray[np.int64] | None:
    """Return which leaf of each tree the estimator itself reaches.

    Args:
        estimator: the fitted estimator for which an ensemble stands in the graph.
        X: what it sees: a frame or an array of N rows, as the steps in front of it give them.

    Returns:
        int64 of shape (N, trees): trees in the order in which they are exported, each leaf by its number within its
        tree as ``leaf_index_trees`` numbers it. None where the estimator cannot tell.
    """
    found = next((REACHED[kind] for kind in type(estimator).__mro__ if kind in REACHED), None)
    return None if found is None else found(estimator, X)


def numbered(leaf: NDArray[np.bool_], reached: NDArray[Any]) -> NDArray[np.int64]:
    """Return the numbers among the leaves of nodes that are leaves.

    Args:
        leaf: which nodes of a tree are leaves, shape (nodes,).
        reached: nodes that are leaves, by their number among all nodes, shape (N,).
    """
    numbers: NDArray[np.int64] = (np.cumsum(leaf) - 1).astype(np.int64)
    return numbers[np.asarray(reached).astype(np.int64)]
