"""Missing text as pandas has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tabento.transformers.missing_text import MissingText

FRAME = pd.DataFrame(
    {"a": pd.Series(["x", None], dtype=object), "b": pd.Series([None, "y"], dtype=object), "n": [1.0, np.nan]}
)


def test_only_the_named_columns_change() -> None:
    """None becomes NaN there, and stays None elsewhere; the given frame is left alone."""
    changed = MissingText(["a"]).fit(FRAME).transform(FRAME)
    assert isinstance(changed["a"].iloc[1], float)
    assert changed["a"].iloc[0] == "x"
    assert changed["b"].iloc[0] is None
    assert FRAME["a"].iloc[1] is None
    assert changed["a"].dtype == object
    pd.testing.assert_series_equal(changed["n"], FRAME["n"])


def test_it_follows_the_conventions_of_transformers() -> None:
    """The transformer can be cloned, stores its columns and passes their names on."""
    step = clone(MissingText(["a"])).fit(FRAME)
    assert step.columns == ["a"]
    assert step.get_feature_names_out().tolist() == ["a", "b", "n"]
    assert (step.n_features_in_, step.feature_names_in_.tolist()) == (3, ["a", "b", "n"])


def test_unknown_column_is_told() -> None:
    """With the columns that there are."""
    with pytest.raises(ValueError, match=r"got none for \['z'\]"):
        MissingText(["z"]).fit(FRAME)


def test_it_has_to_be_fitted() -> None:
    """As any step."""
    with pytest.raises(NotFittedError):
        MissingText(["a"]).transform(FRAME)
