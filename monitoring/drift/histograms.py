"""Histograms of a model's features and answers on the edges of its reference, as one array of integers.

All numbers of the array are counts or sums of integers, or integers in the order of the smallest and the largest value. Two arrays
are merged by adding the former and by comparing the latter. Therefore the merged array of two workers or two windows equals the
array of all their rows, exactly and in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitoring.core_time import offer_core
from monitoring.rows import Floats, MonitoredModel, PredictedRows
from tabento.bundle.contract import Contract, Label, label_key
from tabento.bundle.reference import UNKNOWN_VALUE, CategoryDistribution, Distribution, NumberDistribution, Reference

Integers = NDArray[np.int64]

STEPS_PER_STD = 256
"""Mean and deviation are summed in integer steps of this fraction of the reference's standard deviation."""
LARGEST_STEPS = 64 * STEPS_PER_STD
"""Values further than 64 standard deviations from the reference's mean count as 64: 2³⁵ rows then fit into the sum of squares."""
FAR_FACTOR = 2.0
"""Numbers whose magnitude is beyond this multiple of the largest magnitude in training are counted by themselves."""
NUMBER_SLOTS = 8
"""The slots of a number behind its bins: missing, below the minimum of training, above its maximum, far, sum of steps, sum of
squares, smallest value, largest value. The last two hold ``ordered_integers``."""
NO_SMALLEST, NO_LARGEST = np.iinfo(np.int64).max, np.iinfo(np.int64).min
"""The smallest and the largest value of no values. No number has these integers."""
LAYOUT_VERSION = 2
"""Is part of the fingerprint. Arrays of another version are not read."""
Role = Literal["feature", "prediction", "probability"]


@dataclass(frozen=True, eq=False)
class Column:
    """One column that is counted.

    The slots of a category are its values, unknown values, missing values. The slots of a number are its bins, and then
    ``NUMBER_SLOTS``.
    """

    name: str
    role: Role
    index: int
    """Its index in the features or in the answers."""
    distribution: Distribution
    start: int
    """The index of its first slot."""

    @property
    def n_bins(self) -> int:
        """The number of its bins: of a category, its values and one for unknown values."""
        if isinstance(self.distribution, NumberDistribution):
            return len(self.distribution.edges) + 1
        return len(self.values) + 1

    @property
    def values(self) -> tuple[str, ...]:
        """The known values of a category."""
        assert isinstance(self.distribution, CategoryDistribution)
        return tuple(name for name in self.distribution.shares if name != UNKNOWN_VALUE)

    @property
    def end(self) -> int:
        """The index behind its last slot."""
        is_number = isinstance(self.distribution, NumberDistribution)
        return self.start + self.n_bins + (NUMBER_SLOTS if is_number else 1)

    @property
    def step(self) -> float:
        """The value of one step of the sums."""
        assert isinstance(self.distribution, NumberDistribution)
        return (self.distribution.std or abs(self.distribution.mean) or 1.0) / STEPS_PER_STD

    def count(self, values: Floats) -> Integers:
        """Return the slots of values, float64 of shape (N,), without the smallest and the largest value: see ``Layout.count``."""
        is_missing = np.isnan(values)
        n_missing = int(np.count_nonzero(is_missing))
        present = values[~is_missing] if n_missing else values
        reference = self.distribution
        if isinstance(reference, CategoryDistribution):
            n_values = self.n_bins - 1
            is_known = (present >= 0) & (present < n_values)
            codes = np.where(is_known, present, n_values).astype(np.intp)
            return np.append(np.bincount(codes, minlength=n_values + 1), n_missing).astype(np.int64)
        bins = np.bincount(
            np.searchsorted(np.asarray(reference.edges, np.float64), present, side="left"), minlength=self.n_bins
        )
        limit = FAR_FACTOR * max(abs(reference.minimum), abs(reference.maximum))
        with np.errstate(over="ignore"):
            steps = np.rint((present - reference.mean) / self.step)
        steps = np.clip(steps, -LARGEST_STEPS, LARGEST_STEPS).astype(np.int64)
        further = (
            n_missing,
            np.count_nonzero(present < reference.minimum),
            np.count_nonzero(present > reference.maximum),
            np.count_nonzero(np.abs(present) > limit),
            int(steps.sum()),
            int((steps * steps).sum()),
            NO_SMALLEST,
            NO_LARGEST,
        )
        return np.concatenate([bins, further]).astype(np.int64)


class Layout:
    """The columns of a model and their slots in the array.

    Texts are not counted: the monitor gets the numbers of their terms, not the text whose length the reference describes.

    Args:
        contract: the model's contract.
        reference: its reference; features that it does not describe are not counted.
        private: the features whose smallest and largest value are not kept, because each is a value of one row.
        hidden: the features that are not counted.
    """

    def __init__(
        self,
        contract: Contract,
        reference: Reference,
        private: Iterable[str] = (),
        hidden: Iterable[str] = (),
    ) -> None:
        private_names, hidden_names = frozenset(private), frozenset(hidden)
        columns: list[Column] = []

        def add(name: str, role: Role, index: int, distribution: Distribution) -> None:
            columns.append(Column(name, role, index, distribution, columns[-1].end if columns else 0))

        for index, feature in enumerate(contract.features):
            distribution = reference.features.get(feature.name)
            if distribution is not None and feature.type != "text" and feature.name not in hidden_names:
                add(feature.name, "feature", index, _in_order(distribution, feature.categories))
        output = contract.output
        if output.targets is not None:
            assert isinstance(reference.prediction, dict)
            for index, target in enumerate(output.targets):
                add(
                    target.name,
                    "prediction",
                    index,
                    _in_order(reference.prediction[target.name], _keys(target.classes)),
                )
        else:
            assert not isinstance(reference.prediction, dict)
            add(output.name, "prediction", 0, _in_order(reference.prediction, _keys(output.classes)))
            for index, key in enumerate(_keys(output.classes) or ()):
                if reference.probabilities is not None:
                    add(key, "probability", index + 1, reference.probabilities[key])
        self.columns = tuple(columns)
        self.size = columns[-1].end
        numbers = [column for column in columns if isinstance(column.distribution, NumberDistribution)]
        self._smallest = np.array([column.end - 2 for column in numbers], np.intp)
        self._largest = self._smallest + 1
        kept_columns = [column for column in numbers if column.role != "feature" or column.name not in private_names]
        self._kept_features = _indices(kept_columns, is_feature=True)
        self._kept_answers = _indices(kept_columns, is_feature=False)
        # A value that was kept before its feature became private is not read any more.
        content = f"{LAYOUT_VERSION} {sorted(private_names)} {sorted(hidden_names)} {reference.model_dump_json()}"
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()[:16]
        """Histograms can be added if their layouts have the same fingerprint."""

    def count(self, numbers: Floats, answers: Floats) -> Integers:
        """Return the histograms of rows: packed rows of shape (N, F) and answers of shape (N, W)."""
        slots = np.empty(self.size, np.int64)
        for column in self.columns:
            source = numbers if column.role == "feature" else answers
            slots[column.start : column.end] = column.count(source[:, column.index])
            offer_core()
        for source, (indices, ends) in ((numbers, self._kept_features), (answers, self._kept_answers)):
            if len(source) and len(indices):
                values = source[:, indices]
                smallest, largest = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
                has_values = ~np.isnan(smallest)
                slots[ends[has_values] - 2] = ordered_integers(smallest[has_values])
                slots[ends[has_values] - 1] = ordered_integers(largest[has_values])
        return slots

    def merge(self, histograms: Iterable[Integers]) -> Integers:
        """Return the histograms of the rows of several ones, exactly; those of no rows if there is none."""
        total = np.zeros(self.size, np.int64)
        smallest = np.full(len(self._smallest), NO_SMALLEST)
        largest = np.full(len(self._largest), NO_LARGEST)
        for slots in histograms:
            total += slots
            smallest = np.minimum(smallest, slots[self._smallest])
            largest = np.maximum(largest, slots[self._largest])
        total[self._smallest], total[self._largest] = smallest, largest
        return total


def ordered_integers(numbers: Floats) -> Integers:
    """Return float64 numbers as integers of the same order: their bits, with those of negative numbers reversed."""
    bits = np.ascontiguousarray(numbers, np.float64).view(np.int64)
    integers: Integers = np.where(bits < 0, bits ^ np.int64(NO_SMALLEST), bits)
    return integers


def ordered_number(integer: int) -> float:
    """Return the number of an integer, see ``ordered_integers``."""
    bits = np.array([integer], np.int64)
    return float(np.where(bits < 0, bits ^ np.int64(NO_SMALLEST), bits).view(np.float64)[0]) + 0.0


def count_panes(layout: Layout, rows: PredictedRows, pane_s: float) -> dict[int, tuple[int, Integers]]:
    """Return the number of rows and the histograms of each pane of time, by the number of the pane since 1970."""
    panes = np.floor(rows.times_s / pane_s).astype(np.int64)
    first = int(panes[0])
    if (panes == first).all():
        return {first: (rows.count, layout.count(rows.numbers, rows.answers))}
    counted = {}
    for pane in np.unique(panes):
        is_inside = panes == pane
        histogram = layout.count(rows.numbers[is_inside], rows.answers[is_inside])
        counted[int(pane)] = (int(np.count_nonzero(is_inside)), histogram)
    return counted


def layout_of(model: MonitoredModel, private: Iterable[str] = ()) -> Layout:
    """Return the layout of a model.

    Args:
        model: the model.
        private: its private features, see ``Layout``.
    """
    return Layout(model.contract, model.reference, private)


def _indices(columns: Sequence[Column], *, is_feature: bool) -> tuple[Integers, Integers]:
    """Return the indices of the features or of the answers among columns, and the ends of their slots."""
    selected_columns = [column for column in columns if (column.role == "feature") is is_feature]
    indices, ends = [column.index for column in selected_columns], [column.end for column in selected_columns]
    return np.array(indices, np.int64), np.array(ends, np.int64)


def _keys(classes: Sequence[Label] | None) -> list[str] | None:
    return None if classes is None else [label_key(label) for label in classes]


def _in_order(distribution: Distribution, names: Sequence[str] | None) -> Distribution:
    """Return a distribution whose shares have the order of the codes of a packed row."""
    if isinstance(distribution, NumberDistribution):
        return distribution
    order = list(names) if names is not None else ["false", "true"]
    shares = {name: distribution.shares.get(name, 0.0) for name in order}
    if UNKNOWN_VALUE in distribution.shares:
        shares[UNKNOWN_VALUE] = distribution.shares[UNKNOWN_VALUE]
    return distribution.model_copy(update={"shares": shares})
