"""A frame of one column becomes its series, as text vectorizers take it."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from tabento.transformers.text_column import TextColumn

FRAME = pd.DataFrame({"review": ["a", "b"]})


def test_the_column_is_selected_by_name() -> None:
    """The column is selected by its name, regardless of the other columns."""
    step = TextColumn().fit(FRAME)
    assert step.transform(FRAME.assign(other=1)).tolist() == ["a", "b"]
    assert step.get_feature_names_out().tolist() == ["review"]
    assert (step.n_features_in_, step.feature_names_in_.tolist()) == (1, ["review"])


def test_several_columns_are_refused() -> None:
    """Several columns are refused, because the transformer cannot determine the column with the texts."""
    with pytest.raises(ValueError, match="got 2 columns"):
        TextColumn().fit(FRAME.assign(other=1))


def test_an_unfitted_step_is_refused() -> None:
    """As scikit-learn refuses it."""
    with pytest.raises(NotFittedError):
        TextColumn().transform(FRAME)
