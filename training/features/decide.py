"""The stage ``features``: imputation, then clusters, then columns, each decided with what was decided before it.

Training rows only. What the config pins is studied and shown as well, and stays.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from training.config import Decisions, ModelConfig
from training.cross_validation import SMALL, Fold, make_folds
from training.features import sections
from training.features.clusters import ClusterStudy, study_clusters
from training.features.columns import ColumnStudy, study_columns
from training.features.imputation import ImputationStudy, study_imputation
from training.features.judge import Judge
from training.progress import Progress
from training.study.page import render_page
from training.study.report import to_json
from training.study.sampling import sample_rows

REPORT_FILE = "report.html"
FIGURES_FILE = "features.json"
SMALL_FITS = 15
"""Of few rows folds are repeated up to so many fits for each candidate."""


def decide_features(
    config: ModelConfig, train: pd.DataFrame, decisions: Decisions, folder: Path, progress: Progress
) -> Decisions:
    """Decide imputation, number of clusters and columns, and write what led there.

    The folder gets ``report.html``, ``features.json`` and the pictures as PNG files.

    Args:
        config: the model's config; ``config.studies`` says what is compared and what is pinned.
        train: the validated rows of the training part; at most ``studies.rows_max`` of them are looked at.
        decisions: what is decided so far.
        folder: where the files go; it must be there.
        progress: is told of each candidate with its figures.

    Returns:
        The decisions with these three in them.

    Raises:
        ConfigError, TrainingError: the pipeline cannot be fitted, or there are too few rows for the folds.
    """
    rows = sample_rows(train, config.studies.rows_max, config.seed)
    folds = _folds(config, rows)
    judge = Judge(config, rows, folds, decisions.estimator)
    decided = decisions
    imputation = study_imputation(judge, decided, progress)
    if imputation:
        decided = decided.model_copy(update={"impute": imputation.chosen})
    clusters = study_clusters(judge, decided, progress)
    if clusters:
        decided = decided.model_copy(update={"n_clusters": clusters.chosen})
    columns = study_columns(judge, decided, progress)
    if columns:
        decided = decided.model_copy(update={"columns": columns.chosen})

    with progress.step("Draw the report of the features") as step:
        pictures = sections.draw(config, imputation, clusters, columns)
        for name, png in pictures.items():
            (folder / name).write_bytes(png)
        page = render_page(
            f"{config.title}: feature studies",
            "Which imputation, how many clusters and which features the model uses, and why.",
            sections.build(judge, decisions, decided, imputation, clusters, columns, pictures),
            f"Made by tabento from {len(rows):,} of {len(train):,} training rows; seed {config.seed}.",
        )
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")
        figures = _figures(judge, decided, imputation, clusters, columns)
        (folder / FIGURES_FILE).write_text(to_json(figures), encoding="utf-8")
        step.detail = f"impute {decided.impute}, {decided.n_clusters or 'no'} clusters, {len(decided.columns)} features"
    return decided


def _folds(config: ModelConfig, rows: pd.DataFrame) -> list[Fold]:
    """Return the folds that judge; of few rows they are repeated, so that chance decides less."""
    repeats = max(1, SMALL_FITS // config.studies.folds) if len(rows) < SMALL else 1
    return make_folds(config, rows, folds=config.studies.folds, repeats=repeats)


def _figures(
    judge: Judge,
    decided: Decisions,
    imputation: ImputationStudy | None,
    clusters: ClusterStudy | None,
    columns: ColumnStudy | None,
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": judge.config.name,
        "seed": judge.config.seed,
        "metric": judge.metric,
        "rows": len(judge.frame),
        "folds": len(judge.folds),
        "judged_by": judge.estimator.model_dump(),
        "decisions": {
            "impute": decided.impute,
            "n_clusters": decided.n_clusters,
            "columns": list(decided.columns),
        },
        "imputation": dataclasses.asdict(imputation) if imputation else None,
        "clusters": dataclasses.asdict(clusters) if clusters else None,
        "columns": None,
    }
    if columns:
        said["columns"] = {
            "method": columns.attribution.method,
            "importance": {name: dataclasses.asdict(item) for name, item in columns.importance.items()},
            "curve": {size: dataclasses.asdict(score) for size, score in columns.curve.items()},
            "best": columns.best,
            "pinned": columns.pinned,
            "chosen": columns.chosen,
        }
    return said
