"""The stage ``validate``: it writes clean, typed rows in two parts. The second part is held out for the test.

The targets of the test part are in a separate file, so that stages that do not need them do not read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.config import ModelConfig
from training.data.duplicates import report_shared_rows
from training.data.loader import load_dataset
from training.data.parquet import write_table
from training.data.resolve import resolve_and_validate
from training.data.split import Parts, split
from training.progress import Progress
from training.stages.context import Context
from training.stages.files import write_json
from training.stages.outcome import Outcome
from training.stages.table import RESOLVED, RESOLVED_SECTIONS

RESOLVED_FILE = RESOLVED.partition("/")[2]


def run(context: Context, folder: Path) -> Outcome:
    """Write ``train.parquet``, ``test.parquet`` without its target, ``test_truth.npy``, ``quality.json``, ``resolved.json``.

    Raises:
        DataError, SplitError: the data does not match the config.
    """
    config, origin = context.config, context.origin()
    raw = context.workspace.path("data/raw.csv")
    dataset = load_dataset(config, str(raw), context.settings.data_folder, context.progress.warn)
    parts = split_data(config, dataset.frame, context.progress)
    config = parts.config
    write_json(folder / RESOLVED_FILE, config.model_dump(mode="json", include={*RESOLVED_SECTIONS}))
    target = config.target.name
    write_table(parts.train, folder / "train.parquet")
    write_table(parts.test.drop(columns=target), folder / "test.parquet")
    np.save(folder / "test_truth.npy", parts.test[target].to_numpy(dtype=np.float64), allow_pickle=False)
    quality = {
        "source": origin.model_dump(mode="json"),
        "columns_in_the_file": [str(name) for name in dataset.frame.columns],
        "dropped": config.drop,
        "train": _describe_part(parts.train, config),
        "test": _describe_part(parts.test.drop(columns=target), config),
    }
    write_json(folder / "quality.json", quality)
    rows = {"train_rows": float(len(parts.train)), "test_rows": float(len(parts.test))}
    return Outcome(f"{len(parts.train):,} rows to train, {len(parts.test):,} to test", metrics=rows)


def split_data(config: ModelConfig, frame: pd.DataFrame, progress: Progress) -> Parts:
    """Validate rows as they were read and hold out the test part.

    Raises:
        DataError, SplitError: the data does not match the config.
    """
    warnings: list[str] = []
    with progress.step("Validate and split") as step:
        resolved_config, valid = resolve_and_validate(frame, config, warnings.append)
        parts = split(valid, resolved_config)
        if (warning := report_shared_rows(parts.train, parts.test, resolved_config)) is not None:
            warnings.append(warning)
        step.detail = f"{len(parts.train):,} rows to train, {len(parts.test):,} to test"
    # After the step, because its spinner would overwrite the box of a warning.
    for warning in warnings:
        progress.warn(warning)
    return parts


def _describe_part(part: pd.DataFrame, config: ModelConfig) -> dict[str, Any]:
    """Return the number of rows of a part, and of each column the missing cells and the range or values."""
    columns: dict[str, Any] = {}
    for name in part.columns:
        present = part[name].dropna()
        summary: dict[str, Any] = {"missing": int(part[name].isna().sum())}
        if part[name].dtype == np.float64:
            summary |= {"minimum": float(present.min()), "maximum": float(present.max())} if len(present) else {}
        else:
            summary["values"] = {str(value): int(count) for value, count in present.value_counts().sort_index().items()}
        columns[str(name)] = summary
    if config.target.classes is not None and config.target.name in part.columns:
        counts = part[config.target.name].value_counts()
        of_class = {str(item.label): int(counts.get(index, 0)) for index, item in enumerate(config.target.classes)}
        columns[config.target.name] = {"missing": 0, "values": of_class}
    return {"rows": len(part), "columns": columns}
