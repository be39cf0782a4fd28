"""The stage ``data``: it stores an immutable copy of the rows, from which all other stages start."""

from __future__ import annotations

import shutil
from pathlib import Path

from tabento.bundle.checksums import file_sha256
from tabento.errors import TabentoError
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.data.identity import SYNTHETIC, requested_data
from training.data.loader import DataError, Dataset, load_dataset, no_data, synthetic_csv
from training.progress import Progress
from training.registry.provenance import origin_of
from training.stages.context import Context
from training.stages.outcome import Outcome

RAW_FILE, SOURCE_FILE = "raw.csv", "source.json"
_READ_ONLY = 0o444


def run(context: Context, folder: Path) -> Outcome:
    """Write ``raw.csv``, a byte-for-byte copy of the data, and ``source.json``.

    Raises:
        DataError: the data is not available, or the file changed while it was read.
        TabentoError: the run may not use synthetic data, and no other data is available.
    """
    dataset = obtain_data(context.config, context.given_data, context.settings, context.progress)
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
            " The file changed meanwhile. Run the stage again."
        )
    origin = origin_of(dataset)
    (folder / SOURCE_FILE).write_text(origin.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Outcome(
        f"{origin.rows:,} {origin.kind} rows from {origin.source}",
        params={"data_kind": origin.kind, "data_source": origin.source, "data_sha256": origin.sha256},
        metrics={"rows": float(origin.rows)},
    )


def identity(context: Context) -> str | None:
    """Return the identity of the rows; None if it is known only after loading them, because a server may not answer."""
    requested = requested_data(context.config, context.given_data, context.settings)
    if requested == SYNTHETIC or (requested is None and context.config.source is None):
        # A config without a generator has no synthetic identity.
        return SYNTHETIC if context.config.synthetic is not None else None
    if requested is None:
        return _of_source(context)
    path = Path(requested).expanduser()
    return f"{path.name} {file_sha256(path)}" if path.is_file() else None


def _of_source(context: Context) -> str | None:
    """Return the pinned checksum of the config's source if the last run read real rows; else None."""
    source = context.config.source
    try:
        origin = context.origin()
    except (TabentoError, ValueError):
        return None
    return source.sha256 if source is not None and origin.kind == "real" else None


def obtain_data(config: ModelConfig, given_data: str | None, settings: TrainingSettings, progress: Progress) -> Dataset:
    """Load the data of a run.

    Raises:
        DataError: the data is not available.
        TabentoError: the run may not use synthetic data, and no other data is available.
    """
    warnings: list[str] = []
    with progress.step("Load the data") as step:
        requested = requested_data(config, given_data, settings)
        if requested is None and config.source is not None and not settings.download:
            raise no_data(config, "because downloads are switched off")
        dataset = load_dataset(config, requested, settings.data_folder, warnings.append)
        step.detail = f"{len(dataset.frame):,} rows from {dataset.source}"
    if dataset.kind == SYNTHETIC and not settings.allow_synthetic:
        raise TabentoError(
            f"expected real data, because allow_synthetic is off; got {dataset.source}. Give a file with --data, or"
            f" allow synthetic data. The loader reports: {' '.join(warnings)}"
        )
    # After the step, because its spinner would overwrite the box of a warning.
    for warning in warnings:
        progress.warn(warning)
    return dataset
