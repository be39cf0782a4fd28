"""The tables of expected quality divide the test part, and follow a changed mix of rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score
from sklearn.tree import DecisionTreeRegressor

from monitoring.estimates.figures import count_cells, estimate
from tabento.bundle.expected_quality import ErrorTree, ExpectedQuality, tree_inputs
from tests.bundles import classifier_contract, orchard_contract
from training.model.expected_quality import LEAF_ROWS, fit_bins, fit_error_tree, fit_expected_quality

Floats = NDArray[np.float64]


def noisy_rows(count: int, seed: int, spread: float = 1.0) -> tuple[Floats, Floats, Floats]:
    """Return rows, answers and truths: the errors grow with the third column, and the second has missing values."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, 3))
    rows[:, 2] *= spread
    rows[::7, 1] = np.nan
    return rows, rows[:, 0], rows[:, 0] + generator.normal(size=count) * (0.2 + np.abs(rows[:, 2]))


def classified_rows(count: int, seed: int, shift: float = 0.0) -> tuple[Floats, Floats]:
    """Return answers of shape (N, 3), whose probabilities are too sure, and the indices of the true classes."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(shift, 1.2, count)
    truth = (generator.random(count) < 1 / (1 + np.exp(-scores))).astype(np.float64)
    positive = 1 / (1 + np.exp(-2 * scores))
    return np.column_stack((positive >= 0.5, 1 - positive, positive)), truth


def test_a_tree_chooses_the_leaves_of_scikit_learn() -> None:
    """The leaves in NumPy are those of the fitted tree, with missing values too, and each has enough rows."""
    rows, answers, truth = noisy_rows(4000, 0)
    tree = fit_error_tree(rows, answers, truth)
    fitted = DecisionTreeRegressor(max_leaf_nodes=32, min_samples_leaf=LEAF_ROWS, random_state=0)
    fitted.fit(tree_inputs(rows, answers), np.abs(truth - answers))
    new_rows, new_answers, _ = noisy_rows(3000, 1)
    assert np.array_equal(tree.cells(new_rows, new_answers), fitted.apply(tree_inputs(new_rows, new_answers)))
    leaf_rows = [count for count, column in zip(tree.rows, tree.columns, strict=True) if column < 0]
    assert min(leaf_rows) >= LEAF_ROWS
    assert sum(leaf_rows) == 4000
    assert ErrorTree.model_validate_json(tree.model_dump_json()) == tree


def test_the_test_part_itself_has_its_own_error() -> None:
    """The estimate for the test part equals its MAE and RMSE."""
    rows, answers, truth = noisy_rows(4000, 0)
    tables = fit_expected_quality(orchard_contract(), rows, answers, truth)
    assert tables is not None
    figures = estimate(tables, count_cells(tables, rows, answers.reshape(-1, 1)), 0.95)
    assert figures["mae"].value == pytest.approx(np.abs(truth - answers).mean(), rel=1e-12)
    assert figures["rmse"].value == pytest.approx(np.sqrt(((truth - answers) ** 2).mean()), rel=1e-12)


def test_the_error_follows_the_rows() -> None:
    """If rows with large errors become frequent, the estimate rises with the true error, and mostly covers it."""
    tables = fit_expected_quality(orchard_contract(), *noisy_rows(4000, 0))
    assert tables is not None
    covered = 0
    for seed in range(40):
        spread = 0.3 if seed % 2 else 1.0
        rows, answers, truth = noisy_rows(1000, 100 + seed, spread)
        mae = estimate(tables, count_cells(tables, rows, answers.reshape(-1, 1)), 0.95)["mae"]
        actual = np.abs(truth - answers).mean()
        assert mae.value == pytest.approx(actual, rel=0.2)
        covered += mae.low <= actual <= mae.high
    assert covered >= 32


def test_the_classification_follows_the_rows() -> None:
    """Estimates of five metrics are near the truth without a shift and with one, although the probabilities are too sure."""
    tables = fit_expected_quality(
        classifier_contract(("calm", "frost")), np.zeros((5000, 1)), *classified_rows(5000, 0)
    )
    assert tables is not None
    for shift in (0.0, 0.8, -0.8):
        answers, truth = classified_rows(4000, 7, shift)
        figures = estimate(tables, count_cells(tables, np.zeros((4000, 1)), answers), 0.99)
        labels = answers[:, 0]
        actual = {
            "accuracy": accuracy_score(truth, labels),
            "f1": f1_score(truth, labels),
            "precision": precision_score(truth, labels),
            "recall": recall_score(truth, labels),
            "roc_auc": roc_auc_score(truth, answers[:, 2]),
        }
        assert figures.keys() == actual.keys()
        for name, value in actual.items():
            assert figures[name].value == pytest.approx(value, abs=0.03), (name, shift)


def test_shares_never_decrease() -> None:
    """Bins have ascending edges and shares, and their rows are those of the probabilities."""
    generator = np.random.default_rng(0)
    probabilities = generator.random(3000).round(2)
    bins = fit_bins(probabilities, generator.random(3000) < probabilities**2)
    assert list(bins.shares) == sorted(set(bins.shares))
    assert np.bincount(bins.cells(probabilities)).tolist() == list(bins.rows)
    assert len(fit_bins(np.full(500, 0.5), np.arange(500) % 2 == 0).rows) == 1


def test_few_rows_have_no_tables() -> None:
    """A small test part and a classification without probabilities have no tables; three classes have the accuracy."""
    rows, answers, truth = noisy_rows(90, 0)
    assert fit_expected_quality(orchard_contract(), rows, answers, truth) is None
    answers, truth = classified_rows(500, 0)
    contract = classifier_contract(("calm", "frost"))
    assert fit_expected_quality(contract, np.zeros((500, 1)), answers[:, 0], truth) is None
    three = np.column_stack((answers, np.zeros(500)))
    tables = fit_expected_quality(classifier_contract(("a", "b", "c")), np.zeros((500, 1)), three, truth)
    assert tables is not None
    assert tables.positive is None
    assert list(estimate(tables, count_cells(tables, np.zeros((500, 1)), three), 0.9)) == ["accuracy"]


def test_counts_add_up() -> None:
    """Counts of two workers are the counts of one; an answer that is not finite is not counted."""
    rows, answers, truth = noisy_rows(1000, 0)
    tables = fit_expected_quality(orchard_contract(), rows, answers, truth)
    assert isinstance(tables, ExpectedQuality)
    column = answers.reshape(-1, 1)
    summed_counts = count_cells(tables, rows[:300], column[:300]) + count_cells(tables, rows[300:], column[300:])
    assert np.array_equal(summed_counts, count_cells(tables, rows, column))
    column = column.copy()
    column[0] = np.inf
    assert count_cells(tables, rows, column).sum() == 999


def test_out_of_fold_answers_make_a_classification_more_certain() -> None:
    """More rows narrow the intervals, labels follow the decision threshold, and a regression does not use the rows."""
    contract = classifier_contract(("calm", "frost"))
    contract = contract.model_copy(update={"output": contract.output.model_copy(update={"threshold": 0.3})})

    def rows(count: int, seed: int, threshold: float) -> tuple[Floats, Floats]:
        answers, truth = classified_rows(count, seed)
        return np.column_stack((answers[:, 2] >= threshold, answers[:, 1:])), truth

    answers, truth = rows(1000, 0, 0.3)
    small = fit_expected_quality(contract, np.zeros((1000, 1)), answers, truth)
    large = fit_expected_quality(contract, np.zeros((1000, 1)), answers, truth, rows(9000, 1, 0.5))
    assert small is not None
    assert large is not None
    assert large.answered is not None
    assert sum(large.answered.rows) == 10_000
    new_answers, new_truth = rows(20_000, 2, 0.3)
    counted = [
        estimate(tables, count_cells(tables, np.zeros((20_000, 1)), new_answers), 0.95) for tables in (small, large)
    ]
    for name, actual in (
        ("accuracy", accuracy_score(new_truth, new_answers[:, 0])),
        ("f1", f1_score(new_truth, new_answers[:, 0])),
        ("roc_auc", roc_auc_score(new_truth, new_answers[:, 2])),
    ):
        widths = [figures[name].high - figures[name].low for figures in counted]
        assert widths[1] < 0.6 * widths[0]
        assert counted[1][name].low < actual < counted[1][name].high
    part, answers, truth = noisy_rows(500, 0)
    orchard = orchard_contract()
    assert fit_expected_quality(orchard, part, answers, truth, (answers, truth)) == fit_expected_quality(
        orchard, part, answers, truth
    )
