"""Each row is answered by a pipeline that has not seen it."""

from __future__ import annotations

import numpy as np

from tabento.tables.frames import to_frame, to_rows
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.model.cross_validation import make_folds
from training.model.out_of_fold import predict_out_of_fold
from training.model.pipeline import fit_pipeline

CONFIG = orchard_config(estimator={"kind": "decision_tree", "params": {"max_depth": 4}})


def test_answers_are_those_of_a_fit_on_the_other_rows() -> None:
    """A fold's answers equal those of a pipeline that was fitted on its training rows by hand."""
    frame = orchard_frame(90)
    folds = make_folds(CONFIG, frame, 3, 1)
    answers = predict_out_of_fold(CONFIG, frame, CONFIG.decisions(), folds, n_jobs=1)
    seen, held_out = folds[1]
    contract = CONFIG.contract()
    pipeline = fit_pipeline(CONFIG, frame.iloc[seen])
    expected = pipeline.predict(to_frame(to_rows(frame.iloc[held_out], contract), contract))
    np.testing.assert_array_equal(answers[1], expected)


def test_held_out_labels_do_not_change_the_answers() -> None:
    """Other labels in the rows of a fold do not change that fold's answers, but the answers of the other folds."""
    frame = orchard_frame(90)
    folds = make_folds(CONFIG, frame, 3, 1)
    changed = frame.copy()
    changed.loc[folds[0][1], "apples"] *= 3
    before = predict_out_of_fold(CONFIG, frame, CONFIG.decisions(), folds, n_jobs=1)
    after = predict_out_of_fold(CONFIG, changed, CONFIG.decisions(), folds, n_jobs=1)
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


def test_number_of_processes_changes_nothing() -> None:
    """One process and two give the same answers, bit by bit."""
    frame = orchard_frame(90)
    folds = make_folds(CONFIG, frame, 3, 1)
    alone = predict_out_of_fold(CONFIG, frame, CONFIG.decisions(), folds, n_jobs=1)
    shared = predict_out_of_fold(CONFIG, frame, CONFIG.decisions(), folds, n_jobs=2)
    for one_process, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one_process, other)


def test_classification_chooses_its_threshold_in_each_fold() -> None:
    """Labels follow the threshold with the best F1, not one half: more rows of the rare class are found."""
    config = seedling_config(estimator={"kind": "logistic_regression"})
    frame = seedling_frame(300)
    folds = make_folds(config, frame, 3, 1)
    answers = predict_out_of_fold(config, frame, config.decisions(), folds, n_jobs=1)
    assert [part.shape for part in answers] == [(len(held_out), 3) for _, held_out in folds]
    all_labels = np.concatenate(answers)
    assert set(all_labels[:, 0]) == {0.0, 1.0}
    assert (all_labels[:, 0] == 1).sum() > (all_labels[:, 2] > 0.5).sum()
