"""Findings: the results of a study as sentences with advice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tabento.bundle.drift import PSI_MODERATE
from tabento.bundle.numbers import number_text
from training.config import ModelConfig
from training.studies.exploration.profile import NumberProfile, Profile
from training.studies.exploration.study import StudyData
from training.studies.texts import Notice, format_percent, format_short

NEARLY_CONSTANT = 0.99
"""The share of one value from which on a column is called nearly constant."""
NEARLY_UNIQUE = 0.95
"""The share of distinct values from which on a text or an integer is treated as an identifier of the row."""
UNIQUE_ROWS_MIN = 50
"""With fewer rows distinct values are no sign of an identifier."""
SKEWED = 2.0
"""The skewness of an exponential distribution."""
HIGHLY_CORRELATED = 0.9
TELLS_ALL = 0.95
"""A feature with such a strong association might be a copy of the target."""
MUCH_MISSING = 0.2
RARE_SHARE = 0.01
"""A category with a smaller share of the rows is rare."""
RARE_CLASS_SHARE = 0.1


def find_notices(config: ModelConfig, study: StudyData) -> list[Notice]:
    """Return the findings as sentences; warnings first, each kind in the order of the columns."""
    notices = [
        *_find_in_rows(study),
        *_find_in_target(config, study),
        *(notice for profile in study.profiles for notice in _find_in_feature(config, profile)),
        *_find_in_pairs(config, study),
        *_find_in_relations(study),
        *_find_in_missing_values(study),
        *_find_in_split(study),
    ]
    return sorted(notices, key=lambda notice: notice.level != "warning")


def _warning(text: str) -> Notice:
    return Notice("warning", text)


def _note(text: str) -> Notice:
    return Notice("note", text)


def _find_in_rows(study: StudyData) -> Iterator[Notice]:
    if study.duplicates:
        share = format_percent(study.duplicates / study.rows)
        yield _warning(
            f"{study.duplicates:,} of {study.rows:,} training rows ({share}) repeat an earlier one in every column."
            " Copies on both sides of a split make a model look better than it is."
        )


def _find_in_target(config: ModelConfig, study: StudyData) -> Iterator[Notice]:
    name, target = config.target.name, study.target
    for spike in study.spikes:
        rows = f"{spike.rows:,} rows ({format_percent(spike.share)})"
        if spike.end:
            yield _warning(
                f"The target {name} has its {spike.end} value, {number_text(spike.value, grouped=True)}, in {rows}: it looks capped. The true"
                " values are outside this limit, and no model can learn them."
            )
        else:
            yield _note(
                f"The target {name} is {number_text(spike.value, grouped=True)} in {rows}, far more often than neighbouring values. The values might be rounded."
            )
    if isinstance(target, NumberProfile):
        if abs(target.skewness) > SKEWED:
            yield _note(
                f"The target {name} is skewed ({target.skewness:.1f}). A scale such as `estimator.target: log` might fit better."
            )
        return
    for label, count in target.counts.items():
        share = count / max(target.n_known, 1)
        if share < RARE_CLASS_SHARE:
            yield _warning(
                f"The class {label!r} of {name} has {count:,} rows ({format_percent(share)}). Accuracy is not informative then;"
                " use the area under the precision-recall curve."
            )


def _find_in_feature(config: ModelConfig, profile: Profile) -> Iterator[Notice]:
    name = profile.name
    feature = next(item for item in config.features if item.name == name)
    if not profile.n_known:
        yield _warning(f"{name} has no value in any training row. Drop it.")
        return
    if profile.distinct == 1:
        yield _warning(f"{name} has the same value in every row with a value. Drop it: it has no information.")
        return
    if profile.missing / profile.rows > MUCH_MISSING:
        yield _warning(f"{name} is missing in {format_percent(profile.missing / profile.rows)} of the rows.")
    highest_count = profile.commonest[1] if isinstance(profile, NumberProfile) else next(iter(profile.counts.values()))
    if highest_count / profile.n_known > NEARLY_CONSTANT:
        yield _warning(
            f"{name} has one value in {format_percent(highest_count / profile.n_known)} of the rows with a value."
        )
    unique = profile.distinct / profile.n_known
    if profile.n_known >= UNIQUE_ROWS_MIN and feature.type in ("integer", "category") and unique > NEARLY_UNIQUE:
        yield _warning(
            f"{name} is different in {format_percent(unique)} of the rows. If it identifies the row, list it under `drop`."
        )
    if isinstance(profile, NumberProfile):
        if abs(profile.skewness) > SKEWED:
            yield _note(
                f"{name} is skewed ({profile.skewness:.1f}): half of its values are between"
                f" {format_short(profile.quantiles['0.25'])} and {format_short(profile.quantiles['0.75'])}, its largest is"
                f" {format_short(profile.quantiles['1'])}. Trees are not affected; linear models and distances are."
            )
        return
    rare = [value for value, count in profile.counts.items() if count / profile.n_known < RARE_SHARE]
    if rare:
        rare_text = ", ".join(f"{value!r} ({profile.counts[value]:,})" for value in rare[:5])
        yield _note(
            f"{name} has {len(rare)} categories in less than {format_percent(RARE_SHARE)} of the rows each: {rare_text}."
        )
    if profile.never:
        yield _note(f"{name}: no training row has {', '.join(map(repr, profile.never[:5]))}, which the config lists.")


def _find_in_pairs(config: ModelConfig, study: StudyData) -> Iterator[Notice]:
    names = [name for name in study.spearman.columns if name != config.target.name]
    table = study.spearman.loc[names, names].to_numpy()
    for row, column in zip(*np.nonzero(np.triu(np.abs(table) > HIGHLY_CORRELATED, 1)), strict=True):
        yield _note(
            f"{names[row]} and {names[column]} are highly correlated (Spearman's ρ {table[row, column]:.2f}): they share their"
            " importance, and one of them might be enough."
        )


def _find_in_relations(study: StudyData) -> Iterator[Notice]:
    for relation in study.relations:
        if abs(relation.association) > TELLS_ALL:
            yield _warning(
                f"{relation.name} alone nearly determines the target ({relation.measure} {relation.association:.3f})."
                " If it is not known at the time of the prediction, list it under `drop`."
            )


def _find_in_missing_values(study: StudyData) -> Iterator[Notice]:
    for item in study.missing.by_target:
        if item.related:
            yield _note(
                f"If {item.name} is missing, the target is {format_short(item.where_missing)}, else"
                f" {format_short(item.where_known)} (p = {item.p_value:.2g}): a missing value is informative."
            )


def _find_in_split(study: StudyData) -> Iterator[Notice]:
    for item in study.comparisons:
        if item.differs:
            yield _warning(
                f"{item.name} differs significantly between the training and the test part ({item.test},"
                f" p = {item.p_value:.2g}). Stratify the split by it."
            )
        elif item.psi > max(PSI_MODERATE, 3 * item.psi_by_chance):
            yield _note(
                f"{item.name} has a stability index of {item.psi:.2f} between the parts, {item.psi_by_chance:.2f} is"
                " the mean for parts of these sizes."
            )
