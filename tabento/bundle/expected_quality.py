"""Expected quality: the tables from which monitoring estimates the quality of answers whose truths are unknown.

Training makes them from rows that the answering pipeline has not seen (``training.model.expected_quality``). They are the
optional file ``expected_quality.json`` of a bundle. Each divides rows into cells, so monitoring counts rows by cell. Counts of
several windows or replicas add up exactly.

A regression has a tree of errors: direct loss estimation as in NannyML's DLE. A classification has calibrated probabilities:
confidence-based performance estimation (CBPE). The estimate is right as long as only the mix of rows changes. It cannot see that the
same rows have other truths than before.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from tabento.bundle.errors import BundleFormatError
from tabento.bundle.format import EXPECTED_QUALITY_FILE
from tabento.bundle.strict import Number, Strict

CELLS_LIMIT = 1_000
"""The largest number of leaves or bins."""
_FLOAT32_MAX = float(np.finfo(np.float32).max)

NonNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class ErrorTree(Strict):
    """A binary tree that divides rows by their expected error. All lists have one element a node; node 0 is the root.

    A row goes to the left if its value is at most the threshold in float32, or if it is missing and ``missing_left`` says so.
    """

    columns: tuple[int, ...]
    """The column of the split: a feature by its index, or F for the answer; -1 at a leaf."""
    thresholds: tuple[Number, ...]
    missing_left: tuple[bool, ...]
    left: tuple[int, ...]
    """The index of the left child, which is larger than the node's own; -1 at a leaf."""
    right: tuple[int, ...]
    rows: tuple[Count, ...]
    """The number of rows of the test part."""
    absolute: tuple[NonNegative, ...]
    """Their mean absolute error."""
    absolute_std: tuple[NonNegative, ...]
    """The standard deviation of their absolute errors."""
    squared: tuple[NonNegative, ...]
    """Their mean squared error."""
    squared_std: tuple[NonNegative, ...]

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        size = len(self.columns)
        if not 1 <= size <= 2 * CELLS_LIMIT or any(
            len(getattr(self, name)) != size for name in type(self).model_fields
        ):
            raise ValueError("expected lists of equal lengths, one element for each node")
        for node, column in enumerate(self.columns):
            children = (self.left[node], self.right[node])
            if column < 0 and children != (-1, -1):
                raise ValueError(f"expected no children of the leaf {node}")
            if column >= 0 and not all(node < child < size for child in children):
                raise ValueError(f"expected the children of node {node} to follow it")
        return self

    def cells(self, rows: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the leaf of each row.

        Args:
            rows: packed rows, shape (N, F).
            answers: shape (N,).
        """
        inputs = tree_inputs(rows, answers)
        columns, thresholds = np.array(self.columns), np.array(self.thresholds)
        left, right, missing_left = np.array(self.left), np.array(self.right), np.array(self.missing_left)
        nodes = np.zeros(len(inputs), np.intp)
        active = np.arange(len(inputs)) if self.columns[0] >= 0 else np.arange(0)
        while len(active):
            parents = nodes[active]
            values = inputs[active, columns[parents]].astype(np.float64)
            goes_left = np.where(np.isnan(values), missing_left[parents], values <= thresholds[parents])
            nodes[active] = np.where(goes_left, left[parents], right[parents])
            active = active[columns[nodes[active]] >= 0]
        return nodes


class ProbabilityBins(Strict):
    """The share of true rows by bins of a probability, which never decreases with it."""

    edges: tuple[Number, ...]
    """The ascending edges between the bins. A probability that equals an edge is in the upper bin."""
    rows: tuple[Count, ...]
    """The number of unseen rows in each bin, from which its share was computed."""
    shares: tuple[Share, ...]
    """The share of them that has the label."""

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        bins = len(self.edges) + 1
        if len(self.rows) != bins or len(self.shares) != bins or bins > CELLS_LIMIT:
            raise ValueError(f"expected {bins} bins for {len(self.edges)} edges")
        if any(before >= after for before, after in pairwise(self.edges)):
            raise ValueError("expected ascending edges")
        return self

    def cells(self, probabilities: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the bin of each probability."""
        return np.searchsorted(np.array(self.edges), probabilities, side="right")


class ExpectedQuality(Strict):
    """The content of ``expected_quality.json``."""

    error: ErrorTree | None = None
    """For a regression."""
    positive: ProbabilityBins | None = None
    """For two classes: by the probability of the second one."""
    answered: ProbabilityBins | None = None
    """For a classification: by the probability of the answered label."""
    auc_loss: Number = 0
    """For two classes: the ROC AUC of the unseen rows minus the same figure computed from the bins, which is coarser."""


def tree_inputs(rows: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows and answers as the columns of an error tree, float32 of shape (N, F + 1)."""
    inputs = np.column_stack((rows, answers.reshape(-1, 1)))
    return np.clip(inputs, -_FLOAT32_MAX, _FLOAT32_MAX).astype(np.float32)


def read_expected_quality(folder: Path, features: int) -> ExpectedQuality | None:
    """Return the tables of a bundle; None if it has none.

    Args:
        folder: the folder of a verified bundle.
        features: F, the number of its features.

    Raises:
        BundleFormatError: the file is malformed.
    """
    try:
        content = (folder / EXPECTED_QUALITY_FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        tables = ExpectedQuality.model_validate_json(content)
    except ValidationError as error:
        raise BundleFormatError(f"{EXPECTED_QUALITY_FILE} is malformed: {error}. Train the model again.") from error
    if tables.error is not None and max(tables.error.columns) > features:
        raise BundleFormatError(
            f"{EXPECTED_QUALITY_FILE} has a column that the contract does not have. Train the model again."
        )
    return tables
