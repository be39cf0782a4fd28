"""Samples: expensive computations use rows that are sampled at random, the same rows in every run."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sample_rows(frame: pd.DataFrame, rows_max: int, seed: int) -> pd.DataFrame:
    """Return at most ``rows_max`` rows of a frame, sampled without replacement, in the frame's order.

    Args:
        frame: N rows.
        rows_max: the largest number of rows; a frame with at most this number of rows is returned itself.
        seed: the seed of the sample.

    Raises:
        ValueError: ``rows_max`` is not positive.
    """
    if rows_max < 1:
        raise ValueError(f"rows_max: expected at least 1, got {rows_max}")
    if len(frame) <= rows_max:
        return frame
    indices = np.random.default_rng(seed).choice(len(frame), rows_max, replace=False)
    return frame.iloc[np.sort(indices)]
