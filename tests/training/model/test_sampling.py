"""Samples of rows."""

from __future__ import annotations

import pandas as pd
import pytest

from training.model.sampling import sample_rows


def test_few_rows_are_returned_unchanged() -> None:
    """A frame that is small enough is returned as it is."""
    frame = pd.DataFrame({"a": range(5)})
    assert sample_rows(frame, 5, 1) is frame


def test_a_sample_is_seeded_in_order_and_without_repeats() -> None:
    """The same seed gives the same rows, each once, in the frame's order."""
    frame = pd.DataFrame({"a": range(1000)})
    sample = sample_rows(frame, 100, 3)["a"].tolist()
    assert sample == sample_rows(frame, 100, 3)["a"].tolist()
    assert sample == sorted(set(sample))
    assert len(sample) == 100
    assert sample != sample_rows(frame, 100, 4)["a"].tolist()


def test_an_empty_sample_is_refused() -> None:
    """A sample of no rows is refused."""
    with pytest.raises(ValueError, match="rows_max: expected at least 1, got 0"):
        sample_rows(pd.DataFrame({"a": [1]}), 0, 1)
