"""Imputation by neighbours on one scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.impute import KNNImputer
from sklearn.utils.estimator_checks import parametrize_with_checks

from tabento.transformers.scaled_knn_imputer import ScaledKNNImputer


@parametrize_with_checks([ScaledKNNImputer()])  # type: ignore[untyped-decorator]
def test_it_is_a_scikit_learn_transformer(estimator: Any, check: Any) -> None:
    """Scikit-learn's own checks of a transformer pass."""
    check(estimator)


def rows() -> NDArray[np.float64]:
    """Return two related columns on very different scales, and an unrelated column of large numbers."""
    generator = np.random.default_rng(8)
    base = generator.normal(size=300)
    columns: NDArray[np.float64] = np.c_[
        base, base / 1000 + generator.normal(0, 1e-5, 300), generator.normal(0, 1e6, 300)
    ]
    return columns


def test_large_numbers_do_not_dominate_the_distances() -> None:
    """The imputed values are much closer to the hidden ones than with raw columns, in their own unit."""
    full = rows()
    holes = full.copy()
    holes[:60, 1] = np.nan
    errors = [
        np.abs(imputer.fit(holes).transform(holes)[:60, 1] - full[:60, 1]).mean()
        for imputer in (ScaledKNNImputer(), KNNImputer())
    ]
    assert errors[0] < errors[1] / 2


def test_present_values_keep_their_bits() -> None:
    """Present values are not scaled and scaled back."""
    holes = rows()
    holes[::3, 0] = np.nan
    imputed = ScaledKNNImputer().fit_transform(holes)
    np.testing.assert_array_equal(imputed[~np.isnan(holes)], holes[~np.isnan(holes)])
    assert not np.isnan(imputed).any()


def test_column_without_a_value_is_refused() -> None:
    """The error names the column, which has neither mean nor scale."""
    with pytest.raises(ValueError, match="got none in column 1"):
        ScaledKNNImputer().fit([[1.0, np.nan], [2.0, np.nan]])


def test_names_of_the_columns_stay() -> None:
    """With and without names."""
    fitted = ScaledKNNImputer().fit([[1.0, 2.0], [2.0, 3.0]])
    assert fitted.get_feature_names_out().tolist() == ["x0", "x1"]
    assert fitted.get_feature_names_out(["a", "b"]).tolist() == ["a", "b"]
