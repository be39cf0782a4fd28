"""The counts of missing, unusual and refused values of each feature.

The values of accepted requests are counted on their packed rows, in one call of numpy for many requests. So a request costs
little more than an append to a list, and the values of all decoders and protocols are counted alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from serving.codec.input_policies import InputPolicies
from serving.codec.rows import Rows
from serving.codec.value_kinds import NULL, OUT_OF_RANGE, UNKNOWN_CATEGORY
from tabento.bundle.contract import UNKNOWN_CATEGORY as UNKNOWN_CODE

ACCEPTED = "accepted"
CLIPPED = "clipped"
REFUSAL = "refused"
OTHER = "other"
"""The label of all features of models without numbers of their own; see ``serving.operations.model_numbers``."""
PENDING_BYTES = 128 * 1024
"""The number of bytes of packed rows that wait to be counted. Counting them takes some 10 µs."""

InputCounts = dict[tuple[str, str, str], int]
"""The number of values by feature, kind and treatment; only features of contracts, so that it is bounded."""


class InputValues:
    """Counts the values of one model's requests.

    Args:
        policies: the contract of the model, with the policies of its features.
        row_values: the number of float64 values of a packed row; the numbers of the features are the first.
        counts: where the values are counted.
        by_feature: whether they are counted by feature; otherwise the label of all features is ``other``.
    """

    def __init__(self, policies: InputPolicies, row_values: int, counts: InputCounts, by_feature: bool = True) -> None:
        features = policies.contract.features
        self._names = [feature.name for feature in features]
        self._known_names = frozenset(self._names)
        self._by_feature = by_feature
        self._row_values = row_values
        self._counts = counts
        self._unknown = np.array(
            [i for i, feature in enumerate(features) if feature.type == "category" and feature.unknown == "ignore"],
            np.intp,
        )
        accepted = [i for i, name in enumerate(self._names) if policies.policies.get(name) == "accept"]
        self._ranged = np.array([i for i in accepted if features[i].ordered], np.intp)
        self._lower = np.array([policies.declared.features[i].lower for i in self._ranged])
        self._upper = np.array([policies.declared.features[i].upper for i in self._ranged])
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def record(self, rows: Rows) -> None:
        """Count the values of accepted rows, at the latest at the next ``flush``."""
        data = rows.data
        self._pending.append(data)
        self._pending_bytes += len(data)
        if rows.clips is not None:
            for name, count in rows.clips.counts.items():
                self._add(name, OUT_OF_RANGE, CLIPPED, count)
        if self._pending_bytes >= PENDING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Count all recorded values now."""
        if not self._pending:
            return
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        numbers = np.frombuffer(b"".join(pending)).reshape(-1, self._row_values)[:, : len(self._names)]
        self._add_columns(range(len(self._names)), np.isnan(numbers), NULL)
        if len(self._unknown):
            self._add_columns(self._unknown, numbers[:, self._unknown] == UNKNOWN_CODE, UNKNOWN_CATEGORY)
        if len(self._ranged):
            ranged = numbers[:, self._ranged]
            self._add_columns(self._ranged, (ranged < self._lower) | (ranged > self._upper), OUT_OF_RANGE)

    def count_refused(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Count refused values, by field and kind; other fields than features are left out."""
        for (name, kind), count in counts.items():
            if name in self._known_names:
                self._add(name, kind, REFUSAL, count)

    def _add_columns(self, columns: Iterable[int], mask: NDArray[np.bool_], kind: str) -> None:
        """Count the true elements of a mask of shape (N, C), for C columns."""
        width = mask.shape[1]
        true_indices = np.flatnonzero(mask)
        if not len(true_indices):
            return
        totals = np.bincount(true_indices % width, minlength=width).tolist()
        for column, total in zip(columns, totals, strict=True):
            if total:
                self._add(self._names[column], kind, ACCEPTED, total)

    def _add(self, name: str, kind: str, treatment: str, count: int) -> None:
        key = (name if self._by_feature else OTHER, kind, treatment)
        self._counts[key] = self._counts.get(key, 0) + count
