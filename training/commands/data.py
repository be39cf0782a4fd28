"""``tabento data``: get and check the data, and say what is in it; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.progress import Progress
    from training.settings import TrainingSettings


def run_data(config: ModelConfig, data: str | None, settings: TrainingSettings, progress: Progress) -> None:
    """Get the data, check it and tell its kind, source, rows and missing values.

    Raises:
        DataError, SplitError, TrainingError: as ``training.run.prepare`` does.
    """
    from training.run import prepare

    loaded = prepare(config, data, settings, progress)
    dataset, parts = loaded.dataset, loaded.parts
    progress.listing(
        f"{config.title}: the data is fit for training",
        [
            ("kind", dataset.kind),
            ("source", dataset.source),
            ("sha256", dataset.sha256),
            ("rows", f"{len(parts.train):,} to train, {len(parts.test):,} to test"),
        ],
    )
    missing = parts.train.isna().mean()
    progress.table(
        "Share of missing values, in the training part and in the test part",
        [
            (str(column), f"{missing[column]:.2%}", f"{parts.test[column].isna().mean():.2%}")
            for column in parts.train.columns
            if missing[column] > 0 or parts.test[column].isna().any()
        ]
        or [("none", "", "")],
    )
