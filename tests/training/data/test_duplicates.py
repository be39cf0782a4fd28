"""Rows in both parts of a split are counted, and reported if there are too many."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.seedlings import seedling_config, seedling_frame
from training.data.duplicates import report_shared_rows, rows_in_both

FRAME = seedling_frame(100)
TRAIN, TEST = FRAME.head(80), FRAME.tail(20)


def test_rows_in_both_parts_are_counted() -> None:
    """Each test row that equals a training row is counted, missing values included; equal rows within a part are not."""
    assert rows_in_both(TRAIN, TEST) == 0
    assert rows_in_both(TRAIN, TRAIN.iloc[[3, 3, 7]]) == 3
    assert rows_in_both(TRAIN.iloc[[1, 1]], TEST.iloc[[0, 0]]) == 0
    missing = TRAIN.assign(leaves=np.nan)
    assert rows_in_both(missing, missing.head(5)) == 5


@pytest.mark.parametrize(
    ("duplicates", "count", "is_reported"),
    [("keep", 1, False), ("keep", 19, True), ("drop", 1, True), ("drop", 0, False)],
)
def test_few_shared_rows_are_reported_only_after_duplicates_were_dropped(
    duplicates: str, count: int, is_reported: bool
) -> None:
    """After dropping none is expected; otherwise a few different cases can be equal in all columns."""
    warning = np.r_[np.arange(count), np.arange(80, 100)]
    message = report_shared_rows(TRAIN, FRAME.loc[warning], seedling_config(duplicates=duplicates))
    assert (message is not None) is is_reported
    if message is not None:
        assert f"seedling: {count} of {count + 20} test rows equal a training row" in message
