"""Ratios: one column over another, as a step of the pipeline behind imputation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class Ratios(TransformerMixin, BaseEstimator):
    """Divide columns by columns, in double.

    A denominator of zero (of either sign) gives NaN, not infinity: "there is no such ratio" is then a missing value,
    which gradient boosting splits on natively and other estimators can impute. NaN in either column gives NaN.

    Args:
        pairs: positions of numerator and denominator, one pair per ratio.
        names: names of the ratios, one per pair; by default ``<numerator>_per_<denominator>``.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]] = ((0, 0),), names: Sequence[str] | None = None) -> None:
        self.pairs = pairs
        self.names = names

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the pairs against the columns; nothing is learned.

        Args:
            X: numbers of shape (N, F); NaN is taken.
            y: ignored.

        Raises:
            ValueError: a pair points outside the columns, or there is not one name per pair.
        """
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64, ensure_all_finite=False)
        for pair in self.pairs:
            if len(pair) != 2 or not all(0 <= position < values.shape[1] for position in pair):
                raise ValueError(
                    f"pairs: expected two positions from 0 to {values.shape[1] - 1}, got {tuple(pair)}: count columns from 0"
                )
        if self.names is not None and len(self.names) != len(self.pairs):
            raise ValueError(f"names: expected one per pair, got {len(self.names)} for {len(self.pairs)} pairs")
        self.numerators_ = np.array([pair[0] for pair in self.pairs], dtype=np.intp)
        self.denominators_ = np.array([pair[1] for pair in self.pairs], dtype=np.intp)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the ratios, float64 of shape (N, pairs)."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64, ensure_all_finite=False, reset=False)
        denominators = values[:, self.denominators_]
        with np.errstate(all="ignore"):
            ratios = values[:, self.numerators_] / denominators
        return np.where(denominators == 0.0, np.nan, ratios)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Return the names of the ratios, object of shape (pairs,)."""
        check_is_fitted(self)
        if self.names is not None:
            return np.array(list(self.names), dtype=object)
        input_names = input_features if input_features is not None else getattr(self, "feature_names_in_", None)
        columns = (
            list(input_names)
            if input_names is not None
            else [f"x{position}" for position in range(self.n_features_in_)]
        )
        pairs = zip(self.numerators_, self.denominators_, strict=True)
        return np.array([f"{columns[top]}_per_{columns[bottom]}" for top, bottom in pairs], dtype=object)

    def __sklearn_tags__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - scikit-learn has no types
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
