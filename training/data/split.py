"""The split: a test part is held out before anything is fitted; the split is refused if its missing values are uneven.

The input is the validated frame of ``validation``. Every later fit sees the training part only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import fisher_exact
from sklearn.model_selection import train_test_split

from tabento.bundle.numbers import number_text
from tabento.tables.faults import SplitError
from training.config import ModelConfig, Stratify
from training.data.resolve import with_categories

__all__ = ["Parts", "SplitError", "split", "strata_of"]


@dataclass(frozen=True)
class Parts:
    """The two parts of a data set; together they contain all of its rows, with their original index."""

    train: pd.DataFrame
    test: pd.DataFrame
    config: ModelConfig
    """The config with all values that it takes from the data."""


def split(frame: pd.DataFrame, config: ModelConfig) -> Parts:
    """Split a validated data set according to ``config.split``: shuffled, seeded, and stratified if it is configured.

    A classification is stratified by its classes if the config names no other column.

    Raises:
        DataError: an open column has no usable categories in the training part.
        SplitError: a stratum has fewer than two rows, a part is too small for all strata, or the shares of missing values
            of a column differ between the two parts by more than chance explains.
    """
    strata = None
    if config.split.stratify is not None:
        strata = strata_of(frame[config.split.stratify.column].to_numpy(dtype=np.float64), config.split.stratify)
        _refuse_single_rows(strata, config.split.stratify)
    elif config.target.classes is not None:
        strata = frame[config.target.name].to_numpy(dtype=np.int64)
    try:
        train, test = train_test_split(
            frame, test_size=config.split.test_size, random_state=config.split.seed, stratify=strata
        )
    except ValueError as error:
        raise SplitError(
            f"{len(frame):,} rows cannot be split with test_size {config.split.test_size}: {error}"
            " Change split.test_size, or merge edges of split.stratify in the config."
        ) from error
    _check_null_rates(train, test, config)
    return Parts(train, test, with_categories(config, train))


def strata_of(values: NDArray[np.float64], stratify: Stratify) -> NDArray[np.int64]:
    """Return each row's bin, shape (N,), as ``pandas.cut`` from minus to plus infinity does; missing values are a bin."""
    edges = np.asarray(stratify.edges, dtype=np.float64)
    bins = np.searchsorted(edges, values, side="left").astype(np.int64)
    bins[np.isnan(values)] = len(edges) + 1
    return bins


def _refuse_single_rows(bins: NDArray[np.int64], stratify: Stratify) -> None:
    """Refuse a bin with a single row, which cannot be in both parts.

    Raises:
        SplitError: such a bin exists.
    """
    for index, count in zip(*np.unique(bins, return_counts=True), strict=True):
        if count < 2:
            raise SplitError(
                f"split.stratify: expected at least 2 rows in every bin of {stratify.column!r}, got {count} with"
                f" {_bin_text(int(index), stratify)}. Merge it with a neighbour: change `edges` in the config."
            )


def _bin_text(index: int, stratify: Stratify) -> str:
    edges = stratify.edges
    if index > len(edges):
        return "a missing value"
    low = f"{number_text(edges[index - 1])} < " if index > 0 else ""
    high = f" <= {number_text(edges[index])}" if index < len(edges) else ""
    return f"{low}{stratify.column}{high}"


def _check_null_rates(train: pd.DataFrame, test: pd.DataFrame, config: ModelConfig) -> None:
    """Refuse a split whose parts differ in the share of missing values by more than chance explains.

    Two-sided Fisher exact test (R. A. Fisher, 1922) per column on the counts missing and present, in training and test,
    with the limit divided by the number of columns (Bonferroni). An unlucky seed can put every missing value into one
    part; then the imputation is never fitted or never tested, and no metric shows it.
    """
    limit = config.split.null_rate_p_value / train.shape[1]
    faults = []
    for column in train.columns:
        missing = [int(part[column].isna().sum()) for part in (train, test)]
        present = [len(train) - missing[0], len(test) - missing[1]]
        if not any(missing) or not any(present):
            continue
        p_value = float(fisher_exact([missing, present]).pvalue)
        if p_value < limit:
            faults.append(
                f"  {column}: missing in {missing[0] / len(train):.3%} of {len(train):,} training rows and in"
                f" {missing[1] / len(test):.3%} of {len(test):,} test rows (p = {p_value:.2g}, limit {number_text(limit)})"
            )
    if faults:
        raise SplitError(
            "the split is poisoned: missing values fall unevenly into its two parts, beyond chance:\n"
            + "\n".join(faults)
            + "\nStratify by a column (split.stratify in the config), or take another split.seed."
        )
