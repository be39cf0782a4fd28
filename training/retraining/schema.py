"""The schema of new data against what the champion was promised: columns that came or went, values it never met.

It looks at cells as they were read, before validation refuses what the config does not allow, so that a report can say
what changed where training cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bundle.contract import TRUTH_WORDS, Contract, Feature, Strict
from training.config import ModelConfig
from training.data.cells import parse_column

EXAMPLES = 5
"""How many unknown values are named."""
_BOOLEANS = (*TRUTH_WORDS, "0.0", "1.0")


class ColumnChange(Strict):
    """What is new in a column that both have."""

    name: str
    expected: str
    """What the champion takes, in words."""
    other_type: int
    """How many cells are of another type."""
    out_of_range: int
    """How many numbers are outside the champion's range."""
    unknown: dict[str, int]
    """Values outside the champion's categories with their counts, the most frequent first; at most five."""
    missing: int
    """How many cells are empty though the champion takes no missing value."""


class SchemaReport(Strict):
    """What differs between data and the champion's contract."""

    rows: int
    removed: tuple[str, ...]
    """Features of the champion that the data does not have."""
    added: tuple[str, ...]
    """Columns that neither the champion nor the config knows."""
    columns: tuple[ColumnChange, ...]
    """Columns with something new in them."""

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.removed or self.added or self.columns)

    def in_words(self) -> list[str]:
        """Say what differs, one sentence each."""
        lines = [f"the column {name!r} of the champion is gone" for name in self.removed]
        lines += [f"the column {name!r} is new" for name in self.added]
        for column in self.columns:
            unknown = ", ".join(f"{value!r} ({count:,} rows)" for value, count in column.unknown.items())
            found = [
                f"{column.other_type:,} cells of another type" if column.other_type else "",
                f"{column.out_of_range:,} values out of range" if column.out_of_range else "",
                f"unknown values {unknown}" if unknown else "",
                f"{column.missing:,} cells empty" if column.missing else "",
            ]
            lines.append(f"{column.name!r}: expected {column.expected}, got {', '.join(filter(None, found))}")
        return lines


def compare_schema(frame: pd.DataFrame, contract: Contract, config: ModelConfig) -> SchemaReport:
    """Compare data as it was read with the champion's contract.

    Args:
        frame: N rows as ``training.data.loader.load_dataset`` reads them.
        contract: what the champion takes.
        config: knows the target and the columns that are dropped on purpose.
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
    """Return what is new in a column; None where nothing is."""
    there = cells.dropna()
    there = there[~there.isin(feature.missing)]
    other_type, out_of_range, unknown = 0, 0, {}
    if feature.type in ("number", "integer"):
        numbers = pd.to_numeric(there, errors="coerce").to_numpy(dtype=np.float64)
        wrong = ~np.isfinite(numbers)
        if feature.type == "integer":
            wrong |= numbers != np.round(numbers)
        other_type = int(wrong.sum())
        out_of_range = int((~wrong & ((numbers < feature.lower) | (numbers > feature.upper))).sum())
    elif feature.type == "timestamp":
        seconds, wrong = parse_column(there, feature)
        other_type = int(wrong.sum())
        out_of_range = int((~wrong & ~seconds.between(feature.lower, feature.upper).to_numpy()).sum())
    elif feature.type == "text":
        out_of_range = sum(not feature.takes_text(str(cell)) for cell in there)
    elif feature.type == "boolean":
        other_type = int((~there.astype(str).str.strip().str.lower().isin(_BOOLEANS)).sum())
    else:
        known: Sequence[str] = feature.categories or ()
        values = there.astype(str).map(feature.normalise)
        counts = values[~values.isin(known)].value_counts()
        # Of values that are met equally often the order is that of the alphabet.
        unknown = dict(sorted(((str(value), int(n)) for value, n in counts.items()), key=lambda one: (-one[1], one[0])))
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
