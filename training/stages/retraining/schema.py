"""The schema of new data against the champion's contract: added and removed columns, unknown values.

The comparison uses cells as they were read, before validation refuses them, so that the report lists the changes even if
training is impossible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabento.bundle.contract import BOOLEAN_WORDS, Contract, Feature, Strict
from tabento.tables.cells import parse_column
from training.config import ModelConfig

EXAMPLES = 5
"""The number of unknown values that are named."""
_BOOLEANS = (*BOOLEAN_WORDS, "0.0", "1.0")


class ColumnChange(Strict):
    """The changes of a column that both have."""

    name: str
    expected: str
    """The values that the champion accepts, as text."""
    other_type: int
    """The number of cells of another type."""
    out_of_range: int
    """The number of values outside the champion's range."""
    unknown: dict[str, int]
    """Values outside the champion's categories with their counts, the most frequent first; at most five."""
    missing: int
    """The number of empty cells, if the champion accepts no missing value."""


class SchemaReport(Strict):
    """The differences between data and the champion's contract."""

    rows: int
    removed: tuple[str, ...]
    """Features of the champion that the data does not have."""
    added: tuple[str, ...]
    """Columns that neither the champion nor the config knows."""
    columns: tuple[ColumnChange, ...]
    """Columns with changes."""

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.removed or self.added or self.columns)

    def in_words(self) -> list[str]:
        """Return one sentence for each difference."""
        lines = [f"the column {name!r} of the champion is missing" for name in self.removed]
        lines += [f"the column {name!r} is new" for name in self.added]
        for column in self.columns:
            unknown = ", ".join(f"{value!r} ({count:,} rows)" for value, count in column.unknown.items())
            findings = [
                f"{column.other_type:,} cells of another type" if column.other_type else "",
                f"{column.out_of_range:,} values out of range" if column.out_of_range else "",
                f"unknown values {unknown}" if unknown else "",
                f"{column.missing:,} cells empty" if column.missing else "",
            ]
            lines.append(f"{column.name!r}: expected {column.expected}, got {', '.join(filter(None, findings))}")
        return lines


def compare_schema(frame: pd.DataFrame, contract: Contract, config: ModelConfig) -> SchemaReport:
    """Compare data as it was read with the champion's contract.

    Args:
        frame: N rows as ``training.data.loader.load_dataset`` reads them.
        contract: the champion's contract.
        config: the config with the target and the dropped columns.
    """
    expected = {*contract.feature_names, contract.output.name, config.target.name, *config.drop}
    expected |= {feature.name for feature in config.features}
    expected |= {identifier.name for identifier in (*config.identifiers, *contract.identifiers)}
    changes = [_change(frame[feature.name], feature) for feature in contract.features if feature.name in frame.columns]
    return SchemaReport(
        rows=len(frame),
        removed=tuple(name for name in contract.feature_names if name not in frame.columns),
        added=tuple(str(name) for name in frame.columns if name not in expected),
        columns=tuple(change for change in changes if change is not None),
    )


def _change(cells: pd.Series[Any], feature: Feature) -> ColumnChange | None:
    """Return the changes of a column; None without a change."""
    present = cells.dropna()
    present = present[~present.isin(feature.missing)]
    other_type, out_of_range, unknown = 0, 0, {}
    if feature.type in ("number", "integer"):
        numbers = pd.to_numeric(present, errors="coerce").to_numpy(dtype=np.float64)
        wrong = ~np.isfinite(numbers)
        if feature.type == "integer":
            wrong |= numbers != np.round(numbers)
        other_type = int(wrong.sum())
        out_of_range = int((~wrong & ((numbers < feature.lower) | (numbers > feature.upper))).sum())
    elif feature.type == "timestamp":
        seconds, wrong = parse_column(present, feature)
        other_type = int(wrong.sum())
        out_of_range = int((~wrong & ~seconds.between(feature.lower, feature.upper).to_numpy()).sum())
    elif feature.type == "text":
        out_of_range = sum(not feature.takes_text(str(cell)) for cell in present)
    elif feature.type == "boolean":
        other_type = int((~present.astype(str).str.strip().str.lower().isin(_BOOLEANS)).sum())
    else:
        categories: Sequence[str] = feature.categories or ()
        values = present.astype(str).map(feature.normalise)
        counts = values[~values.isin(categories)].value_counts()
        # Values of equal frequency are in alphabetical order.
        unknown = dict(
            sorted(((str(value), int(n)) for value, n in counts.items()), key=lambda item: (-item[1], item[0]))
        )
    missing = 0 if feature.nullable else int(cells.isna().sum())
    if not (other_type or out_of_range or unknown or missing):
        return None
    return ColumnChange(
        name=feature.name,
        expected=feature.expected(),
        other_type=other_type,
        out_of_range=out_of_range,
        unknown=dict(list(unknown.items())[:EXAMPLES]),
        missing=missing,
    )
