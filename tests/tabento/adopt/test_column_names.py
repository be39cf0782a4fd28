"""Where the names of a pipeline's columns come from."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.adopt.column_names import column_names, keeps_column_names
from tabento.adopt.errors import AdoptionError
from tests.tabento.adopt.makers import stones

FRAME = stones(30)
ROWS, KINDS = FRAME[["mass", "density"]], FRAME["kind"]


class Nameless(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A step of somebody's own that keeps nothing of the columns' names."""

    def fit(self, X: Any, y: Any = None) -> Nameless:
        """Learn nothing."""
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        """Leave all as it is."""
        return X


def test_names_of_the_training_data_win() -> None:
    """Whatever the sample's header says."""
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(ROWS, KINDS)
    assert keeps_column_names(pipeline)
    assert column_names(pipeline, None) == column_names(pipeline, ["a", "b", "c"]) == ("mass", "density")


def test_array_is_told() -> None:
    """A step of scikit-learn without names was fitted on an array, or on names that are not text."""
    for rows in (ROWS.to_numpy(), ROWS.set_axis([0, 1], axis=1)):
        pipeline = make_pipeline(StandardScaler(), Ridge()).fit(rows, KINDS)
        assert not keeps_column_names(pipeline)
        with pytest.raises(AdoptionError, match=r"an array, or on a DataFrame whose.*--columns-from-sample"):
            column_names(pipeline, None)
        assert column_names(pipeline, ["a", "b"]) == ("a", "b")


def test_own_step_without_names_is_named() -> None:
    """The error names a step that was fitted on a DataFrame and lost the names, and the way to keep them."""
    pipeline = make_pipeline(Nameless(), Ridge()).fit(ROWS, KINDS)
    with pytest.raises(AdoptionError) as error:
        column_names(pipeline, None)
    message = str(error.value)
    assert "its first step 'nameless', a tests.tabento.adopt.test_column_names.Nameless" in message
    assert "self.feature_names_in_ = frame.columns.to_numpy()" in message
    assert "array on" not in message
    assert column_names(pipeline, ["mass", "density"]) == ("mass", "density")


def test_header_has_as_many_columns_as_the_array() -> None:
    """Else nobody can tell which column is which."""
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(ROWS.to_numpy(), KINDS)
    with pytest.raises(AdoptionError, match=r"takes 2 columns, and the sample has 3.*'a', 'b', 'c'"):
        column_names(pipeline, ["a", "b", "c"])


def test_names_that_are_given_fit_the_pipeline() -> None:
    """As many names as columns, each once."""
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(ROWS.to_numpy(), KINDS)
    assert column_names(pipeline, ["density", "mass"], by_name=True) == ("density", "mass")
    with pytest.raises(AdoptionError, match=r"--columns: the pipeline takes 2 columns, and 1 names were given: 'mass'"):
        column_names(pipeline, ["mass"], by_name=True)
    with pytest.raises(AdoptionError, match=r"--columns: a name is given twice"):
        column_names(pipeline, ["mass", "mass"], by_name=True)


def test_dictionaries_are_told() -> None:
    """A DictVectorizer takes no table, whatever the columns are called; the message says what does the same."""
    pipeline = make_pipeline(DictVectorizer(), Ridge()).fit([{"a": 1.0}, {"a": 2.0}], [1.0, 2.0])
    with pytest.raises(AdoptionError, match=r"'dictvectorizer' is a DictVectorizer.*OneHotEncoder"):
        column_names(pipeline, None)
