"""Rows that repeat an earlier one: counted, dropped if the config says so, and looked for across the split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from training.config import ModelConfig
from training.data.cells import repeated_rows
from training.data.errors import EXAMPLES_LIMIT, DataError, Fault

ROWS_MIN = 50
"""Fewer rows than this leave a test part on which no metric means anything."""
SEEN_SHARE_MIN = 0.05
"""From this share of the test rows on, rows that were seen in training are worth a warning."""


def without_duplicates(
    values: pd.DataFrame, raw: pd.DataFrame, config: ModelConfig, warn: Callable[[str], None]
) -> pd.DataFrame:
    """Count the rows that repeat an earlier one, and drop them if the config says so.

    Args:
        values: N validated rows.
        raw: the same rows as they were read, with all columns of the file.
        config: says what happens to them; it does not refuse them.
        warn: called with one message if there are any.

    Returns:
        The rows that stay, index 0 … N-1.

    Raises:
        DataError: fewer than ``ROWS_MIN`` rows are left.
    """
    repeated = repeated_rows(raw)
    count = int(repeated.sum())
    if not count:
        return values
    rows = np.flatnonzero(repeated)[:EXAMPLES_LIMIT] + 1
    which = ", ".join(f"{row:,}" for row in rows) + (f" and {count - len(rows):,} more" if count > len(rows) else "")
    found = (
        f"{config.name}: {count:,} of {len(raw):,} rows {'equals' if count == 1 else 'equal'} an earlier row in every"
        f" column (row {which}, counted from 1 below the header)"
    )
    if config.duplicates == "drop":
        left = values[~repeated].reset_index(drop=True)
        if len(left) < ROWS_MIN:
            fault = Fault(None, f"at least {ROWS_MIN} rows without duplicates", 1, f"there are {len(left):,}")
            raise DataError(
                f"{config.name}: the data has too few rows: {fault}. Give more rows, or say `duplicates: keep`.",
                [fault],
            )
        warn(f"{found}. They are left out, because the config says `duplicates: drop`.")
        return left
    warn(
        f"{found}. They stay, and a row may be in the training part and in the test part at once. If they are mistakes,"
        " add `duplicates: drop` to the config; if they must not be there, `duplicates: refuse`."
    )
    return values


def told_of_rows_in_both(train: pd.DataFrame, test: pd.DataFrame, config: ModelConfig) -> str | None:
    """Return a warning if rows of the test part were seen in training, None if that is not worth a word.

    After duplicates were dropped every such row counts, since nobody expects any: it differs in a column that the model
    does not see. Else a few are no surprise, because people may well agree in all that a table has.
    """
    count = rows_in_both(train, test)
    if not count or (config.duplicates != "drop" and count < SEEN_SHARE_MIN * len(test)):
        return None
    return (
        f"{config.name}: {count:,} of {len(test):,} test rows equal a training row in every feature and in the target."
        " Figures on the test part look better by them than they are on new rows. If they come of one source, such as a"
        " row that was exported twice with another identifier, remove them from the data."
    )


def rows_in_both(train: pd.DataFrame, test: pd.DataFrame) -> int:
    """Count the test rows that equal a training row in every feature and in the target; both are validated."""
    hashes = [pd.util.hash_pandas_object(part, index=False).to_numpy() for part in (train, test)]
    return int(np.isin(hashes[1], hashes[0]).sum())
