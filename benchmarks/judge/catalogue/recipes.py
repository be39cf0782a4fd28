"""The first steps of many notebooks: an imputer and a scaler for numbers, an imputer and one-hot columns for texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from benchmarks.judge.catalogue.tables import table
from benchmarks.judge.entry import Data, Entry
from tabento.bundle.contract import Contract

FIT_ROWS = 700
TARGETS = {
    "titanic": ("Survived",),
    "house_prices": ("SalePrice",),
    "adult": ("income",),
    "credit": ("default",),
    "fraud": ("Class",),
    "telco": ("Churn",),
    "wine": ("quality", "good"),
    "insurance": ("charges",),
    "diabetes": ("Outcome",),
    "bike": ("cnt",),
    "heart": ("target",),
    "flowers": ("species", "kind"),
    "penguins": ("species",),
    "reviews": ("liked", "stars"),
}
"""The targets of each table; none of these columns is a feature."""
Prepare = Callable[[pd.DataFrame], pd.DataFrame]


def data_of(
    name: str,
    target: str | Sequence[str] | None,
    columns: Sequence[str] | None,
    prepare: Prepare | None,
    header: bool,
    labels: Callable[[Any], Any] | None,
    fit_rows: int,
) -> Data:
    """Return the rows of an entry: the first rows of a table for the fit, the other rows as the sample."""
    rows = table(name)
    selected = (
        list(columns) if columns is not None else [column for column in rows.columns if column not in TARGETS[name]]
    )
    features = rows[selected]
    fit = features.iloc[:fit_rows].copy()
    fit = fit if prepare is None else prepare(fit)
    y_true: Any = None
    if target is not None:
        y_true = rows[target if isinstance(target, str) else list(target)].iloc[:fit_rows]
        y_true = y_true if labels is None else labels(y_true)
    return Data(fit, y_true, features.iloc[FIT_ROWS:].reset_index(drop=True), header)


def entry(
    name: str,
    words: str,
    build: Callable[[], Any],
    *,
    target: str | Sequence[str] | None = "",
    columns: Sequence[str] | None = None,
    prepare: Prepare | None = None,
    header: bool = True,
    labels: Callable[[Any], Any] | None = None,
    needs: tuple[str, ...] = (),
    edit: Callable[[Contract], Contract] | None = None,
    missing_text: float | None = np.nan,
    fit_rows: int = FIT_ROWS,
) -> Entry:
    """Return an entry on a table; without a target, the table's first target is used."""
    target_columns = TARGETS[name][0] if target == "" else target
    data = partial(data_of, name, target_columns, columns, prepare, header, labels, fit_rows)
    return Entry(f"{name}: {words}", name, build, data, needs=needs, missing_text=missing_text, edit=edit)


def numbers_and_texts(
    numbers: Any = None, texts: Any = None, *, number_columns: Any = None, text_columns: Any = None, **options: Any
) -> ColumnTransformer:
    """Return the usual ColumnTransformer: the usual steps for columns selected by type."""
    return ColumnTransformer(
        [
            (
                "num",
                usual_numbers() if numbers is None else numbers,
                number_columns or make_column_selector(dtype_include="number"),
            ),
            (
                "cat",
                usual_texts() if texts is None else texts,
                text_columns or make_column_selector(dtype_exclude="number"),
            ),
        ],
        **options,
    )


def usual_numbers() -> Pipeline:
    """Return median and standard scale."""
    return Pipeline([("imputer", SimpleImputer(strategy="median")), ("scaler", StandardScaler())])


def usual_texts(**options: Any) -> Pipeline:
    """Return the most frequent value and sparse one-hot columns that ignore unknown texts."""
    return Pipeline(
        [
            ("imputer", SimpleImputer(strategy="most_frequent")),
            ("onehot", OneHotEncoder(**{"handle_unknown": "ignore", **options})),
        ]
    )


def ordinal_texts() -> Pipeline:
    """Return a constant for missing values, and integers for texts."""
    return make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    )


def usual(model: Any, **options: Any) -> Pipeline:
    """Return the usual pipeline with a model."""
    return Pipeline([("preprocessor", numbers_and_texts(**options)), ("model", model)])


def to_category(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts are of pandas' category type."""
    result = frame.copy()
    for column in result.columns:
        if not pd.api.types.is_numeric_dtype(result[column]):
            result[column] = result[column].astype("category")
    return result


def text_as_none(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose missing texts are None."""
    result = frame.copy()
    for column in result.columns:
        if not pd.api.types.is_numeric_dtype(result[column]):
            values = result[column].astype(object)
            result[column] = values.where(values.notna(), None)
    return result
