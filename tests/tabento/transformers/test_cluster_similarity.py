"""Similarity to the centres of clusters."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from tabento.transformers.cluster_similarity import RESTARTS, ClusterSimilarity

PLACES = np.random.default_rng(1).normal(size=(60, 2))


@parametrize_with_checks(
    [ClusterSimilarity(n_clusters=2, random_state=0), ClusterSimilarity(n_clusters=2, random_state=0, label=True)]
)  # type: ignore[untyped-decorator]
def test_cluster_similarity_is_a_scikit_learn_transformer(estimator: Any, check: Any) -> None:
    """Scikit-learn's own checks of a transformer pass."""
    check(estimator)


def test_similarity_is_the_gaussian_of_the_distance() -> None:
    """Each column is exp(-gamma · d²) to one centre."""
    fitted = ClusterSimilarity(n_clusters=3, gamma=0.7, random_state=0).fit(PLACES)
    distances = np.linalg.norm(PLACES[:, np.newaxis] - fitted.centres_, axis=2)
    np.testing.assert_allclose(fitted.transform(PLACES), np.exp(-0.7 * distances**2), rtol=1e-13)


def test_centre_is_wholly_similar_and_far_away_not_at_all() -> None:
    """A centre has similarity 1 to itself; a place too far for a double has 0, without a warning."""
    fitted = ClusterSimilarity(n_clusters=2, random_state=0).fit(PLACES)
    assert fitted.transform(fitted.centres_)[0, 0] == 1.0
    assert (fitted.transform(np.array([[1e200, 0.0]])) == 0.0).all()


def test_same_seed_same_centres() -> None:
    """Two fits with one seed find the same centres, bit for bit."""
    first, second = (ClusterSimilarity(5, random_state=3).fit(PLACES).centres_ for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_rows_do_not_depend_on_the_batch() -> None:
    """The similarities of a row do not depend on the other rows."""
    fitted = ClusterSimilarity(7, random_state=3).fit(PLACES)
    combined_rows = fitted.transform(PLACES)
    alone = np.concatenate([fitted.transform(place[np.newaxis]) for place in PLACES])
    assert alone.tobytes() == combined_rows.tobytes()


def test_features_are_named_by_centre() -> None:
    """There is one name per centre."""
    fitted = ClusterSimilarity(2, random_state=0).fit(PLACES)
    assert list(fitted.get_feature_names_out()) == ["cluster_0", "cluster_1"]


def test_width_must_be_positive() -> None:
    """A gamma of zero is refused."""
    with pytest.raises(ValueError, match="gamma: expected a positive number, got 0"):
        ClusterSimilarity(gamma=0).fit(PLACES)


def test_unfitted_is_refused() -> None:
    """Transforming before fitting is an error."""
    with pytest.raises(NotFittedError):
        ClusterSimilarity().transform(PLACES)


def test_the_label_is_the_nearest_centre() -> None:
    """The label is that of scikit-learn's k-means, follows the unchanged similarities, and has a name."""
    plain = ClusterSimilarity(6, random_state=3).fit(PLACES)
    fitted = ClusterSimilarity(6, random_state=3, label=True).fit(PLACES)
    answer = fitted.transform(PLACES)
    assert answer[:, :-1].tobytes() == plain.transform(PLACES).tobytes()
    kmeans = KMeans(6, n_init=RESTARTS, random_state=3).fit(PLACES)
    assert answer[:, -1].tolist() == kmeans.predict(PLACES).tolist()
    assert fitted.get_feature_names_out().tolist() == [*plain.get_feature_names_out(), "cluster_label"]


def test_the_first_of_equally_near_centres_is_the_label() -> None:
    """The first centre is the label between two centres, on two equal centres, and if every distance overflows."""
    fitted = ClusterSimilarity(3, random_state=0, label=True).fit(PLACES)
    fitted.centres_ = np.array([[0.0, 1.0], [0.0, -1.0], [0.0, -1.0]])
    places = np.array([[5.0, 0.0], [0.0, -1.0], [1e200, 0.0], [0.0, 0.5]])
    assert fitted.transform(places)[:, -1].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_a_transformer_that_was_stored_before_labels_has_none() -> None:
    """A pipeline in the model store is read as it always was."""
    fitted = ClusterSimilarity(2, random_state=0).fit(PLACES)
    del fitted.__dict__["label"]
    stored = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - an object of the test
    assert stored.transform(PLACES).shape == (60, 2)
    assert stored.get_params()["label"] is False
