"""Findings: what the figures of a study mean, in words, for whoever decides what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bundle.numbers import number_text
from training.config import ModelConfig
from training.study.comparison import PSI_NOTABLE, ColumnComparison
from training.study.drawing import percent, short
from training.study.label import Spike
from training.study.missing import Missing
from training.study.page import Notice
from training.study.profile import NumberProfile, Profile
from training.study.relation import Relation

NEARLY_CONSTANT = 0.99
"""A value that so many of the known rows share leaves little to learn from."""
NEARLY_UNIQUE = 0.95
"""A text or whole number that is different in so many rows names the row rather than describes it."""
UNIQUE_ROWS_MIN = 50
"""With fewer rows, different values are no wonder."""
SKEWED = 2.0
"""An exponential distribution's skewness."""
HIGHLY_CORRELATED = 0.9
TELLS_ALL = 0.95
"""A feature whose association with the target is this strong may be the target in other words."""
MUCH_MISSING = 0.2
RARE_SHARE = 0.01
"""A category that fewer rows have is rare, and so is a class."""
RARE_CLASS_SHARE = 0.1


@dataclass(frozen=True)
class Studied:
    """Everything that was computed of a data set."""

    rows: int
    duplicates: int
    profiles: tuple[Profile, ...]
    """Of the features, in the contract's order."""
    target: Profile
    spikes: tuple[Spike, ...]
    missing: Missing
    pearson: pd.DataFrame
    spearman: pd.DataFrame
    associations: pd.DataFrame
    relations: tuple[Relation, ...]
    comparisons: tuple[ColumnComparison, ...]


def find(config: ModelConfig, studied: Studied) -> list[Notice]:
    """Say in words what stands out; warnings first, each kind in the order of the columns."""
    notices = [
        *_of_rows(studied),
        *_of_target(config, studied),
        *(notice for profile in studied.profiles for notice in _of_feature(config, profile)),
        *_of_pairs(config, studied),
        *_of_relations(studied),
        *_of_missing(studied),
        *_of_parts(studied),
    ]
    return sorted(notices, key=lambda notice: notice.level != "warning")


def _warning(text: str) -> Notice:
    return Notice("warning", text)


def _note(text: str) -> Notice:
    return Notice("note", text)


def _of_rows(studied: Studied) -> Iterator[Notice]:
    if studied.duplicates:
        share = percent(studied.duplicates / studied.rows)
        yield _warning(
            f"{studied.duplicates:,} of {studied.rows:,} training rows ({share}) repeat an earlier one in every column."
            " Copies on both sides of a split make a model look better than it is."
        )


def _of_target(config: ModelConfig, studied: Studied) -> Iterator[Notice]:
    name, target = config.target.name, studied.target
    for spike in studied.spikes:
        rows = f"{spike.rows:,} rows ({percent(spike.share)})"
        if spike.end:
            yield _warning(
                f"The target {name} has its {spike.end} value, {number_text(spike.value, grouped=True)}, in {rows}: it looks capped. The true"
                " values lie beyond, and no model can learn them."
            )
        else:
            yield _note(
                f"The target {name} is {number_text(spike.value, grouped=True)} in {rows}, far more often than near values: rounded?"
            )
    if isinstance(target, NumberProfile):
        if abs(target.skewness) > SKEWED:
            yield _note(
                f"The target {name} is skewed ({target.skewness:.1f}). A scale such as `estimator.target: log` may fit."
            )
        return
    for label, count in target.counts.items():
        share = count / max(target.known, 1)
        if share < RARE_CLASS_SHARE:
            yield _warning(
                f"The class {label!r} of {name} has {count:,} rows ({percent(share)}). Accuracy says little then; look"
                " at the area under the precision-recall curve."
            )


def _of_feature(config: ModelConfig, profile: Profile) -> Iterator[Notice]:
    name = profile.name
    feature = next(item for item in config.features if item.name == name)
    if not profile.known:
        yield _warning(f"{name} has no value in any training row. Drop it.")
        return
    if profile.distinct == 1:
        yield _warning(f"{name} has the same value in every row where it is known. Drop it: it tells nothing.")
        return
    if profile.missing / profile.rows > MUCH_MISSING:
        yield _warning(f"{name} is missing in {percent(profile.missing / profile.rows)} of the rows.")
    most = profile.commonest[1] if isinstance(profile, NumberProfile) else next(iter(profile.counts.values()))
    if most / profile.known > NEARLY_CONSTANT:
        yield _warning(f"{name} has one value in {percent(most / profile.known)} of the rows where it is known.")
    unique = profile.distinct / profile.known
    if profile.known >= UNIQUE_ROWS_MIN and feature.type in ("integer", "category") and unique > NEARLY_UNIQUE:
        yield _warning(
            f"{name} is different in {percent(unique)} of the rows. If it names the row, put it under `drop`."
        )
    if isinstance(profile, NumberProfile):
        if abs(profile.skewness) > SKEWED:
            yield _note(
                f"{name} is skewed ({profile.skewness:.1f}): half of its values lie between"
                f" {short(profile.quantiles['0.25'])} and {short(profile.quantiles['0.75'])}, its largest is"
                f" {short(profile.quantiles['1'])}. Trees don't mind; linear models and distances do."
            )
        return
    rare = [value for value, count in profile.counts.items() if count / profile.known < RARE_SHARE]
    if rare:
        shown = ", ".join(f"{value!r} ({profile.counts[value]:,})" for value in rare[:5])
        yield _note(f"{name} has {len(rare)} categories in less than {percent(RARE_SHARE)} of the rows each: {shown}.")
    if profile.never:
        yield _note(f"{name}: no training row has {', '.join(map(repr, profile.never[:5]))}, which the config allows.")


def _of_pairs(config: ModelConfig, studied: Studied) -> Iterator[Notice]:
    names = [name for name in studied.spearman.columns if name != config.target.name]
    table = studied.spearman.loc[names, names].to_numpy()
    for one, other in zip(*np.nonzero(np.triu(np.abs(table) > HIGHLY_CORRELATED, 1)), strict=True):
        yield _note(
            f"{names[one]} and {names[other]} go together (Spearman's ρ {table[one, other]:.2f}): importance is shared"
            " between them, and one may be enough."
        )


def _of_relations(studied: Studied) -> Iterator[Notice]:
    for relation in studied.relations:
        if abs(relation.association) > TELLS_ALL:
            yield _warning(
                f"{relation.name} alone nearly tells the target ({relation.measure} {relation.association:.3f})."
                " Is it known before the answer is? If not, put it under `drop`."
            )


def _of_missing(studied: Studied) -> Iterator[Notice]:
    for item in studied.missing.by_target:
        if item.related:
            yield _note(
                f"Where {item.name} is missing the target is {short(item.where_missing)}, else"
                f" {short(item.where_known)} (p = {item.p_value:.2g}): that it is missing says something."
            )


def _of_parts(studied: Studied) -> Iterator[Notice]:
    for item in studied.comparisons:
        if item.differs:
            yield _warning(
                f"{item.name} differs between the training and the test part beyond chance ({item.test},"
                f" p = {item.p_value:.2g}). Stratify the split by it."
            )
        elif item.psi > max(PSI_NOTABLE, 3 * item.psi_by_chance):
            yield _note(
                f"{item.name} has a stability index of {item.psi:.2f} between the parts, {item.psi_by_chance:.2f} being"
                " usual for parts of these sizes."
            )
