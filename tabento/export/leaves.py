"""Reached leaves: the leaf that a row reaches in each tree of a fitted estimator, computed by the library's own code.

The proof of parity compares them with the leaves of the exported trees (``tabento.export.graph.leaf_indices.leaf_index_trees``).
The same leaf in every tree means that the row took the same side at every split.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

LeafReader = Callable[[Any, Any], NDArray[np.int64]]
Function = TypeVar("Function", bound=Callable[..., Any])

LEAF_READERS: dict[type, LeafReader] = {}
"""By class of the estimator: the function that returns the reached leaves. The tree converters fill it."""


def reads_leaves(*kinds: type) -> Callable[[Function], Function]:
    """Register a function that returns the leaves that rows reach in estimators of some classes."""

    def keep(function: Function) -> Function:
        for kind in kinds:
            LEAF_READERS[kind] = function
        return function

    return keep


def reached_leaves(estimator: Any, X: Any) -> NDArray[np.int64] | None:
    """Return the leaf that each row reaches in each tree of a fitted estimator.

    Args:
        estimator: the fitted estimator.
        X: its input: a frame or an array of N rows, the output of the previous steps.

    Returns:
        int64 of shape (N, trees): trees in the order of the export, leaves numbered within their tree as in
        ``leaf_index_trees``. None if no function is registered for the class.
    """
    read_leaves = next((LEAF_READERS[kind] for kind in type(estimator).__mro__ if kind in LEAF_READERS), None)
    return None if read_leaves is None else read_leaves(estimator, X)


def leaf_numbers(leaf: NDArray[np.bool_], reached_nodes: NDArray[Any]) -> NDArray[np.int64]:
    """Convert node indices of leaves to leaf numbers.

    Args:
        leaf: mask of the nodes that are leaves, shape (nodes,).
        reached_nodes: indices of nodes that are leaves, shape (N,).
    """
    numbers: NDArray[np.int64] = (np.cumsum(leaf) - 1).astype(np.int64)
    return numbers[np.asarray(reached_nodes).astype(np.int64)]
