"""Answers of each fold's pipeline to the rows outside its training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.config import Decisions, ModelConfig
from training.model.cross_validation import Fold
from training.model.pipeline import fit_pipeline


def predict_out_of_fold(
    config: ModelConfig,
    frame: pd.DataFrame,
    decisions: Decisions,
    folds: Sequence[Fold],
    n_jobs: int | None = None,
    *,
    decide: bool = True,
) -> list[NDArray[np.float64]]:
    """Fit the pipeline in each fold and return its answers to the fold's validation rows.

    Everything is fitted in the fold: imputation, clusters, encoding, estimator and decision threshold.

    Args:
        config: the model's config.
        frame: N validated rows, with the target.
        decisions: the decisions that are made beforehand.
        folds: from ``training.model.cross_validation.make_folds``.
        n_jobs: the number of processes; by default the number of usable cores. The answers do not depend on it.
        decide: whether a decision threshold is chosen in each fold, if the config requires one; probabilities do not depend on it.

    Returns:
        The answers of each fold, in order: float64 of shape (n,) for a regression and (n, 1 + C) for a classification.

    Raises:
        ConfigError, FitError: the pipeline cannot be built or fitted.
    """
    jobs = (
        delayed(_answers)(config, frame.iloc[train], frame.iloc[valid], decisions, decide) for train, valid in folds
    )
    answers: list[NDArray[np.float64]] = Parallel(n_jobs=min(n_jobs or cpu_count(), len(folds)))(jobs)
    return answers


def _answers(
    config: ModelConfig, train: pd.DataFrame, valid: pd.DataFrame, decisions: Decisions, decide: bool
) -> NDArray[np.float64]:
    contract = config.contract()
    pipeline = fit_pipeline(config, train, decisions, decide=decide)
    with threadpool_limits(limits=1):
        return pipeline_answers(pipeline, to_frame(to_rows(valid, contract), contract), contract)
