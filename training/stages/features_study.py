"""The stage ``features``: it decides imputation, then clusters, then columns, each with the earlier decisions.

It reads training rows only. Pinned decisions of the config are studied and shown as well, and stay as they are.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from training.config import Decisions, ModelConfig
from training.model.cross_validation import SMALL, Fold, make_folds
from training.model.sampling import sample_rows
from training.progress import Progress
from training.report.features import sections
from training.report.page import render_page
from training.studies.features.clusters import ClusterStudy, study_clusters
from training.studies.features.columns import ColumnStudy, study_columns
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.imputation import ImputationStudy, study_imputation
from training.studies.texts import format_json

REPORT_FILE = "report.html"
FIGURES_FILE = "features.json"
SMALL_FITS = 15
"""The number of fits for each candidate to which the folds of a small data set are repeated."""


def decide_features(
    config: ModelConfig, train: pd.DataFrame, decisions: Decisions, folder: Path, progress: Progress
) -> Decisions:
    """Decide imputation, number of clusters and columns, and write the report of the decisions.

    The folder gets ``report.html``, ``features.json`` and the pictures as PNG files.

    Args:
        config: the model's config; ``config.studies`` has the compared candidates and the pinned decisions.
        train: the validated rows of the training part; the studies use at most ``studies.rows_max`` of them.
        decisions: the decisions so far.
        folder: the folder of the files; it exists.
        progress: reports each candidate with its scores.

    Returns:
        The decisions with the new imputation, number of clusters and columns.

    Raises:
        ConfigError, TabentoError: the pipeline cannot be fitted, or there are too few rows for the folds.
    """
    rows = sample_rows(train, config.studies.rows_max, config.seed)
    folds = _folds(config, rows)
    evaluation = FeatureEvaluation(config, rows, folds, decisions.estimator)
    new_decisions = decisions
    imputation = study_imputation(evaluation, new_decisions, progress)
    if imputation:
        new_decisions = new_decisions.model_copy(update={"impute": imputation.chosen})
    clusters = study_clusters(evaluation, new_decisions, progress)
    if clusters:
        new_decisions = new_decisions.model_copy(update={"n_clusters": clusters.chosen})
    columns = study_columns(evaluation, new_decisions, progress)
    if columns:
        new_decisions = new_decisions.model_copy(update={"columns": columns.chosen})

    with progress.step("Draw the report of the features") as step:
        pictures = sections.draw(config, imputation, clusters, columns)
        for name, png in pictures.items():
            (folder / name).write_bytes(png)
        page = render_page(
            f"{config.title}: feature studies",
            "Which imputation, how many clusters and which features the model uses, and why.",
            sections.build(evaluation, decisions, new_decisions, imputation, clusters, columns, pictures),
            f"Made by tabento from {len(rows):,} of {len(train):,} training rows; seed {config.seed}.",
        )
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")
        figures = _figures(evaluation, new_decisions, imputation, clusters, columns)
        (folder / FIGURES_FILE).write_text(format_json(figures), encoding="utf-8")
        step.detail = f"impute {new_decisions.impute}, {new_decisions.n_clusters or 'no'} clusters, {len(new_decisions.columns)} features"
    return new_decisions


def _folds(config: ModelConfig, rows: pd.DataFrame) -> list[Fold]:
    """Return the folds of the evaluation; a small data set has repeated folds, which reduces the variance."""
    repeats = max(1, SMALL_FITS // config.studies.folds) if len(rows) < SMALL else 1
    return make_folds(config, rows, folds=config.studies.folds, repeats=repeats)


def _figures(
    evaluation: FeatureEvaluation,
    new_decisions: Decisions,
    imputation: ImputationStudy | None,
    clusters: ClusterStudy | None,
    columns: ColumnStudy | None,
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": evaluation.config.name,
        "seed": evaluation.config.seed,
        "metric": evaluation.metric,
        "rows": len(evaluation.frame),
        "folds": len(evaluation.folds),
        "judged_by": evaluation.estimator.model_dump(),
        "decisions": {
            "impute": new_decisions.impute,
            "n_clusters": new_decisions.n_clusters,
            "columns": list(new_decisions.columns),
        },
        "imputation": dataclasses.asdict(imputation) if imputation else None,
        "clusters": dataclasses.asdict(clusters) if clusters else None,
        "columns": None,
    }
    if columns:
        content["columns"] = {
            "method": columns.attribution.method,
            "importance": {name: dataclasses.asdict(item) for name, item in columns.importance.items()},
            "curve": {size: dataclasses.asdict(score) for size, score in columns.curve.items()},
            "best": columns.best,
            "pinned": columns.pinned,
            "chosen": columns.chosen,
        }
    return content
