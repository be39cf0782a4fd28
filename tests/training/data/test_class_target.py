"""Validation and split of a classification: the target becomes class indices, and both parts get all classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.training.seedlings import seedling_config, seedling_frame
from training.data.split import SplitError, split
from training.data.synthetic import generate
from training.data.validation import DataError, validate


def raw(rows: int = 200) -> pd.DataFrame:
    """Return rows as in a file."""
    return generate(seedling_config().synthetic, rows=rows)


def test_valid_target_becomes_class_indices() -> None:
    """The target is float64 in the order of the config's classes; the other columns do not change."""
    frame = raw()
    clean = validate(frame, seedling_config())
    assert clean.columns[-1] == "fate"
    assert clean["fate"].dtype == np.float64
    np.testing.assert_array_equal(clean["fate"], (frame["fate"] == "dead").astype(np.float64))


def test_cells_of_no_class_are_named_with_the_classes() -> None:
    """Unknown and missing cells are counted and shown."""
    frame = raw()
    frame.loc[[3, 8], "fate"] = ["gone", None]
    with pytest.raises(DataError, match=r"fate: expected one of 'alive', 'dead'.*2 values are not: 'gone' in row 4"):
        validate(frame, seedling_config())


def test_class_without_a_row_is_a_fault() -> None:
    """A class without rows cannot be learned."""
    frame = raw().assign(fate="alive")
    with pytest.raises(DataError, match="fate: expected at least one row of the class 'dead'; there is none"):
        validate(frame, seedling_config())


def test_faults_of_features_and_target_are_in_one_error() -> None:
    """One run shows all faults, the target's last."""
    frame = raw()
    frame.loc[0, "height"] = -1.0
    frame.loc[1, "fate"] = "gone"
    with pytest.raises(DataError) as error:
        validate(frame, seedling_config())
    assert [fault.column for fault in error.value.faults] == ["height", "fate"]


def test_missing_target_column_is_named() -> None:
    """The message names the missing column, as for a number."""
    with pytest.raises(DataError, match="fate: expected a column of this name"):
        validate(raw().drop(columns="fate"), seedling_config())


def test_split_is_stratified_by_class() -> None:
    """Both parts have the same share of each class, within one row, without a key in the config."""
    frame = seedling_frame(203)
    parts = split(frame, seedling_config())
    shares = [part["fate"].mean() for part in (parts.train, parts.test)]
    assert shares[0] == pytest.approx(shares[1], abs=1 / len(parts.test))


def test_configured_strata_replace_the_classes() -> None:
    """Configured bins take precedence over the classes."""
    config = seedling_config(split={"test_size": 0.25, "seed": 7, "stratify": {"column": "height", "edges": [10]}})
    parts = split(seedling_frame(200), config)
    low = [(part["height"] <= 10).mean() for part in (parts.train, parts.test)]
    assert low[0] == pytest.approx(low[1], abs=1 / len(parts.test))


def test_class_with_a_single_row_cannot_be_split() -> None:
    """A single row cannot be in both parts."""
    frame = seedling_frame(100).assign(fate=np.r_[1.0, np.zeros(99)])
    with pytest.raises(SplitError, match="cannot be split"):
        split(frame, seedling_config())
