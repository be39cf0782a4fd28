"""The stage ``validate``: clean, typed rows in two parts, of which the second is set aside.

The truth of the test part is a file of its own, so that a stage that has no business with it does not even read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.config import ModelConfig
from training.data.duplicates import told_of_rows_in_both
from training.data.loader import load_dataset
from training.data.resolve import resolve_and_validate
from training.data.split import Parts, split
from training.progress import Progress
from training.stages.context import Context
from training.stages.files import write_json
from training.stages.outcome import Outcome
from training.stages.table import RESOLVED
from training.stages.tables import write_table

RESOLVED_FILE = RESOLVED.partition("/")[2]


def run(context: Context, folder: Path) -> Outcome:
    """Write ``train.parquet``, ``test.parquet`` without its target, ``test_truth.npy``, ``quality.json``, ``resolved.json``.

    Raises:
        DataError, SplitError: the data is not what the config says.
    """
    config, origin = context.config, context.origin()
    raw = context.workspace.path("data/raw.csv")
    dataset = load_dataset(config, str(raw), context.settings.data_folder, context.progress.warn)
    parts = divide(config, dataset.frame, context.progress)
    config = parts.config
    (folder / RESOLVED_FILE).write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")
    target = config.target.name
    write_table(parts.train, folder / "train.parquet")
    write_table(parts.test.drop(columns=target), folder / "test.parquet")
    np.save(folder / "test_truth.npy", parts.test[target].to_numpy(dtype=np.float64), allow_pickle=False)
    quality = {
        "source": origin.model_dump(mode="json"),
        "columns_in_the_file": [str(name) for name in dataset.frame.columns],
        "dropped": config.drop,
        "train": _described(parts.train, config),
        "test": _described(parts.test.drop(columns=target), config),
    }
    write_json(folder / "quality.json", quality)
    rows = {"train_rows": float(len(parts.train)), "test_rows": float(len(parts.test))}
    return Outcome(f"{len(parts.train):,} rows to train, {len(parts.test):,} to test", metrics=rows)


def divide(config: ModelConfig, frame: pd.DataFrame, progress: Progress) -> Parts:
    """Validate rows as they were read and set the test part aside.

    Raises:
        DataError, SplitError: the data is not what the config says.
    """
    warnings: list[str] = []
    with progress.step("Validate and split") as step:
        known, valid = resolve_and_validate(frame, config, warnings.append)
        parts = split(valid, known)
        if (seen := told_of_rows_in_both(parts.train, parts.test, known)) is not None:
            warnings.append(seen)
        step.detail = f"{len(parts.train):,} rows to train, {len(parts.test):,} to test"
    # After the step: a spinner and a box on the same terminal would write over each other.
    for warning in warnings:
        progress.warn(warning)
    return parts


def _described(part: pd.DataFrame, config: ModelConfig) -> dict[str, Any]:
    """Return how many rows a part has, and of each column the missing ones and the ends or values."""
    columns: dict[str, Any] = {}
    for name in part.columns:
        there = part[name].dropna()
        said: dict[str, Any] = {"missing": int(part[name].isna().sum())}
        if part[name].dtype == np.float64:
            said |= {"minimum": float(there.min()), "maximum": float(there.max())} if len(there) else {}
        else:
            said["values"] = {str(value): int(count) for value, count in there.value_counts().sort_index().items()}
        columns[str(name)] = said
    if config.target.classes is not None and config.target.name in part.columns:
        counts = part[config.target.name].value_counts()
        of_class = {str(item.label): int(counts.get(at, 0)) for at, item in enumerate(config.target.classes)}
        columns[config.target.name] = {"missing": 0, "values": of_class}
    return {"rows": len(part), "columns": columns}
