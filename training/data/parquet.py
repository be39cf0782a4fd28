"""Validated rows on disk: Parquet, read back as exactly the frame that was written.

Every stage reads its rows from the file, even if one process runs several stages, so that a fit does not depend on whether
``tabento train`` or ``dvc repro`` runs it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a validated frame with its index: float64 with NaN, object with str and None.

    Raises:
        OSError: the file cannot be written.
    """
    frame.to_parquet(path, engine="pyarrow", compression="zstd")


def read_table(path: Path) -> pd.DataFrame:
    """Read a file of ``write_table``: the same index, columns, types and values.

    Raises:
        OSError: the file cannot be read or is not Parquet.
    """
    frame = pd.read_parquet(path, engine="pyarrow")
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == np.float64:
            columns[name] = column
            continue
        # pandas 3 reads text as its own string type, whose missing value is NaN.
        texts = np.array(column, dtype=object)
        texts[column.isna().to_numpy()] = None
        columns[name] = pd.Series(texts, index=frame.index, dtype=object)
    return pd.DataFrame(columns, index=frame.index, columns=frame.columns)
