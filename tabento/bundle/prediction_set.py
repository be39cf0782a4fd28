"""The prediction set of a classification: the thresholds in the contract, and the function that reads a set from them.

A label is in the set if its probability is at least the threshold of its class (least ambiguous set-valued classifiers, M. Sadinle,
J. Lei and L. Wasserman, 2019). The answered label is always in the set, so no set is empty. Training calibrates the thresholds
(``training.model.conformal``); training, the proof and the service use the same function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tabento.bundle.interval import Coverage
from tabento.bundle.strict import Strict

Threshold = Annotated[float, Field(ge=0, le=1)]


class PredictionSet(Strict):
    """The prediction sets of a classification."""

    coverage: Coverage
    """The share of rows of each class whose true label is expected to be in the set."""
    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=2)]
    """The lowest probability at which a label is in the set, in the order of the classes."""


def set_members(thresholds: Sequence[float], row: Sequence[float]) -> list[bool]:
    """Return whether each label is in the set of a row, in the order of the classes.

    Args:
        thresholds: one for each of C classes.
        row: the index of the answered label, followed by C probabilities.
    """
    members = [probability >= threshold for threshold, probability in zip(thresholds, row[1:], strict=True)]
    members[int(row[0])] = True
    return members
