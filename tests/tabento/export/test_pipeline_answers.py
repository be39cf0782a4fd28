"""The pipeline's answers in the shape of the graph's output."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from tabento.export.pipeline_answers import answer_type, label_indices, pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import LABELS, contract, fit_specimen, make_preprocessing, table

FRAME = to_frame(to_rows(table(20)[0], contract()), contract())


def test_numbers_are_one_dimensional() -> None:
    """A regression answers float64 of shape (N,)."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), Ridge()))
    answers = pipeline_answers(pipeline, FRAME, contract())
    assert answers.shape == (20,)
    assert answers.dtype == np.float64


def test_label_comes_before_its_probabilities() -> None:
    """A classification answers the label's index and the probabilities; without them the index alone."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), LogisticRegression(max_iter=1)), labels=True)
    answers = pipeline_answers(pipeline, FRAME, contract(classes=LABELS))
    assert answers.shape == (20, 4)
    np.testing.assert_array_equal(answers[:, 0], answers[:, 1:].argmax(axis=1))
    np.testing.assert_array_equal(answers[:, 1:], pipeline.predict_proba(FRAME))
    alone = pipeline_answers(pipeline, FRAME, contract(classes=LABELS, probabilities=False))
    np.testing.assert_array_equal(alone, answers[:, :1])


def test_other_classes_are_refused() -> None:
    """The order of the classes is the contract's, or the answers would be mixed up."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), LogisticRegression(max_iter=1)), labels=True)
    with pytest.raises(ValueError, match=r"\['low', 'high', 'middle'\], got \['high', 'low', 'middle'\]"):
        pipeline_answers(pipeline, FRAME, contract(classes=("low", "high", "middle")))


def test_labels_of_every_type_have_an_index() -> None:
    """Strings, integers and booleans are found; an unknown label has none."""
    np.testing.assert_array_equal(label_indices(np.array([True, False]), np.array([False, True])), [1, 0])
    np.testing.assert_array_equal(label_indices(np.array([7, 3]), np.array([3, 7])), [1, 0])
    np.testing.assert_array_equal(label_indices(["b", "?"], np.array(["a", "b"])), [1, np.nan])


def test_type_of_the_answers() -> None:
    """Numbers and probabilities determine the type; a classifier without either is treated as double."""
    assert answer_type(fit_specimen(make_pipeline(make_preprocessing(), Ridge())), FRAME) == np.float64
    assert (
        answer_type(fit_specimen(make_pipeline(make_preprocessing(), LinearSVC(max_iter=1)), labels=True), FRAME)
        == np.float64
    )
