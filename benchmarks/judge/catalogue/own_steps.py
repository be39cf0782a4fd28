"""Steps that users write themselves, as in notebooks: small transformer classes and functions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class FamilyFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Adds the size of the family, and whether a passenger travels alone."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Store the names."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with two further columns."""
        result = X.copy()
        result["Family"] = result["SibSp"] + result["Parch"] + 1
        result["Alone"] = (result["Family"] == 1).astype(int)
        return result


class Winsorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clips each column to quantiles that it learned."""

    def __init__(self, lower: float = 0.01, upper: float = 0.99) -> None:
        self.lower = lower
        self.upper = upper

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn the quantiles."""
        values = np.asarray(X, dtype=float)
        self.low_ = np.nanquantile(values, self.lower, axis=0)
        self.high_ = np.nanquantile(values, self.upper, axis=0)
        self.n_features_in_ = values.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the clipped values."""
        return np.asarray(np.clip(np.asarray(X, dtype=float), self.low_, self.high_))


class ColumnSelector(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Selects columns by name, as users wrote before ColumnTransformer existed and still write."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Store the names."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns."""
        return X[self.columns]


class GroupMedian(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fills a column with the median of its group."""

    def __init__(self, group: str, column: str) -> None:
        self.group = group
        self.column = column

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn the medians."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.medians_ = X.groupby(self.group)[self.column].median()
        self.median_ = float(X[self.column].median())
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the frame without missing values in the column."""
        result = X.copy()
        filled = result[self.column].fillna(result[self.group].map(self.medians_)).fillna(self.median_)
        return result.assign(**{self.column: filled})


class ZeroAsMissing(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Treats 0 as missing in some columns, as notebooks on diabetes do."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Store the names."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with NaN in place of 0."""
        result = X.astype(float)
        result[self.columns] = result[self.columns].replace(0.0, np.nan)
        return result


def area_features(X: pd.DataFrame) -> pd.DataFrame:
    """Return areas with their sum and the age of the house."""
    result = X.copy()
    result["TotalSF"] = result["GrLivArea"] + result["TotalBsmtSF"]
    result["Age"] = 2010 - result["YearBuilt"]
    return result


def hour_on_a_circle(X: pd.DataFrame) -> np.ndarray:
    """Return sine and cosine of an hour."""
    values = np.asarray(X, dtype=float)
    return np.hstack([np.sin(2 * np.pi * values / 24), np.cos(2 * np.pi * values / 24)])


def scaled_sine(X: Any, period: float = 24) -> Any:
    """Return the sine of a value on a period, as scikit-learn's example on cyclic features writes it."""
    return np.sin(X / period * 2 * np.pi)


def zero_to_nan(X: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with NaN in place of 0."""
    return X.replace(0, np.nan)


def ratio_to_income(X: pd.DataFrame) -> np.ndarray:
    """Return the first column divided by the second."""
    values = np.asarray(X, dtype=float)
    return np.asarray(values[:, [0]] / (values[:, [1]] + 1))


def as_text(X: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as text."""
    return X.astype(str)


def first_column(X: pd.DataFrame) -> pd.Series:
    """Return the only column, as text vectorizers need it."""
    return X.iloc[:, 0]


def to_records(X: pd.DataFrame) -> list[Any]:
    """Return rows as dictionaries, for DictVectorizer."""
    return X.to_dict(orient="records")


def date_columns(X: pd.DataFrame) -> pd.DataFrame:
    """Return hour, weekday, month and year of a column of dates."""
    times = pd.to_datetime(X.iloc[:, 0], utc=True)
    return pd.DataFrame(
        {"hour": times.dt.hour, "weekday": times.dt.weekday, "month": times.dt.month, "year": times.dt.year}
    )
