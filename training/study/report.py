"""The report of the study: everything worth knowing of a data set before a model is fitted, on one page.

An own report rather than ydata-profiling's: that one (4.18) requires pandas below 3 and numpy below 2.4, and knows
nothing of a target, a contract or a split. Figures are of all rows; what costs more than a pass is computed on a seeded
sample, and the report says so. Test rows are seen by one section, the comparison of the parts, which decides nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.config import ModelConfig
from training.progress import Progress
from training.study import sections
from training.study.association import category_associations, correlations
from training.study.comparison import compare_parts
from training.study.findings import Studied, find
from training.study.label import find_spikes
from training.study.missing import find_missing
from training.study.page import Notice, render_page
from training.study.profile import CategoryProfile, Profile, profile_category, profile_feature, profile_number
from training.study.relation import relate
from training.study.sampling import sample_rows
from training.texts import with_lengths

REPORT_FILE = "report.html"
FIGURES_FILE = "study.json"
SAMPLE_ROWS = 20_000
"""On so many rows relations, correlations and pictures rest where there are more; the standard error of a correlation is
then below 0.01."""

COUNTS_LISTED = 100
"""So many of a category's values are in the figures, the most frequent."""


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
        test: those of the test part, at least one; only compared with the training part.
        folder: where both files go; it must be there.
        progress: who is told.
        provenance: what is known of the data's origin, name by name; by default what the config says of its source.

    Returns:
        Key figures, for a tracking server.

    Raises:
        ValueError: a part has no rows, or lacks a column.
    """
    _require(config, train, "training")
    _require(config, test, "test")
    # Of a text the study looks at the length.
    train, test = with_lengths(train, config.features), with_lengths(test, config.features)
    with progress.step("Study the training part") as step:
        studied = study(config, train, test)
        notices = find(config, studied)
        warnings = sum(notice.level == "warning" for notice in notices)
        step.detail = f"{warnings} warnings, {len(notices) - warnings} notes"
    with progress.step("Draw the report of the study") as step:
        sample = sample_rows(train, SAMPLE_ROWS, config.seed)
        page = render_page(
            f"{config.title}: data study",
            f"{config.description} This page shows what the data is like, before anything is fitted.",
            sections.build(config, studied, notices, sample, sample_rows(test, SAMPLE_ROWS, config.seed), provenance),
            f"Made by tabento from {len(train):,} training and {len(test):,} test rows; seed {config.seed}.",
        )
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")
        figures = _figures(config, studied, notices, len(test))
        (folder / FIGURES_FILE).write_text(to_json(figures), encoding="utf-8")
        step.detail = f"{REPORT_FILE}, {len(page) / (1 << 20):.1f} MiB"
    for notice in notices:
        if notice.level == "warning":
            progress.say(f"  {notice.text}")
    return _key_figures(studied, len(test), warnings)


def study(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame) -> Studied:
    """Compute everything that the report shows.

    Args:
        config: the model's config.
        train: the validated rows of the training part.
        test: those of the test part, for the comparison alone.
    """
    names = [feature.name for feature in config.features]
    numbers = [feature.name for feature in config.features if feature.type != "category"]
    categories = [feature.name for feature in config.features if feature.type == "category"]
    target = train[config.target.name].to_numpy(dtype=np.float64)
    classes = config.target.classes
    sample = sample_rows(train, SAMPLE_ROWS, config.seed)
    pearson, spearman = correlations(sample, numbers if classes else [*numbers, config.target.name])
    return Studied(
        rows=len(train),
        duplicates=int(train[[*names, config.target.name]].duplicated().sum()),
        profiles=tuple(profile_feature(feature, train[feature.name]) for feature in config.features),
        target=_profile_target(config, target),
        spikes=() if classes else tuple(find_spikes(target)),
        missing=find_missing(train, names, target, len(classes or ())),
        pearson=pearson,
        spearman=spearman,
        associations=category_associations(sample, categories, numbers if classes else [*numbers, config.target.name]),
        relations=tuple(relate(config, sample)),
        comparisons=tuple(compare_parts(config, train, test)),
    )


def _profile_target(config: ModelConfig, target: np.ndarray[Any, np.dtype[np.float64]]) -> Profile:
    if not config.target.classes:
        return profile_number(config.target.name, target)
    labels = np.array([str(item.label) for item in config.target.classes], dtype=object)
    return profile_category(config.target.name, labels[target.astype(np.intp)], tuple(labels))


def _require(config: ModelConfig, frame: pd.DataFrame, part: str) -> None:
    if frame.empty:
        raise ValueError(f"expected rows in the {part} part, got none: give more data or change split.test_size")
    lacking = [
        name for name in (*(item.name for item in config.features), config.target.name) if name not in frame.columns
    ]
    if lacking:
        raise ValueError(f"expected the config's columns in the {part} part, got none for {lacking}: validate it first")


def _key_figures(studied: Studied, test_rows: int, warnings: int) -> dict[str, float]:
    return {
        "train_rows": float(studied.rows),
        "test_rows": float(test_rows),
        "features": float(len(studied.profiles)),
        "duplicate_rows": float(studied.duplicates),
        "missing_share": float(np.mean(list(studied.missing.shares.values()))),
        "worst_psi": max(item.psi for item in studied.comparisons),
        "columns_that_differ": float(sum(item.differs for item in studied.comparisons)),
        "warnings": float(warnings),
    }


def _figures(config: ModelConfig, studied: Studied, notices: list[Notice], test_rows: int) -> dict[str, Any]:
    def as_rows(table: pd.DataFrame) -> dict[str, dict[str, float]]:
        return {
            str(name): {str(column): float(value) for column, value in row.items()} for name, row in table.iterrows()
        }

    return {
        "name": config.name,
        "seed": config.seed,
        "rows": {"train": studied.rows, "test": test_rows, "duplicates": studied.duplicates},
        "sample_rows": min(SAMPLE_ROWS, studied.rows),
        "features": {profile.name: _profile(profile) for profile in studied.profiles},
        "target": {**_profile(studied.target), "spikes": [dataclasses.asdict(spike) for spike in studied.spikes]},
        "missing": dataclasses.asdict(studied.missing),
        "correlations": {"pearson": as_rows(studied.pearson), "spearman": as_rows(studied.spearman)},
        "associations": as_rows(studied.associations),
        "relations": {relation.name: dataclasses.asdict(relation) for relation in studied.relations},
        "split": {item.name: {**dataclasses.asdict(item), "differs": item.differs} for item in studied.comparisons},
        "findings": [dataclasses.asdict(notice) for notice in notices],
    }


def _profile(profile: Profile) -> dict[str, Any]:
    said = {**dataclasses.asdict(profile), "distinct": profile.distinct}
    if isinstance(profile, CategoryProfile):
        said["counts"] = dict(list(profile.counts.items())[:COUNTS_LISTED])
    return said


def to_json(figures: Mapping[str, Any]) -> str:
    """Write figures as JSON; what is not finite becomes null, which JSON can say."""
    return json.dumps(_sayable(figures), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _sayable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _sayable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
