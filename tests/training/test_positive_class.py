"""The named class is the positive class: graph, metrics, threshold and labels are correct for either of the two classes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline

from tabento.bundle.contract import Contract
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export import export_pipeline, serialise
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.model.metrics import measure
from training.model.pipeline import fit_pipeline, threshold_of

ROWS = 400


def with_positive_class(positive: str, kind: str = "logistic_regression") -> ModelConfig:
    """Return the seedlings' config with a given positive class."""
    target = seedling_config().target.model_dump()
    return seedling_config(target={**target, "positive": positive}, estimator={"kind": kind})


def answers_of(config: ModelConfig) -> tuple[Pipeline, Contract, NDArray[np.float64], NDArray[np.float64]]:
    """Fit on the first half of the rows; return the pipeline, its contract, and outcomes and answers of the second half.

    An outcome is True for a seedling that died.
    """
    frame = seedling_frame(ROWS)
    died = frame["fate"].to_numpy(dtype=np.float64) == 1
    index = [item.label for item in config.target.classes or ()].index("died")
    frame["fate"] = np.where(died, index, 1 - index).astype(np.float64)
    pipeline = fit_pipeline(config, frame.head(ROWS // 2))
    contract = config.contract(threshold=threshold_of(pipeline))
    rows = to_rows(frame.tail(ROWS // 2), contract)
    return pipeline, contract, died[ROWS // 2 :], pipeline_answers(pipeline, to_frame(rows, contract), contract)


@pytest.mark.parametrize("kind", ["logistic_regression", "decision_tree"])
def test_graph_and_metrics_use_the_named_class(kind: str) -> None:
    """With the survivors as positive class, class order, probabilities, threshold, labels and metrics are about the survivors."""
    config = with_positive_class("alive", kind)
    pipeline, contract, died, answers = answers_of(config)
    assert contract.output.classes == ("died", "alive")
    threshold = contract.output.threshold
    assert threshold is not None
    np.testing.assert_array_equal(answers[:, 0] == 1, answers[:, 2] >= threshold)

    session = onnxruntime.InferenceSession(serialise(export_pipeline(pipeline, contract)))
    rows = to_rows(seedling_frame(ROWS).tail(ROWS // 2), contract)
    graph_answers = session.run([PREDICTION_NAME], {INPUT_NAME: rows})[0]
    np.testing.assert_allclose(graph_answers, answers, rtol=1e-9)

    alive = ~died.astype(bool)
    metrics = measure(config, alive.astype(np.float64), answers)
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(alive, answers[:, 2]))
    assert metrics["roc_auc"] > 0.6
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert metrics[name] == pytest.approx(score(alive, answers[:, 0]))


def test_either_positive_class_gives_the_same_probabilities() -> None:
    """The probabilities of both choices are mirrored; only the threshold is about the other class."""
    _, first_contract, _, died_answers = answers_of(with_positive_class("died"))
    _, second_contract, _, alive_answers = answers_of(with_positive_class("alive"))
    assert (first_contract.output.classes, second_contract.output.classes) == (("alive", "died"), ("died", "alive"))
    np.testing.assert_allclose(died_answers[:, 1], alive_answers[:, 2], rtol=1e-4)


def test_pipeline_keeps_labels_in_alphabetical_order() -> None:
    """A pipeline answers the labels if they are in alphabetical order, else their indices, with 1 for the positive class."""
    pipeline, _, _, _ = answers_of(with_positive_class("died"))
    assert list(pipeline.classes_) == ["alive", "died"]
    pipeline, _, _, _ = answers_of(with_positive_class("alive"))
    assert list(pipeline.classes_) == [0, 1]
