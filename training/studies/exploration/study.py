"""The study of a data set: every number that its report shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from training.config import ModelConfig
from training.model.sampling import sample_rows
from training.studies.exploration.association import category_associations, correlations
from training.studies.exploration.comparison import ColumnComparison, compare_parts
from training.studies.exploration.missing import Missing, study_missing
from training.studies.exploration.profile import Profile, profile_category, profile_feature, profile_number
from training.studies.exploration.relation import Relation, relate
from training.studies.exploration.spikes import Spike, find_spikes

SAMPLE_ROWS = 20_000
"""The largest number of rows for relations, correlations and plots; more rows are sampled. The standard error of a correlation is
then below 0.01."""


@dataclass(frozen=True)
class StudyData:
    """All results of the study of a data set."""

    rows: int
    duplicates: int
    profiles: tuple[Profile, ...]
    """The profiles of the features, in the contract's order."""
    target: Profile
    spikes: tuple[Spike, ...]
    missing: Missing
    pearson: pd.DataFrame
    spearman: pd.DataFrame
    associations: pd.DataFrame
    relations: tuple[Relation, ...]
    comparisons: tuple[ColumnComparison, ...]


def compute_study(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame) -> StudyData:
    """Compute all results that the report shows.

    Args:
        config: the model's config.
        train: the validated rows of the training part.
        test: the validated rows of the test part, for the comparison only.
    """
    names = [feature.name for feature in config.features]
    numbers = [feature.name for feature in config.features if feature.type != "category"]
    categories = [feature.name for feature in config.features if feature.type == "category"]
    target = train[config.target.name].to_numpy(dtype=np.float64)
    classes = config.target.classes
    sample = sample_rows(train, SAMPLE_ROWS, config.seed)
    pearson, spearman = correlations(sample, numbers if classes else [*numbers, config.target.name])
    return StudyData(
        rows=len(train),
        duplicates=int(train[[*names, config.target.name]].duplicated().sum()),
        profiles=tuple(profile_feature(feature, train[feature.name]) for feature in config.features),
        target=_profile_target(config, target),
        spikes=() if classes else tuple(find_spikes(target)),
        missing=study_missing(train, names, target, len(classes or ())),
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
