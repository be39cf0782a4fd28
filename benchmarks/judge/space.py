"""The space of a contract's rows, as numbers that a search can move: a text is its index in a table of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature
from tabento.tables.frames import to_rows

UNKNOWN_TEXTS = ("", " ", "zzz", "Ω≈ç√", "nan", "0")
"""Texts that are in no table of the catalogue; a text that the contract knows is excluded."""
DECIMALS_MAX = 6
"""A column with more decimals has no resolution of its own."""
RESOLUTION_SAMPLE = 2_000
"""The number of values of a column from which its decimals are counted."""


@dataclass(frozen=True)
class Column:
    """One column of the space."""

    name: str
    kind: str
    """The type of the contract's feature."""
    low: float
    high: float
    nullable: bool
    step: float
    """The distance of two neighbours at the column's own decimals: 1 for integers, 0 if it has no resolution."""
    observed: NDArray[np.float64]
    """The values of the sample, without missing values."""
    texts: tuple[str, ...] = ()
    """The texts that the numbers of the column represent."""
    n_known: int = 0
    """The number of texts that the contract knows; they are the first ones."""

    @property
    def is_text(self) -> bool:
        """Whether the numbers are indices in ``texts``."""
        return bool(self.texts)

    @property
    def is_whole(self) -> bool:
        """Whether the values are integers only."""
        return self.kind in ("integer", "boolean")


@dataclass(frozen=True)
class Space:
    """All rows of one contract."""

    contract: Contract
    columns: tuple[Column, ...]
    dtypes: Mapping[str, object]
    """The types of the fitted frame, by column."""
    missing_text: float | None
    """The owner's value for a missing text: NaN or None."""

    @classmethod
    def from_contract(
        cls, contract: Contract, sample: pd.DataFrame, dtypes: Mapping[str, object], missing_text: float | None = np.nan
    ) -> Space:
        """Return the space of a contract and a sample whose columns are numbers and texts."""
        columns = tuple(_column(feature, sample[feature.name]) for feature in contract.features)
        return cls(contract, columns, dtypes, missing_text)

    def matrix(self, sample: pd.DataFrame) -> NDArray[np.float64]:
        """Return rows of the sample as numbers, float64 of shape (N, F)."""
        return np.column_stack([_codes(column, sample[column.name]) for column in self.columns])

    def owner_frame(self, rows: NDArray[np.float64]) -> pd.DataFrame:
        """Return the rows with the types of the owner's frame."""
        columns: dict[str, object] = {}
        for place, column in enumerate(self.columns):
            dtype = self.dtypes.get(column.name)
            kind = str(dtype)
            if column.is_text:
                values = pd.Series(_texts(column, rows[:, place], self.missing_text), dtype=object)
                if kind.startswith("datetime64"):
                    columns[column.name] = pd.to_datetime(values, utc=True, errors="coerce")
                else:
                    columns[column.name] = values if dtype is None or kind == "object" else values.astype(dtype)  # type: ignore[call-overload]
            elif kind.startswith("datetime64"):
                columns[column.name] = pd.to_datetime(rows[:, place], unit="s", utc="UTC" in kind)
            elif isinstance(dtype, pd.CategoricalDtype):
                columns[column.name] = pd.Series(rows[:, place]).astype(dtype)
            else:
                columns[column.name] = rows[:, place].copy()
        return pd.DataFrame(columns, columns=[column.name for column in self.columns])

    def packed(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows as the service packs the rows of a request."""
        columns = {
            column.name: pd.Series(_texts(column, rows[:, place], None), dtype=object)
            if column.is_text
            else rows[:, place]
            for place, column in enumerate(self.columns)
        }
        return to_rows(pd.DataFrame(columns), self.contract)

    def request_row(self, row: NDArray[np.float64]) -> dict[str, object]:
        """Return one row, shape (F,), as a client would send it."""
        values: dict[str, object] = {}
        for column, value in zip(self.columns, row.tolist(), strict=True):
            if np.isnan(value):
                values[column.name] = None
            else:
                values[column.name] = column.texts[int(value)] if column.is_text else value
        return values


def _column(feature: Feature, values: pd.Series) -> Column:
    nullable = feature.nullable
    if feature.type in ("number", "integer", "boolean", "timestamp"):
        observed = values.dropna().to_numpy(dtype=np.float64)
        low, high = (0.0, 1.0) if feature.type == "boolean" else (float(feature.lower), float(feature.upper))
        step = 1.0 if feature.type in ("integer", "boolean", "timestamp") else resolution(observed)
        return Column(feature.name, feature.type, low, high, nullable, step, observed)
    known_texts = tuple(feature.categories) if feature.categories else tuple(dict.fromkeys(values.dropna().astype(str)))
    allowed = feature.unknown == "ignore" or not feature.categories
    unknown = [text for text in UNKNOWN_TEXTS if text not in known_texts] if allowed else []
    texts = (*known_texts, *unknown)
    places = {text: float(place) for place, text in enumerate(texts)}
    observed = np.array([places[str(text)] for text in values.dropna() if str(text) in places], dtype=np.float64)
    return Column(feature.name, feature.type, 0.0, len(texts) - 1.0, nullable, 0.0, observed, texts, len(known_texts))


def resolution(values: NDArray[np.float64]) -> float:
    """Return the distance of neighbours at the decimals of the values; 0 if the values have too many decimals."""
    sample = values[:RESOLUTION_SAMPLE]
    for decimals in range(DECIMALS_MAX + 1):
        if np.array_equal(np.round(sample, decimals), sample):
            return float(10.0**-decimals)
    return 0.0


def _codes(column: Column, values: pd.Series) -> NDArray[np.float64]:
    if not column.is_text:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    places = {text: float(place) for place, text in enumerate(column.texts)}
    missing = values.isna().to_numpy()
    return np.array(
        [
            np.nan if is_missing else places.get(str(text), np.nan)
            for text, is_missing in zip(values, missing, strict=True)
        ],
        dtype=np.float64,
    )


def _texts(column: Column, codes: NDArray[np.float64], missing: float | None) -> NDArray[np.object_]:
    table = np.array([*column.texts, missing], dtype=object)
    return table[np.where(np.isnan(codes), len(column.texts), codes).astype(np.intp)]
