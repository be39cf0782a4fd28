"""Answers of each fold's pipeline to the rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.config import Decisions, ModelConfig
from training.cross_validation import Fold
from training.frames import to_frame, to_rows
from training.parity import pipeline_answers
from training.pipeline import fit_pipeline


def out_of_fold(
    config: ModelConfig, frame: pd.DataFrame, decisions: Decisions, folds: Sequence[Fold], n_jobs: int | None = None
) -> list[NDArray[np.float64]]:
    """Fit the pipeline anew in each fold and let it answer the fold's other rows.

    All that is learned is learned in the fold: imputation, clusters, encoding, estimator and decision threshold.

    Args:
        config: the model's config.
        frame: N validated rows, with the target.
        decisions: what is decided beforehand.
        folds: from ``training.cross_validation.make_folds``.
        n_jobs: how many processes share the folds, by default as many as there are cores to use; the answers do not depend
            on it.

    Returns:
        For each fold in order its answers, float64 of shape (n,) for a regression and (n, 1 + C) for a classification.

    Raises:
        ConfigError, FitError: the pipeline cannot be built or fitted.
    """
    jobs = (delayed(_answers)(config, frame.iloc[train], frame.iloc[valid], decisions) for train, valid in folds)
    answers: list[NDArray[np.float64]] = Parallel(n_jobs=min(n_jobs or cpu_count(), len(folds)))(jobs)
    return answers


def _answers(
    config: ModelConfig, train: pd.DataFrame, valid: pd.DataFrame, decisions: Decisions
) -> NDArray[np.float64]:
    contract = config.contract()
    pipeline = fit_pipeline(config, train, decisions)
    with threadpool_limits(limits=1):
        return pipeline_answers(pipeline, to_frame(to_rows(valid, contract), contract), contract)
