"""The answers of a model and of the champion to the same test rows, counted as a service counts them in a shadow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.ab_test.pairs import PairCounts, relative_differences
from tabento.bundle.contract import Contract

DIFFERENCE = 0.1
"""The relative difference of numbers above which a row differs, as in the limits of a rollout."""


def compare_answers(contract: Contract, champion: NDArray[np.float64], model: NDArray[np.float64]) -> PairCounts:
    """Return the counts of differing rows.

    Args:
        contract: the model's contract.
        champion: the champion's answers, float64 of shape (N,) or (N, W).
        model: the model's answers, of the same shape.
    """
    first, second = champion.reshape(len(champion), -1), model.reshape(len(model), -1)
    output = contract.output
    if output.targets is not None:
        is_label = np.array([target.classes is not None for target in output.targets])
    else:
        # The number or the label comes first; other probabilities of the same label do not make a row different.
        first, second, is_label = first[:, :1], second[:, :1], np.array([output.classes is not None])
    flips = (first[:, is_label] != second[:, is_label]).any(axis=1)
    differences = relative_differences(first[:, ~is_label], second[:, ~is_label]).max(axis=1, initial=0.0)
    pairs = PairCounts()
    pairs.observe(differences, flips, DIFFERENCE)
    return pairs


def in_words(pairs: PairCounts) -> str:
    """Return the share of differing rows as a sentence without its period."""
    share = pairs.differing_share or 0.0
    if pairs.flips == pairs.differing and pairs.flips:
        return f"{share:.1%} of the rows get another label"
    return f"{share:.1%} of the rows get another answer, by more than {DIFFERENCE:.0%} or another label"
