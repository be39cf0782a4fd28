"""Histograms: every row is counted once, and sums of parts are exact."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitoring.drift.histograms import (
    LARGEST_STEPS,
    NO_LARGEST,
    NO_SMALLEST,
    count_panes,
    layout_of,
    ordered_integers,
    ordered_number,
)
from tests.bundles import classifier_contract
from tests.monitoring.rows import START_S, monitored_model, orchard_answers, orchard_numbers, predicted_rows


def test_two_workers_merged_equal_one_worker() -> None:
    """The merged histograms of any division of the rows equal the histogram of all rows, in every slot."""
    layout = layout_of(monitored_model())
    numbers = orchard_numbers(4_000, seed=5)
    numbers[::7, 1] *= 1000
    answers = orchard_answers(numbers)
    total = layout.count(numbers, answers)
    is_first = np.random.default_rng(0).random(len(numbers)) < 0.3
    parts = [layout.count(numbers[selection], answers[selection]) for selection in (~is_first, is_first)]
    assert (layout.merge(parts) == total).all()
    assert (layout.merge([layout.merge(()), *reversed(parts)]) == total).all()


def test_integers_have_the_order_of_their_numbers() -> None:
    """Every float64 but NaN has an integer of its own, in the same order, and is read back."""
    numbers = np.array([-np.inf, -1e308, -2.5, -5e-324, 0.0, 5e-324, 2.5, 1e308, np.inf])
    integers = ordered_integers(numbers)
    assert (np.diff(integers) > 0).all()
    assert integers[0] > NO_LARGEST
    assert integers[-1] < NO_SMALLEST
    assert [ordered_number(integer) for integer in integers.tolist()] == numbers.tolist()
    assert math.copysign(1, ordered_number(ordered_integers(np.array([-0.0]))[0])) == 1


def test_private_features_keep_no_value() -> None:
    """The smallest and the largest value of a private feature are in no slot; a layout with other private features is another one."""
    model = monitored_model()
    numbers = orchard_numbers(100)
    layout = layout_of(model, {"height"})
    public = layout_of(model)
    slots, all_slots = (counted.count(numbers, orchard_answers(numbers)) for counted in (layout, public))
    height = next(column for column in layout.columns if column.name == "height")
    assert slots[height.end - 2 : height.end].tolist() == [NO_SMALLEST, NO_LARGEST]
    ends = ordered_integers(np.array([numbers[:, 2].min(), numbers[:, 2].max()]))
    assert all_slots[height.end - 2 : height.end].tolist() == ends.tolist()
    assert np.flatnonzero(slots != all_slots).tolist() == [height.end - 2, height.end - 1]
    assert layout.fingerprint != public.fingerprint


def test_every_row_is_in_one_bin() -> None:
    """Missing values, unknown categories and values outside the range of training are counted by themselves."""
    model = monitored_model()
    layout = layout_of(model)
    numbers = orchard_numbers(6, seed=2)
    numbers[:, 1] = [-5, 0.1, 4, 5, 29, np.nan]  # crown width
    numbers[:, 6] = [-1, 0, 1, 2, 3, np.nan]  # soil
    slots = layout.count(numbers, orchard_answers(numbers))
    columns = {column.name: slots[column.start : column.end] for column in layout.columns}
    width = next(column for column in layout.columns if column.name == "crown width")
    assert columns["crown width"][: width.n_bins].sum() == 5
    missing, below, above, far = columns["crown width"][width.n_bins :][:4]
    assert (missing, below, above) == (1, 2, 1)
    assert far == np.count_nonzero(np.abs(numbers[:, 1]) > 2 * width.distribution.maximum)  # type: ignore[union-attr]
    assert columns["soil"].tolist() == [1, 1, 1, 1, 1, 1]
    assert columns["sort"][:-1].sum() == 6


def test_extreme_numbers_are_counted() -> None:
    """Infinite and very large numbers fall into the outer bins; their steps are limited."""
    layout = layout_of(monitored_model())
    numbers = orchard_numbers(2)
    numbers[:, 1] = [np.inf, -1e308]
    slots = layout.count(numbers, np.full((2, 1), np.nan))
    column = layout.columns[1]
    counted = slots[column.start : column.end]
    assert (counted[0], counted[column.n_bins - 1]) == (1, 1)
    assert counted[-4:-2].tolist() == [0, 2 * LARGEST_STEPS**2]
    assert [ordered_number(integer) for integer in counted[-2:].tolist()] == [-1e308, np.inf]
    answer = layout.columns[-1]
    assert slots[answer.start + answer.n_bins] == 2
    assert slots[answer.end - 2 : answer.end].tolist() == [NO_SMALLEST, NO_LARGEST]


def test_labels_and_probabilities_are_counted() -> None:
    """A classification has one column of labels and one of each class's probability."""
    contract = classifier_contract()
    random = np.random.default_rng(1)
    probabilities = random.dirichlet([2, 3, 4], 300)
    answers = np.column_stack([probabilities.argmax(axis=1), probabilities])
    layout = layout_of(monitored_model(contract, orchard_numbers(300), answers))
    assert [column.role for column in layout.columns[7:]] == ["prediction", *["probability"] * 3]
    slots = layout.count(orchard_numbers(300), answers)
    labels = layout.columns[7]
    assert slots[labels.start : labels.end].tolist() == [*np.bincount(answers[:, 0].astype(int)), 0, 0]


@pytest.mark.parametrize("pane_s", [0.5, 60.0])
def test_rows_are_counted_in_the_panes_of_their_times(pane_s: float) -> None:
    """A batch of rows that spans several panes is divided."""
    model = monitored_model()
    rows = predicted_rows(model, count=1_000, start_s=START_S + 59.5)
    panes = count_panes(layout_of(model), rows, pane_s)
    expected = np.unique(np.floor(rows.times_s / pane_s), return_counts=True)
    assert list(panes) == expected[0].tolist()
    assert [count for count, _ in panes.values()] == expected[1].tolist()
