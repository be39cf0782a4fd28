"""The prediction intervals or sets of each fold's pipeline, calibrated on the fold's training rows only.

This is the procedure of a training, repeated in each fold: a second cross-validation inside the training rows of the fold gives the
out-of-fold answers. It multiplies the number of fits by the number of inner folds.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from joblib import Parallel, cpu_count, delayed

from training.config import Decisions, ModelConfig
from training.model.conformal import Calibration, calibrate
from training.model.cross_validation import Fold


def calibrate_folds(
    config: ModelConfig, frame: pd.DataFrame, decisions: Decisions, folds: Sequence[Fold], n_jobs: int | None = None
) -> list[Calibration]:
    """Return the calibration of each fold, in order; empty tables if the config asks for no intervals or sets.

    Args:
        config: the model's config.
        frame: N validated rows, with the target.
        decisions: the decisions that are made beforehand.
        folds: from ``training.model.cross_validation.make_folds``.
        n_jobs: the number of processes; by default the number of usable cores. The tables do not depend on it.

    Raises:
        ConfigError, FitError, FoldError: see ``training.model.conformal.calibrate``.
    """
    if config.intervals is None and config.sets is None:
        return [Calibration()] * len(folds)
    jobs = (delayed(calibrate)(config, frame.iloc[train], decisions, n_jobs=1) for train, _ in folds)
    calibrations: list[Calibration] = Parallel(n_jobs=min(n_jobs or cpu_count(), len(folds)))(jobs)
    return calibrations
