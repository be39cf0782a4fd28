"""The cluster study: how many centres describe the places, and how many the model makes use of.

Silhouette, Davies-Bouldin and inertia say how well the places fall into clusters by themselves. The model wants
something else, a map fine enough to tell places apart, so its score in cross-validation decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits

from training.config import Decisions
from training.cross_validation import Fold
from training.features.judge import Judge
from training.features.scores import Score, within_one_standard_error
from training.progress import Progress
from training.transformers.cluster_similarity import RESTARTS

SILHOUETTE_ROWS = 5_000
"""Silhouettes compare every row with every other; so many are sampled where there are more."""


@dataclass(frozen=True)
class ClusterFigures:
    """What the study found of one number of clusters."""

    silhouette: float
    """Mean over the rows, -1 … 1, higher is better (P. Rousseeuw, 1987); NaN for a single cluster."""
    davies_bouldin: float
    """Lower is better (D. Davies & D. Bouldin, 1979); NaN for a single cluster."""
    inertia: float
    """The summed squared distance to the nearest centre, in the squared unit of the columns."""
    score: Score
    """The model's score with so many clusters."""


@dataclass(frozen=True)
class ClusterStudy:
    """The numbers of clusters that were compared, and what follows."""

    metric: str
    columns: tuple[str, ...]
    figures: dict[int, ClusterFigures]
    """By number of clusters, ascending."""
    skipped: tuple[int, ...]
    """Numbers for which the rows of a fold have too few distinct places."""
    best: int
    """What the study would take."""
    pinned: bool
    chosen: int
    """What is used."""


def study_clusters(judge: Judge, decisions: Decisions, progress: Progress) -> ClusterStudy | None:
    """Compare the numbers of ``config.studies.clusters`` and the one decided so far.

    Args:
        judge: gives the config, the training rows, and the model's score.
        decisions: everything else that is fitted.
        progress: is told of each number.

    Returns:
        The figures and the choice, which is the smallest number within one standard error of the best score; None where
        the config has no clusters, or the model does not use their columns.

    Raises:
        ConfigError, TrainingError: the pipeline cannot be fitted.
    """
    config, frame, metric = judge.config, judge.frame, judge.metric
    clusters = config.derived.clusters
    if clusters is None or decisions.n_clusters is None or not {*clusters.columns} <= {*decisions.columns}:
        return None
    places = frame[list(clusters.columns)].to_numpy(dtype=np.float64)
    possible = _fewest_places(places, judge.folds)
    asked = sorted({*config.studies.clusters, decisions.n_clusters})
    tried = [number for number in asked if number <= possible or number == decisions.n_clusters]
    known = places[~np.isnan(places).any(axis=1)]
    with progress.step("Cluster the places") as step:
        shapes = Parallel(n_jobs=min(cpu_count(), len(tried)))(
            delayed(_shape)(known, number, config.seed) for number in tried
        )
        step.detail = f"{len(tried)} numbers of clusters in {', '.join(clusters.columns)}"
    figures: dict[int, ClusterFigures] = {}
    for number, (silhouette, davies_bouldin, inertia) in zip(tried, shapes, strict=True):
        with progress.step(f"{number} clusters") as step:
            score = judge.score(decisions.model_copy(update={"n_clusters": number}))
            figures[number] = ClusterFigures(silhouette, davies_bouldin, inertia, score)
            step.detail = f"{metric} {score.mean:,.5g} ± {score.standard_error:.2g}, silhouette {silhouette:.3f}"
    best = min(within_one_standard_error(metric, {number: item.score for number, item in figures.items()}))
    pinned = "clusters" in config.studies.pin
    return ClusterStudy(
        metric=metric,
        columns=clusters.columns,
        figures=figures,
        skipped=tuple(number for number in asked if number not in figures),
        best=best,
        pinned=pinned,
        chosen=decisions.n_clusters if pinned else best,
    )


def _fewest_places(places: NDArray[np.float64], folds: Sequence[Fold]) -> int:
    """Return how many distinct places the poorest fold's training rows have."""
    return min(len(np.unique(places[seen][~np.isnan(places[seen]).any(axis=1)], axis=0)) for seen, _ in folds)


def _shape(places: NDArray[np.float64], number: int, seed: int) -> tuple[float, float, float]:
    """Return silhouette, Davies-Bouldin and inertia of so many clusters, as the pipeline would find them."""
    with threadpool_limits(limits=1):
        found = KMeans(number, n_init=RESTARTS, random_state=seed).fit(places)
        labels = found.labels_
        silhouette = davies_bouldin = float("nan")
        if 1 < len(np.unique(labels)) < len(places):
            davies_bouldin = float(davies_bouldin_score(places, labels))
            rows = np.arange(len(places))
            if len(places) > SILHOUETTE_ROWS:
                rows = np.random.default_rng(seed).choice(len(places), SILHOUETTE_ROWS, replace=False)
            if 1 < len(np.unique(labels[rows])) < len(rows):
                silhouette = float(silhouette_score(places[rows], labels[rows]))
    return silhouette, davies_bouldin, float(found.inertia_)
