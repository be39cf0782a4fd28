"""The answers of two versions of a model in one form, so that they can be counted and compared.

A graph answers a row with one number; with the index of a label, which the probabilities may follow; or with one number or index for
each target. Two versions may list their labels in another order: the challenger's labels are compared by the champion's order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runners.work import Values
from tabento.ab_test.pairs import relative_differences
from tabento.bundle.contract import Contract, Label, label_key
from tabento.bundle.numbers import number_text
from tabento.bundle.reference import NumberDistribution, Reference

Numbers = NDArray[np.float64]


class AnswerForm:
    """The form of the answers of a model's champion, and of a challenger compared with it.

    Args:
        contract: the champion's contract.
        reference: the champion's reference, whose quantiles are the bins of the distribution of numbers.
    """

    def __init__(self, contract: Contract, reference: Reference) -> None:
        output = contract.output
        self._classes: list[tuple[Label, ...] | None] = (
            [output.classes] if output.targets is None else [target.classes for target in output.targets]
        )
        self.has_labels = self._classes[0] is not None
        self._has_probabilities = output.targets is None and output.classes is not None and output.probabilities
        self._edges = _edges_of(contract, reference)
        self.columns = ["prediction"] if output.targets is None else [target.name for target in output.targets]
        """The names of the answers to a row."""
        # One bin more for answers that no bin holds: NaN, or a label that the champion does not have.
        self.bins = [
            (len(edges) + 1 if classes is None else len(classes)) + 1
            for classes, edges in zip(self._classes, self._edges, strict=True)
        ]
        """The number of bins of the distribution of each column."""

    def bin_names(self) -> dict[str, list[str]]:
        """Return a name for each bin of each column, for a report."""
        names: dict[str, list[str]] = {}
        for column, classes, edges in zip(self.columns, self._classes, self._edges, strict=True):
            if classes is not None:
                names[column] = [*map(label_key, classes), "(other)"]
            elif len(edges):
                texts = [number_text(float(f"{edge:.4g}")) for edge in edges]
                names[column] = [*(f"to {text}" for text in texts), f"above {texts[-1]}", "(not a number)"]
            else:
                names[column] = ["all", "(not a number)"]
        return names

    def label_map(self, challenger: Contract) -> list[Numbers | None]:
        """Return, for each answer, the champion's index of each label of a challenger; -1 if the champion does not have it.

        Raises:
            ValueError: the challenger answers something else.
        """
        output = challenger.output
        classes = [output.classes] if output.targets is None else [target.classes for target in output.targets]
        if [item is None for item in classes] != [item is None for item in self._classes]:
            raise ValueError("the challenger does not answer the same kind of numbers or labels as the champion")
        maps: list[Numbers | None] = []
        for own, other in zip(self._classes, classes, strict=True):
            if own is None or other is None or own == other:
                maps.append(None)
                continue
            indices = {label_key(label): float(index) for index, label in enumerate(own)}
            maps.append(np.array([indices.get(label_key(label), -1.0) for label in other]))
        return maps

    def array(self, values: Values, maps: Sequence[Numbers | None] = ()) -> Numbers:
        """Return answers as an array.

        Args:
            values: one answer a row.
            maps: of a challenger's answers, the result of ``label_map``.

        Returns:
            float64 of shape (N, W); labels as the champion's indices.
        """
        answers = np.asarray(values, np.float64)
        answers = answers.reshape(len(values), -1)
        if any(indices is not None for indices in maps):
            answers = answers.copy()
            for column, indices in enumerate(maps):
                if indices is not None:
                    answers[:, column] = indices[answers[:, column].astype(np.int64)]
            if self._has_probabilities and maps[0] is not None:
                answers = _reorder(answers, maps[0], self.bins[0] - 1)
        return answers

    def bin_indices(self, answers: Numbers) -> list[NDArray[np.int64]]:
        """Return the bin of each answer, an array of shape (N,) for each column.

        Args:
            answers: of shape (N, W).
        """
        indices = []
        for column, (classes, edges, bins) in enumerate(zip(self._classes, self._edges, self.bins, strict=True)):
            numbers = answers[:, column]
            last = bins - 1
            if classes is None:
                index = np.where(np.isnan(numbers), last, np.searchsorted(edges, numbers, side="left"))
            else:
                index = np.where((numbers >= 0) & (numbers < last), numbers, last).astype(np.int64)
            indices.append(index)
        return indices

    def differences(self, champion: Numbers, challenger: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        """Return the difference of each row's answers, and whether a label differs.

        The difference of two numbers is relative: ``|a - b| / max(|a|, |b|)``. The difference of two labels is the largest
        difference of a probability, or 1 if there are no probabilities and the labels differ. Of several targets, the largest
        counts. A number that only one version could compute has the difference infinity.

        Args:
            champion: the champion's answers, of shape (N, W).
            challenger: the challenger's, of the same shape.

        Returns:
            Two arrays of shape (N,).
        """
        if not self.has_labels:
            return relative_differences(champion, challenger).max(axis=1), np.zeros(len(champion), np.bool_)
        if not self._has_probabilities:
            flips = (champion != challenger).any(axis=1)
            return flips.astype(np.float64), flips
        flips = champion[:, 0] != challenger[:, 0]
        distance = np.abs(champion[:, 1:] - challenger[:, 1:]).max(axis=1)
        return np.where(np.isnan(distance), np.inf, distance), flips

    def text(self, answer: Numbers) -> str:
        """Return one row's answer, of shape (W,), as a person can read it."""
        parts = []
        for classes, number in zip(self._classes, answer.tolist(), strict=False):
            index = int(number) if number == number else -1
            if classes is None:
                parts.append(f"{number:.6g}")  # rounded: answers of the worst rows, for a table
            else:
                parts.append(label_key(classes[index]) if 0 <= index < len(classes) else "(other)")
        if self._has_probabilities:
            parts.append(f"(p = {answer[1:].max():.3f})")
        return " ".join(parts) if self._has_probabilities else ", ".join(parts)


def _edges_of(contract: Contract, reference: Reference) -> list[Numbers]:
    """Return the inner edges of the bins of each column; empty for labels."""
    predictions = (
        [reference.prediction[target.name] for target in contract.output.targets or ()]
        if isinstance(reference.prediction, dict)
        else [reference.prediction]
    )
    return [np.array(item.edges if isinstance(item, NumberDistribution) else (), np.float64) for item in predictions]


def _reorder(answers: Numbers, indices: Numbers, n_classes: int) -> Numbers:
    """Return labels and probabilities with the probabilities in the champion's order; 0 for a label that one version lacks."""
    reordered = np.zeros((len(answers), 1 + n_classes))
    reordered[:, 0] = answers[:, 0]
    for column, index in enumerate(indices.astype(int).tolist()):
        if index >= 0:
            reordered[:, 1 + index] = answers[:, 1 + column]
    return reordered
