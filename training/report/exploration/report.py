"""The report of the study: one page about a data set before a model is fitted.

Two libraries were tried instead. ydata-profiling (4.18) requires pandas below 3 and numpy below 2.4. skrub's TableReport (0.11)
needs scripts in the browser and gives other bytes on each call. Neither knows a target, a contract or a split.
Statistics are of all rows; expensive ones are computed on a seeded sample, and the report names its size. Only the comparison of
the parts reads test rows, and it decides nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabento.tables.texts import with_lengths
from training.config import ModelConfig
from training.model.sampling import sample_rows
from training.progress import Progress
from training.report.exploration import sections
from training.report.page import render_page
from training.studies.exploration.findings import find_notices
from training.studies.exploration.profile import (
    CategoryProfile,
    Profile,
)
from training.studies.exploration.study import SAMPLE_ROWS, StudyData, compute_study
from training.studies.texts import Notice, format_json

REPORT_FILE = "report.html"
FIGURES_FILE = "study.json"

COUNTS_LISTED = 100
"""The number of a category's values in the JSON file, the most frequent ones."""


def write_study(
    config: ModelConfig,
    train: pd.DataFrame,
    test: pd.DataFrame,
    folder: Path,
    progress: Progress,
    *,
    provenance: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Study a data set and write ``report.html`` and ``study.json``.

    Args:
        config: the model's config.
        train: the validated rows of the training part, at least one.
        test: the validated rows of the test part, at least one; only for the comparison.
        folder: the folder of both files; it exists.
        progress: reports the steps.
        provenance: the origin of the data, name by name; by default the source of the config.

    Returns:
        Key numbers, for a tracking server.

    Raises:
        ValueError: a part has no rows, or lacks a column.
    """
    _check_part(config, train, "training")
    _check_part(config, test, "test")
    # The study uses the length of a text.
    train, test = with_lengths(train, config.features), with_lengths(test, config.features)
    with progress.step("Study the training part") as step:
        study = compute_study(config, train, test)
        notices = find_notices(config, study)
        warnings = sum(notice.level == "warning" for notice in notices)
        step.detail = f"{warnings} warnings, {len(notices) - warnings} notes"
    with progress.step("Draw the report of the study") as step:
        sample = sample_rows(train, SAMPLE_ROWS, config.seed)
        page = render_page(
            f"{config.title}: data study",
            f"{config.description} This page describes the data before anything is fitted.",
            sections.build(config, study, notices, sample, sample_rows(test, SAMPLE_ROWS, config.seed), provenance),
            f"Made by tabento from {len(train):,} training and {len(test):,} test rows; seed {config.seed}.",
        )
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")
        figures = _study_content(config, study, notices, len(test))
        (folder / FIGURES_FILE).write_text(format_json(figures), encoding="utf-8")
        step.detail = f"{REPORT_FILE}, {len(page) / (1 << 20):.1f} MiB"
    for notice in notices:
        if notice.level == "warning":
            progress.say(f"  {notice.text}")
    return _key_figures(study, len(test), warnings)


def _check_part(config: ModelConfig, frame: pd.DataFrame, part: str) -> None:
    if frame.empty:
        raise ValueError(f"expected rows in the {part} part, got none: give more data or change split.test_size")
    lacking = [
        name for name in (*(item.name for item in config.features), config.target.name) if name not in frame.columns
    ]
    if lacking:
        raise ValueError(f"expected the config's columns in the {part} part, got none for {lacking}: validate it first")


def _key_figures(study: StudyData, test_rows: int, warnings: int) -> dict[str, float]:
    return {
        "train_rows": float(study.rows),
        "test_rows": float(test_rows),
        "features": float(len(study.profiles)),
        "duplicate_rows": float(study.duplicates),
        "missing_share": float(np.mean(list(study.missing.shares.values()))),
        "worst_psi": max(item.psi for item in study.comparisons),
        "columns_that_differ": float(sum(item.differs for item in study.comparisons)),
        "warnings": float(warnings),
    }


def _study_content(config: ModelConfig, study: StudyData, notices: list[Notice], test_rows: int) -> dict[str, Any]:
    def as_rows(table: pd.DataFrame) -> dict[str, dict[str, float]]:
        return {
            str(name): {str(column): float(value) for column, value in row.items()} for name, row in table.iterrows()
        }

    return {
        "name": config.name,
        "seed": config.seed,
        "rows": {"train": study.rows, "test": test_rows, "duplicates": study.duplicates},
        "sample_rows": min(SAMPLE_ROWS, study.rows),
        "features": {profile.name: _profile_content(profile) for profile in study.profiles},
        "target": {**_profile_content(study.target), "spikes": [dataclasses.asdict(spike) for spike in study.spikes]},
        "missing": {
            "shares": study.missing.shares,
            "together": study.missing.jaccard_index,
            "by_target": [dataclasses.asdict(item) for item in study.missing.by_target],
        },
        "correlations": {"pearson": as_rows(study.pearson), "spearman": as_rows(study.spearman)},
        "associations": as_rows(study.associations),
        "relations": {relation.name: dataclasses.asdict(relation) for relation in study.relations},
        "split": {item.name: {**dataclasses.asdict(item), "differs": item.differs} for item in study.comparisons},
        "findings": [dataclasses.asdict(notice) for notice in notices],
    }


def _profile_content(profile: Profile) -> dict[str, Any]:
    content = {**dataclasses.asdict(profile), "distinct": profile.distinct}
    if isinstance(profile, CategoryProfile):
        content["counts"] = dict(list(profile.counts.items())[:COUNTS_LISTED])
    return content
