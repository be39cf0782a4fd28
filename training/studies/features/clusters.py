"""The cluster study: the number of cluster centres with which the model scores best.

Silhouette, Davies-Bouldin and inertia measure how well the places form clusters. The model needs a map that is fine enough to
distinguish places, so its score in cross-validation decides.
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

from tabento.transformers.cluster_similarity import RESTARTS
from training.config import Decisions
from training.model.cross_validation import Fold
from training.progress import Progress
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.scores import Score, within_one_standard_error

SILHOUETTE_ROWS = 5_000
"""The largest number of rows for the silhouette, which compares every row with every other; more rows are sampled."""


@dataclass(frozen=True)
class ClusterFigures:
    """The results of one number of clusters."""

    silhouette: float
    """Mean over the rows, -1 … 1, higher is better (P. Rousseeuw, 1987); NaN for a single cluster."""
    davies_bouldin: float
    """Lower is better (D. Davies & D. Bouldin, 1979); NaN for a single cluster."""
    inertia: float
    """The summed squared distance to the nearest centre, in the squared unit of the columns."""
    score: Score
    """The model's score with this number of clusters."""


@dataclass(frozen=True)
class ClusterStudy:
    """The compared numbers of clusters, with the choice."""

    metric: str
    columns: tuple[str, ...]
    figures: dict[int, ClusterFigures]
    """The results by number of clusters, ascending."""
    skipped: tuple[int, ...]
    """The numbers that were skipped, because the rows of a fold have too few distinct places."""
    best: int
    """The choice of the study."""
    pinned: bool
    chosen: int
    """The value that is used."""


def study_clusters(evaluation: FeatureEvaluation, decisions: Decisions, progress: Progress) -> ClusterStudy | None:
    """Compare the numbers of ``config.studies.clusters`` and the one decided so far.

    Args:
        evaluation: the config, the training rows, and the scores of the model.
        decisions: all other decisions.
        progress: reports each number.

    Returns:
        The results and the choice, the smallest number within one standard error of the best score. None if the config has no
        clusters, or the model does not use their columns.

    Raises:
        ConfigError, TabentoError: the pipeline cannot be fitted.
    """
    config, frame, metric = evaluation.config, evaluation.frame, evaluation.metric
    clusters = config.derived.clusters
    if clusters is None or decisions.n_clusters is None or not {*clusters.columns} <= {*decisions.columns}:
        return None
    places = frame[list(clusters.columns)].to_numpy(dtype=np.float64)
    possible = _minimum_distinct_places(places, evaluation.folds)
    requested = sorted({*config.studies.clusters, decisions.n_clusters})
    candidates = [number for number in requested if number <= possible or number == decisions.n_clusters]
    complete_places = places[~np.isnan(places).any(axis=1)]
    with progress.step("Cluster the places") as step:
        shapes = Parallel(n_jobs=min(cpu_count(), len(candidates)))(
            delayed(_cluster_metrics)(complete_places, number, config.seed) for number in candidates
        )
        step.detail = f"{len(candidates)} numbers of clusters in {', '.join(clusters.columns)}"
    figures: dict[int, ClusterFigures] = {}
    for number, (silhouette, davies_bouldin, inertia) in zip(candidates, shapes, strict=True):
        with progress.step(f"{number} clusters") as step:
            score = evaluation.score(decisions.model_copy(update={"n_clusters": number}))
            figures[number] = ClusterFigures(silhouette, davies_bouldin, inertia, score)
            step.detail = f"{metric} {score.mean:,.5g} ± {score.standard_error:.2g}, silhouette {silhouette:.3f}"
    best = min(within_one_standard_error(metric, {number: item.score for number, item in figures.items()}))
    pinned = "clusters" in config.studies.pin
    return ClusterStudy(
        metric=metric,
        columns=clusters.columns,
        figures=figures,
        skipped=tuple(number for number in requested if number not in figures),
        best=best,
        pinned=pinned,
        chosen=decisions.n_clusters if pinned else best,
    )


def _minimum_distinct_places(places: NDArray[np.float64], folds: Sequence[Fold]) -> int:
    """Return the smallest number of distinct places in the training rows of a fold."""
    return min(len(np.unique(places[seen][~np.isnan(places[seen]).any(axis=1)], axis=0)) for seen, _ in folds)


def _cluster_metrics(places: NDArray[np.float64], number: int, seed: int) -> tuple[float, float, float]:
    """Return silhouette, Davies-Bouldin and inertia of a number of clusters, fitted as in the pipeline."""
    with threadpool_limits(limits=1):
        k_means = KMeans(number, n_init=RESTARTS, random_state=seed).fit(places)
        labels = k_means.labels_
        silhouette = davies_bouldin = float("nan")
        if 1 < len(np.unique(labels)) < len(places):
            davies_bouldin = float(davies_bouldin_score(places, labels))
            rows = np.arange(len(places))
            if len(places) > SILHOUETTE_ROWS:
                rows = np.random.default_rng(seed).choice(len(places), SILHOUETTE_ROWS, replace=False)
            if 1 < len(np.unique(labels[rows])) < len(rows):
                silhouette = float(silhouette_score(places[rows], labels[rows]))
    return silhouette, davies_bouldin, float(k_means.inertia_)
