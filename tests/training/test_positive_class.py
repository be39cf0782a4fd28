"""The positive class is the named one: everything that speaks of it is right whichever of the two it is."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline

from bundle.contract import Contract
from bundle.format import INPUT_NAME, PREDICTION_NAME
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.export import export_pipeline, serialise
from training.frames import to_frame, to_rows
from training.metrics import measure
from training.parity import pipeline_answers
from training.pipeline import fit_pipeline, threshold_of

ROWS = 400


def named(positive: str, kind: str = "logistic_regression") -> ModelConfig:
    """Return the seedlings' config with one of its classes as the positive one."""
    target = seedling_config().target.model_dump()
    return seedling_config(target={**target, "positive": positive}, estimator={"kind": kind})


def answers_of(config: ModelConfig) -> tuple[Pipeline, Contract, NDArray[np.float64], NDArray[np.float64]]:
    """Fit on some rows; return the pipeline, its contract, and truth and answers of other rows.

    Truth is True for a seedling that died, whatever the class is called.
    """
    frame = seedling_frame(ROWS)
    died = frame["fate"].to_numpy(dtype=np.float64) == 1
    place = [item.label for item in config.target.classes or ()].index("died")
    frame["fate"] = np.where(died, place, 1 - place).astype(np.float64)
    pipeline = fit_pipeline(config, frame.head(ROWS // 2))
    contract = config.contract(threshold=threshold_of(pipeline))
    rows = to_rows(frame.tail(ROWS // 2), contract)
    return pipeline, contract, died[ROWS // 2 :], pipeline_answers(pipeline, to_frame(rows, contract), contract)


@pytest.mark.parametrize("kind", ["logistic_regression", "decision_tree"])
def test_graph_and_metrics_speak_of_the_named_class(kind: str) -> None:
    """Class order, probabilities, threshold, label and metrics are those of the survivors if these are asked for."""
    config = named("alive", kind)
    pipeline, contract, died, answers = answers_of(config)
    assert contract.output.classes == ("died", "alive")
    threshold = contract.output.threshold
    assert threshold is not None
    np.testing.assert_array_equal(answers[:, 0] == 1, answers[:, 2] >= threshold)

    session = onnxruntime.InferenceSession(serialise(export_pipeline(pipeline, contract)))
    rows = to_rows(seedling_frame(ROWS).tail(ROWS // 2), contract)
    given = session.run([PREDICTION_NAME], {INPUT_NAME: rows})[0]
    np.testing.assert_allclose(given, answers, rtol=1e-9)

    alive = ~died.astype(bool)
    metrics = measure(config, alive.astype(np.float64), answers)
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(alive, answers[:, 2]))
    assert metrics["roc_auc"] > 0.6
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert metrics[name] == pytest.approx(score(alive, answers[:, 0]))


def test_both_choices_give_one_model() -> None:
    """The same rows have the same probabilities, mirrored; only the threshold speaks of another class."""
    _, first, _, of_died = answers_of(named("died"))
    _, second, _, of_alive = answers_of(named("alive"))
    assert (first.output.classes, second.output.classes) == (("alive", "died"), ("died", "alive"))
    np.testing.assert_allclose(of_died[:, 1], of_alive[:, 2], rtol=1e-4)


def test_labels_in_the_order_of_the_alphabet_are_learned_as_they_are() -> None:
    """A stored pipeline answers the labels then; else it answers their places, 1 for the positive class."""
    pipeline, _, _, _ = answers_of(named("died"))
    assert list(pipeline.classes_) == ["alive", "died"]
    pipeline, _, _, _ = answers_of(named("alive"))
    assert list(pipeline.classes_) == [0, 1]
