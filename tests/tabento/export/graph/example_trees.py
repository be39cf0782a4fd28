"""Trees of one node, from which the tests of ensembles are made."""

from __future__ import annotations

import numpy as np

from tabento.export.graph.trees import LEQ, MEMBER, Trees, tree

STUMP = tree(
    leaf=np.array([False, True, True]),
    features=np.array([1, 0, 0]),
    splits=np.array([0.5, 0.0, 0.0]),
    missing=np.array([1, 0, 0]),
    left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]),
    values=np.array([0.0, 10.0, 20.0]),
)
"""10 if column 1 is at most 0.5 or missing, else 20."""


def member_tree(members: list[float]) -> Trees:
    """Return a tree whose answer is 10 if column 0 is equal to one of the members, else 20."""
    return tree(
        leaf=np.array([False, True, True]),
        features=np.array([0, 0, 0]),
        splits=np.zeros(3),
        missing=np.zeros(3),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        values=np.array([0.0, 10.0, 20.0]),
        modes=np.array([MEMBER, LEQ, LEQ], dtype=np.uint8),
        members=(np.array(members),),
    )
