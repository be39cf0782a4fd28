"""The step in front of an adopted pipeline that takes texts alone: a frame of one column becomes its series.

scikit-learn's text vectorizers take a series or a list of texts; of a frame they would read the column names.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class TextColumn(TransformerMixin, BaseEstimator):
    """Hands the one column of a frame on as a series."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remember the name of the column; nothing else is learned.

        Raises:
            ValueError: the frame does not have exactly one column.
        """
        if X.shape[1] != 1:
            raise ValueError(f"expected a frame of one column of texts, got {X.shape[1]} columns: {list(X.columns)}")
        self.feature_names_in_ = np.array([str(X.columns[0])], dtype=object)
        self.n_features_in_ = 1
        return self

    def transform(self, X: pd.DataFrame) -> pd.Series[Any]:
        """Return the column.

        Raises:
            NotFittedError: ``fit`` was not called.
        """
        check_is_fitted(self)
        column: pd.Series[Any] = X[self.feature_names_in_[0]]
        return column

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the name of the column."""
        check_is_fitted(self)
        names: NDArray[np.object_] = self.feature_names_in_
        return names
