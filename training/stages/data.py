"""The stage ``data``: rows come in as they are, once; an immutable copy of them is what all other stages start from."""

from __future__ import annotations

import shutil
from pathlib import Path

from training.config import ModelConfig
from training.data.loader import DataError, Dataset, load_dataset, no_data, synthetic_csv
from training.errors import TrainingError
from training.progress import Progress
from training.provenance import origin_of
from training.settings import TrainingSettings
from training.stages.checksums import file_sha256
from training.stages.context import Context
from training.stages.outcome import Outcome

RAW_FILE, SOURCE_FILE = "raw.csv", "source.json"
SYNTHETIC = "synthetic"
_READ_ONLY = 0o444


def run(context: Context, folder: Path) -> Outcome:
    """Write ``raw.csv``, byte for byte what was read, and ``source.json``.

    Raises:
        DataError: the data cannot be had, or the file changed while it was read.
        TrainingError: the run may not use synthetic data, and there is no other.
    """
    dataset = obtain(context.config, context.given_data, context.settings, context.progress)
    raw = folder / RAW_FILE
    if dataset.file is None:
        raw.write_bytes(synthetic_csv(context.config)[0])
    else:
        shutil.copyfile(dataset.file, raw)
    raw.chmod(_READ_ONLY)
    copied = file_sha256(raw)
    if copied != dataset.sha256:
        raise DataError(
            f"{dataset.source}: expected the sha256 {dataset.sha256}, with which it was read, got {copied} for the copy."
            " The file changed meanwhile; run again."
        )
    origin = origin_of(dataset)
    (folder / SOURCE_FILE).write_text(origin.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Outcome(
        f"{origin.rows:,} {origin.kind} rows from {origin.source}",
        params={"data_kind": origin.kind, "data_source": origin.source, "data_sha256": origin.sha256},
        metrics={"rows": float(origin.rows)},
    )


def identity(context: Context) -> str | None:
    """Return what decides which rows come in; None where only a try can tell, because a server may answer or not."""
    given = wanted(context.config, context.given_data, context.settings)
    if given == SYNTHETIC or (given is None and context.config.source is None):
        # Which stored model is imitated is not known before.
        return SYNTHETIC if context.config.synthetic is not None else None
    if given is None:
        return _of_source(context)
    path = Path(given).expanduser()
    return f"{path.name} {file_sha256(path)}" if path.is_file() else None


def _of_source(context: Context) -> str | None:
    """Return the pinned checksum of the config's source, where its rows and no synthetic ones were had last time."""
    source = context.config.source
    try:
        had = context.origin()
    except (TrainingError, ValueError):
        return None
    return source.sha256 if source is not None and had.kind == "real" else None


def wanted(config: ModelConfig, given_data: str | None, settings: TrainingSettings) -> str | None:
    """Return the data that a run asks for: what was given, else the setting, else None for the config's source."""
    given = given_data if given_data is not None else settings.data
    if given is not None:
        return given.replace("{name}", config.name)
    # Rows are imitated only for somebody who asks for them.
    return SYNTHETIC if not settings.download and config.synthetic is not None else None


def obtain(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> Dataset:
    """Load the data that a run asks for.

    Raises:
        DataError: the data cannot be had.
        TrainingError: the run may not use synthetic data, and there is no other.
    """
    warnings: list[str] = []
    with progress.step("Load the data") as step:
        given = wanted(config, given_data, settings)
        if given is None and config.source is not None and not settings.download:
            raise no_data(config, "because nothing may be downloaded")
        dataset = load_dataset(config, given, settings.data_folder, warnings.append)
        step.detail = f"{len(dataset.frame):,} rows from {dataset.source}"
    if dataset.kind == SYNTHETIC and not settings.allow_synthetic:
        raise TrainingError(
            f"expected real data, because allow_synthetic is off; got {dataset.source}. Give a file with --data, or"
            f" allow synthetic data. The loader said: {' '.join(warnings)}"
        )
    # After the step: a spinner and a box on the same terminal would write over each other.
    for warning in warnings:
        progress.warn(warning)
    return dataset
