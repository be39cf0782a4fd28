"""Fitting the tables of ``tabento.bundle.expected_quality`` on rows that the pipeline which answers them has not seen.

These are the test part and, for a classification with prediction sets, the training part with its out-of-fold answers. The share of
true rows at a probability is nearly the same for the pipelines of the folds and the final one, so more rows make better
tables. The errors of a regression are larger in the folds, whose pipelines have fewer rows. Its tree is therefore made from the
test part alone.

The tables describe the errors of the finished model. They change neither the model nor its answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeRegressor

from tabento.bundle.contract import Contract
from tabento.bundle.expected_quality import ErrorTree, ExpectedQuality, ProbabilityBins, tree_inputs

Floats = NDArray[np.float64]

LEAVES = 32
LEAF_ROWS = 50
"""The smallest number of rows of a leaf or a bin."""
BINS = 50
SMALLEST_TEST_PART = 2 * LEAF_ROWS
"""The smallest number of rows from which tables are made."""


def fit_expected_quality(
    contract: Contract,
    rows: Floats,
    answers: Floats,
    truth: Floats,
    out_of_fold: tuple[Floats, Floats] | None = None,
) -> ExpectedQuality | None:
    """Return the tables; None if the test part is too small, or the answers have no probabilities.

    Args:
        contract: the model's contract.
        rows: packed rows of the test part, shape (N, F).
        answers: the model's answers, shape (N,) or (N, 1 + C).
        truth: the true values, or the indices of the true classes, shape (N,).
        out_of_fold: the out-of-fold answers to the training part, of shape (M,) or (M, 1 + C), and its true values.
    """
    if contract.output.targets is not None or len(rows) < SMALLEST_TEST_PART or not np.isfinite(answers).all():
        return None
    if contract.texts:
        rows = rows.copy()
        rows[:, list(contract.texts)] = 0.0  # the monitor sees no text
    if contract.output.classes is None:
        return ExpectedQuality(error=fit_error_tree(rows, answers.reshape(-1), truth))
    if answers.ndim == 1 or answers.shape[1] < 3:
        return None
    if out_of_fold is not None and np.isfinite(out_of_fold[0]).all():
        answers = np.concatenate((answers, _with_threshold(contract, out_of_fold[0])))
        truth = np.concatenate((truth, out_of_fold[1]))
    labels = answers[:, 0].astype(np.intp)
    hits = labels == truth
    own = answers[np.arange(len(answers)), 1 + labels]
    if answers.shape[1] > 3:
        return ExpectedQuality(answered=fit_bins(own, hits))
    positive = fit_bins(answers[:, 2], truth == 1)
    loss = 0.0
    if len(np.unique(truth)) == 2:
        shares = np.array(positive.shares)[positive.cells(answers[:, 2])]
        loss = float(roc_auc_score(truth, answers[:, 2]) - roc_auc_score(truth, shares))
    return ExpectedQuality(answered=fit_bins(own, hits), positive=positive, auc_loss=loss)


def _with_threshold(contract: Contract, answers: Floats) -> Floats:
    """Return answers whose labels are those of the contract's decision threshold."""
    threshold = contract.output.threshold
    if threshold is None:
        return answers
    return np.column_stack((answers[:, 2] >= threshold, answers[:, 1:]))


def fit_error_tree(rows: Floats, answers: Floats, truth: Floats) -> ErrorTree:
    """Fit a small tree on the absolute errors; its leaves have the moments of the absolute and the squared errors."""
    inputs = tree_inputs(rows, answers)
    errors = np.abs(truth - answers)
    smallest = max(LEAF_ROWS, len(rows) // 100)
    fitted = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=smallest, random_state=0).fit(inputs, errors)
    tree = fitted.tree_
    members = fitted.decision_path(inputs).toarray().astype(bool)
    absolute = [errors[members[:, node]] for node in range(tree.node_count)]
    squared = [values * values for values in absolute]
    is_leaf = tree.children_left < 0
    # Depth-first construction lists children after their parent; a best-first tree does so as well.
    return ErrorTree(
        columns=tuple(np.where(is_leaf, -1, tree.feature).tolist()),
        thresholds=tuple(np.where(is_leaf, 0.0, tree.threshold).tolist()),
        missing_left=tuple(bool(value) for value in tree.missing_go_to_left),
        left=tuple(tree.children_left.tolist()),
        right=tuple(tree.children_right.tolist()),
        rows=tuple(len(values) for values in absolute),
        absolute=tuple(float(values.mean()) for values in absolute),
        absolute_std=tuple(float(values.std()) for values in absolute),
        squared=tuple(float(values.mean()) for values in squared),
        squared_std=tuple(float(values.std()) for values in squared),
    )


def fit_bins(probabilities: Floats, hits: NDArray[np.bool_]) -> ProbabilityBins:
    """Return bins with equally many rows whose shares never decrease: neighbours that would decrease are one bin.

    Merging neighbours is isotonic regression by pooling (M. Ayer and others, An empirical distribution function, 1955).
    """
    count = int(np.clip(len(probabilities) // LEAF_ROWS, 1, BINS))
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, count + 1)[1:-1], method="higher"))
    cells = np.searchsorted(edges, probabilities, side="right")
    pools: list[tuple[float, int, int]] = []  # lower edge, hits, rows
    for cell in range(len(edges) + 1):
        mask = cells == cell
        if not mask.any():
            continue
        lower = -np.inf if cell == 0 or not pools else float(edges[cell - 1])
        pools.append((lower, int(hits[mask].sum()), int(mask.sum())))
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            _, later_hits, later_rows = pools.pop()
            lower, earlier_hits, earlier_rows = pools.pop()
            pools.append((lower, earlier_hits + later_hits, earlier_rows + later_rows))
    return ProbabilityBins(
        edges=tuple(lower for lower, _, _ in pools[1:]),
        rows=tuple(rows for _, _, rows in pools),
        shares=tuple(pool_hits / rows for _, pool_hits, rows in pools),
    )
