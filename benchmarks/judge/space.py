"""The space of a contract's rows, as numbers that a search can move: a text is its place in a table of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, Feature
from training.frames import to_rows

UNKNOWN_TEXTS = ("", " ", "zzz", "Ω≈ç√", "nan", "0")
"""Texts that no table here has; those that the contract knows are left out."""
DECIMALS_MAX = 6
"""A column with more decimals than this has no resolution of its own."""
SHOWN_SAMPLE = 2_000
"""How many values of a column tell its decimals."""


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
    """The values of the sample, without the missing ones."""
    texts: tuple[str, ...] = ()
    """What a number of a column of texts stands for."""
    known: int = 0
    """How many of the texts, from the first on, the contract knows."""

    @property
    def is_text(self) -> bool:
        """Whether its numbers are places in ``texts``."""
        return bool(self.texts)

    @property
    def is_whole(self) -> bool:
        """Whether only integers are values of it."""
        return self.kind in ("integer", "boolean")


@dataclass(frozen=True)
class Space:
    """All rows of one contract."""

    contract: Contract
    columns: tuple[Column, ...]
    dtypes: Mapping[str, object]
    """The types of the frame that the pipeline was fitted on, by column."""
    missing_text: float | None
    """How the pipeline's owner writes a missing text: NaN or None."""

    @classmethod
    def of(
        cls, contract: Contract, sample: pd.DataFrame, dtypes: Mapping[str, object], missing_text: float | None = np.nan
    ) -> Space:
        """Return the space of a contract and a sample whose columns are numbers and texts."""
        columns = tuple(_column(feature, sample[feature.name]) for feature in contract.features)
        return cls(contract, columns, dtypes, missing_text)

    def matrix(self, sample: pd.DataFrame) -> NDArray[np.float64]:
        """Return rows of the sample as numbers, float64 of shape (N, F)."""
        return np.column_stack([_codes(column, sample[column.name]) for column in self.columns])

    def owner_frame(self, rows: NDArray[np.float64]) -> pd.DataFrame:
        """Return the rows as the pipeline's owner has them: the types of the frame that was fitted on."""
        made: dict[str, object] = {}
        for place, column in enumerate(self.columns):
            dtype = self.dtypes.get(column.name)
            kind = str(dtype)
            if column.is_text:
                values = pd.Series(_texts(column, rows[:, place], self.missing_text), dtype=object)
                if kind.startswith("datetime64"):
                    made[column.name] = pd.to_datetime(values, utc=True, errors="coerce")
                else:
                    made[column.name] = values if dtype is None or kind == "object" else values.astype(dtype)  # type: ignore[call-overload]
            elif kind.startswith("datetime64"):
                made[column.name] = pd.to_datetime(rows[:, place], unit="s", utc="UTC" in kind)
            elif isinstance(dtype, pd.CategoricalDtype):
                made[column.name] = pd.Series(rows[:, place]).astype(dtype)
            else:
                made[column.name] = rows[:, place].copy()
        return pd.DataFrame(made, columns=[column.name for column in self.columns])

    def packed(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows as a request's would travel to the graph."""
        made = {
            column.name: pd.Series(_texts(column, rows[:, place], None), dtype=object)
            if column.is_text
            else rows[:, place]
            for place, column in enumerate(self.columns)
        }
        return to_rows(pd.DataFrame(made), self.contract)

    def shown(self, row: NDArray[np.float64]) -> dict[str, object]:
        """Return one row, shape (F,), as a client would send it."""
        shown: dict[str, object] = {}
        for column, value in zip(self.columns, row.tolist(), strict=True):
            if np.isnan(value):
                shown[column.name] = None
            else:
                shown[column.name] = column.texts[int(value)] if column.is_text else value
        return shown


def _column(feature: Feature, values: pd.Series) -> Column:
    nullable = feature.nullable
    if feature.type in ("number", "integer", "boolean", "timestamp"):
        observed = values.dropna().to_numpy(dtype=np.float64)
        low, high = (0.0, 1.0) if feature.type == "boolean" else (float(feature.lower), float(feature.upper))
        step = 1.0 if feature.type in ("integer", "boolean", "timestamp") else resolution(observed)
        return Column(feature.name, feature.type, low, high, nullable, step, observed)
    known = tuple(feature.categories) if feature.categories else tuple(dict.fromkeys(values.dropna().astype(str)))
    allowed = feature.unknown == "ignore" or not feature.categories
    unknown = [text for text in UNKNOWN_TEXTS if text not in known] if allowed else []
    texts = (*known, *unknown)
    places = {text: float(place) for place, text in enumerate(texts)}
    observed = np.array([places[str(text)] for text in values.dropna() if str(text) in places], dtype=np.float64)
    return Column(feature.name, feature.type, 0.0, len(texts) - 1.0, nullable, 0.0, observed, texts, len(known))


def resolution(values: NDArray[np.float64]) -> float:
    """Return the distance of neighbours at the decimals with which values were written; 0 if there is none."""
    some = values[:SHOWN_SAMPLE]
    for decimals in range(DECIMALS_MAX + 1):
        if np.array_equal(np.round(some, decimals), some):
            return float(10.0**-decimals)
    return 0.0


def _codes(column: Column, values: pd.Series) -> NDArray[np.float64]:
    if not column.is_text:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    places = {text: float(place) for place, text in enumerate(column.texts)}
    missing = values.isna().to_numpy()
    return np.array(
        [np.nan if gone else places.get(str(text), np.nan) for text, gone in zip(values, missing, strict=True)],
        dtype=np.float64,
    )


def _texts(column: Column, codes: NDArray[np.float64], missing: float | None) -> NDArray[np.object_]:
    table = np.array([*column.texts, missing], dtype=object)
    return table[np.where(np.isnan(codes), len(column.texts), codes).astype(np.intp)]
