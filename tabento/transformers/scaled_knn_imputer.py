"""Imputation by neighbours on columns of one scale, with the answer in each column's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import KNNImputer
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data


class ScaledKNNImputer(TransformerMixin, BaseEstimator):
    """The mean of the nearest rows, nearness measured on standardised columns.

    Distances between rows add squared differences of all columns, so without scaling the column with the largest numbers
    alone decides who is near (Troyanskaya et al., Missing value estimation methods for DNA microarrays, 2001, for the
    method). A value that is there is passed on as it is, not scaled and back, so that no last bit of it changes.

    Args:
        n_neighbors: of how many rows the mean is taken, each counting the same.
    """

    def __init__(self, n_neighbors: int = 5) -> None:
        self.n_neighbors = n_neighbors

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn mean and standard deviation of each column, and keep the rows.

        Args:
            X: numbers of shape (N, F), NaN where missing; each column has a value somewhere.
            y: ignored.

        Raises:
            ValueError: a column has no value at all, or a number is infinite.
        """
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        empty = np.flatnonzero(np.isnan(values).all(axis=0))
        if empty.size:
            raise ValueError(f"expected a value in every column, got none in column {empty[0]}: leave it out")
        self.scaler_ = StandardScaler().fit(values)
        self.imputer_ = KNNImputer(n_neighbors=self.n_neighbors).fit(self.scaler_.transform(values))
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the columns without NaN, float64 of shape (N, F)."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        imputed = self.imputer_.transform(self.scaler_.transform(values)) * self.scaler_.scale_ + self.scaler_.mean_
        return np.where(np.isnan(values), imputed, values)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Return the names of the columns, which stay as they are; object of shape (F,)."""
        check_is_fitted(self)
        input_names = input_features if input_features is not None else getattr(self, "feature_names_in_", None)
        columns = (
            list(input_names)
            if input_names is not None
            else [f"x{position}" for position in range(self.n_features_in_)]
        )
        return np.array(columns, dtype=object)

    def __sklearn_tags__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - scikit-learn has no types
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
