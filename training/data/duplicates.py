"""Rows that repeat an earlier row: counted, dropped if the config requires it, and searched for across the split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tabento.tables.cells import repeated_rows
from tabento.tables.faults import EXAMPLES_LIMIT, DataError, Fault
from training.config import ModelConfig

ROWS_MIN = 50
"""Fewer rows leave a test part on which no metric is meaningful."""
SEEN_SHARE_MIN = 0.05
"""The share of test rows with an equal training row from which a warning is given."""


def without_duplicates(
    values: pd.DataFrame, raw: pd.DataFrame, config: ModelConfig, warn: Callable[[str], None]
) -> pd.DataFrame:
    """Count the rows that repeat an earlier row, and drop them if the config requires it.

    Args:
        values: N validated rows.
        raw: the same rows as they were read, with all columns of the file.
        config: decides whether they stay or are dropped; a config that refuses them does not get here.
        warn: called with one message if there are any.

    Returns:
        The remaining rows, index 0 … N-1.

    Raises:
        DataError: fewer than ``ROWS_MIN`` rows remain.
    """
    repeated = repeated_rows(raw)
    count = int(repeated.sum())
    if not count:
        return values
    rows = np.flatnonzero(repeated)[:EXAMPLES_LIMIT] + 1
    numbers = ", ".join(f"{row:,}" for row in rows) + (f" and {count - len(rows):,} more" if count > len(rows) else "")
    finding = (
        f"{config.name}: {count:,} of {len(raw):,} rows {'equals' if count == 1 else 'equal'} an earlier row in every"
        f" column (row {numbers}, counted from 1 below the header)"
    )
    if config.duplicates == "drop":
        remaining = values[~repeated].reset_index(drop=True)
        if len(remaining) < ROWS_MIN:
            fault = Fault(None, f"at least {ROWS_MIN} rows without duplicates", 1, f"there are {len(remaining):,}")
            raise DataError(
                f"{config.name}: the data has too few rows: {fault}. Give more rows, or say `duplicates: keep`.",
                [fault],
            )
        warn(f"{finding}. They are dropped, because the config says `duplicates: drop`.")
        return remaining
    warn(
        f"{finding}. They stay, so that a row can be in both the training part and the test part. If they are mistakes,"
        " add `duplicates: drop` to the config; if the data must not contain any, `duplicates: refuse`."
    )
    return values


def report_shared_rows(train: pd.DataFrame, test: pd.DataFrame, config: ModelConfig) -> str | None:
    """Return a warning if too many rows of the test part also occur in the training part, else None.

    After duplicates were dropped, one such row is enough for a warning: it differs only in a column that the model does not
    see. Otherwise a few are expected, because two different cases can be equal in all columns of a table.
    """
    count = rows_in_both(train, test)
    if not count or (config.duplicates != "drop" and count < SEEN_SHARE_MIN * len(test)):
        return None
    return (
        f"{config.name}: {count:,} of {len(test):,} test rows equal a training row in every feature and in the target."
        " They make the metrics on the test part better than on new rows. If they have one source, such as a row that was"
        " exported twice with another identifier, remove them from the data."
    )


def rows_in_both(train: pd.DataFrame, test: pd.DataFrame) -> int:
    """Count the test rows that equal a training row in every feature and in the target; both are validated."""
    hashes = [pd.util.hash_pandas_object(part, index=False).to_numpy() for part in (train, test)]
    return int(np.isin(hashes[1], hashes[0]).sum())
