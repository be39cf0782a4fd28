"""Samples: what is costly is computed on rows drawn at random, the same rows in every run."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sample_rows(frame: pd.DataFrame, rows_max: int, seed: int) -> pd.DataFrame:
    """Return at most so many rows of a frame, drawn without replacement, in the frame's order.

    Args:
        frame: N rows.
        rows_max: the most rows to return; with no more than these the frame itself is returned.
        seed: of the draw.

    Raises:
        ValueError: ``rows_max`` is not positive.
    """
    if rows_max < 1:
        raise ValueError(f"rows_max: expected at least 1, got {rows_max}")
    if len(frame) <= rows_max:
        return frame
    places = np.random.default_rng(seed).choice(len(frame), rows_max, replace=False)
    return frame.iloc[np.sort(places)]
