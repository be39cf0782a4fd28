"""Columns of pandas' category type: between the service's text and a model that LightGBM or XGBoost fitted on such columns.

Both libraries keep the categories of the training frame and compare their indices. A request has text; this step converts it
to the column that the model was fitted on. A value outside the categories becomes missing, as in both libraries and in pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class CategoryColumns(TransformerMixin, BaseEstimator):
    """Converts some columns of text to dtype ``category``; the other columns do not change.

    Args:
        categories: by column, the categories of the training frame in their order: texts, or numbers that requests
            have as text.
    """

    def __init__(self, categories: Mapping[str, Sequence[Any]] | None = None) -> None:
        self.categories = categories

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Store the columns of a frame; no other values are learned.

        Raises:
            ValueError: a column of ``categories`` is missing.
        """
        names = [str(name) for name in X.columns]
        unknown = [name for name in self.categories or {} if name not in names]
        if unknown:
            raise ValueError(f"expected a column for each of {list(self.categories or {})}, got none for {unknown}")
        self.feature_names_in_ = X.columns.to_numpy(dtype=object)
        self.n_features_in_ = len(names)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with those columns as categories; the frame itself does not change.

        Raises:
            NotFittedError: ``fit`` was not called.
        """
        check_is_fitted(self)
        return X.assign(
            **{name: as_category(X[name], categories) for name, categories in (self.categories or {}).items()}
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns, which do not change."""
        check_is_fitted(self)
        names: NDArray[Any] = self.feature_names_in_
        return names


def as_category(column: pd.Series[Any], categories: Sequence[Any]) -> pd.Series[Any]:
    """Return a column of text as one of dtype ``category``; values outside the categories become missing."""
    indices = {str(value): index for index, value in enumerate(categories)}
    codes = [-1 if pd.isna(value) else indices.get(str(value), -1) for value in column.to_numpy(dtype=object)]
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(list(categories))), index=column.index)
