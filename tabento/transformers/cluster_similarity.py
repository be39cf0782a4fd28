"""Similarity to the centres of clusters: turns a location into features that a tree can split on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted, validate_data

from tabento.bundle.numbers import value_text

RESTARTS = 10
"""The number of starts of k-means; the best of ten is stable enough for features, and ten is scikit-learn's former default."""


class ClusterSimilarity(TransformerMixin, BaseEstimator):
    """exp(-gamma · d²) to each centre that k-means found, the Gaussian radial basis function.

    Squared distances are summed column by column in the given order rather than through scikit-learn's pairwise
    distances: those expand (x - c)² into products, whose rounding depends on the computer's BLAS, and a tree's
    threshold can be exactly on a training row's similarity.

    Args:
        n_clusters: how many centres.
        gamma: the width, in one over the squared unit of the columns; larger is narrower.
        random_state: seed of k-means.
        label: whether the number of the nearest centre, 0 to K-1, comes as one more column behind the similarities. Of
            equally near centres it is the first, by the distances as they are computed here.
    """

    label = False  # the default of a transformer that was stored before the parameter existed

    def __init__(
        self, n_clusters: int = 10, gamma: float = 1.0, random_state: int | None = None, label: bool = False
    ) -> None:
        self.n_clusters = n_clusters
        self.gamma = gamma
        self.random_state = random_state
        self.label = label

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the centres.

        Args:
            X: finite numbers of shape (N, D).
            y: ignored.
            sample_weight: weights of the rows, of shape (N,), or None.

        Raises:
            ValueError: gamma is not positive, a value is not finite, or there are fewer rows than clusters.
        """
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64)
        if not self.gamma > 0:
            raise ValueError(f"gamma: expected a positive number, got {value_text(self.gamma)}")
        kmeans = KMeans(self.n_clusters, n_init=RESTARTS, random_state=self.random_state)
        kmeans.fit(values, sample_weight=sample_weight)
        self.centres_: NDArray[np.float64] = np.ascontiguousarray(kmeans.cluster_centers_, dtype=np.float64)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the similarities, float64 of shape (N, n_clusters), between 0 and 1, then the label if ``label`` is set."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64, reset=False)
        squared = np.zeros((values.shape[0], len(self.centres_)), dtype=np.float64)
        # A distance beyond the largest double becomes infinity, as intended.
        with np.errstate(over="ignore"):
            for dimension in range(values.shape[1]):
                difference = values[:, dimension, np.newaxis] - self.centres_[:, dimension]
                squared += difference * difference
        similarities = similarity(squared, self.gamma)
        if not self.label:
            return similarities
        # Of the distances, as far similarities are all 0.
        return np.column_stack([similarities, squared.argmin(axis=1).astype(np.float64)])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Return ``cluster_0``, ``cluster_1``, … and, if ``label`` is set, ``cluster_label``; object of shape (n_clusters,)
        or (n_clusters + 1,)."""
        check_is_fitted(self)
        names = [f"cluster_{centre}" for centre in range(len(self.centres_))]
        return np.array([*names, "cluster_label"] if self.label else names, dtype=object)


def similarity(squared: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """Return exp(-gamma · d²) of squared distances d², in the same shape."""
    # A far point's similarity underflows to 0, as intended.
    with np.errstate(under="ignore", over="ignore"):
        return np.exp(squared * -gamma)
