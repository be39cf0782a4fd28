"""The pipeline's answers come in the graph's shape."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from tests.training.parity.specimens import LABELS, contract, fitted, prepared, table
from training.frames import to_frame, to_rows
from training.parity.answers import answer_type, label_indices, pipeline_answers

FRAME = to_frame(to_rows(table(20)[0], contract()), contract())


def test_numbers_are_one_dimensional() -> None:
    """A regression answers float64 of shape (N,)."""
    pipeline = fitted(make_pipeline(prepared(), Ridge()))
    given = pipeline_answers(pipeline, FRAME, contract())
    assert given.shape == (20,)
    assert given.dtype == np.float64


def test_label_comes_before_its_probabilities() -> None:
    """A classification answers the label's index and the probabilities; without them the index alone."""
    pipeline = fitted(make_pipeline(prepared(), LogisticRegression(max_iter=1)), labels=True)
    given = pipeline_answers(pipeline, FRAME, contract(classes=LABELS))
    assert given.shape == (20, 4)
    np.testing.assert_array_equal(given[:, 0], given[:, 1:].argmax(axis=1))
    np.testing.assert_array_equal(given[:, 1:], pipeline.predict_proba(FRAME))
    alone = pipeline_answers(pipeline, FRAME, contract(classes=LABELS, probabilities=False))
    np.testing.assert_array_equal(alone, given[:, :1])


def test_other_classes_are_refused() -> None:
    """The order of the classes is the contract's, or the answers would be mixed up."""
    pipeline = fitted(make_pipeline(prepared(), LogisticRegression(max_iter=1)), labels=True)
    with pytest.raises(ValueError, match=r"\['low', 'high', 'middle'\], got \['high', 'low', 'middle'\]"):
        pipeline_answers(pipeline, FRAME, contract(classes=("low", "high", "middle")))


def test_labels_of_every_type_have_an_index() -> None:
    """Strings, integers and booleans are found; an unknown label has none."""
    np.testing.assert_array_equal(label_indices(np.array([True, False]), np.array([False, True])), [1, 0])
    np.testing.assert_array_equal(label_indices(np.array([7, 3]), np.array([3, 7])), [1, 0])
    np.testing.assert_array_equal(label_indices(["b", "?"], np.array(["a", "b"])), [1, np.nan])


def test_type_of_the_answers() -> None:
    """Numbers and probabilities tell the type; a classifier without either counts as double."""
    assert answer_type(fitted(make_pipeline(prepared(), Ridge())), FRAME) == np.float64
    assert answer_type(fitted(make_pipeline(prepared(), LinearSVC(max_iter=1)), labels=True), FRAME) == np.float64
