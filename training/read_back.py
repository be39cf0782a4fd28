"""Reading back: a stored bundle answers its own examples as the pipeline does, or it is not kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from bundle.contract import Feature, encode_value
from bundle.format import INPUT_NAME, PREDICTION_NAME
from bundle.numbers import number_text
from bundle.store import Bundle
from training.errors import SaveError
from training.frames import to_frame
from training.parity import differences, pipeline_answers
from training.texts import text_number
from training.wide_rows import wide_rows


def check_examples(bundle: Bundle, pipeline: Any, relative_max: float) -> None:
    """Let a stored bundle predict its examples and compare its answers with the pipeline's.

    This goes the way of a request: JSON values, encoded by the contract, through the stored graph.

    Args:
        bundle: As read from the store.
        pipeline: The pipeline or estimator from which it was made.
        relative_max: Largest relative difference allowed.

    Raises:
        SaveError: an answer differs.
        ValueError: the graph does not give one answer per row.
    """
    contract = bundle.contract
    rows = np.array(
        [[_number(feature, row[feature.name]) for feature in contract.features] for row in bundle.examples],
        dtype=np.float64,
    )
    session = onnxruntime.InferenceSession(bundle.model_path, providers=["CPUExecutionProvider"])
    got = np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: wide_rows(session, rows)})[0], dtype=np.float64)
    expected = pipeline_answers(pipeline, to_frame(rows, contract), contract)
    # A probability near 0 is measured against what is usual for its class: its own last bits say nothing.
    _, relative = differences(expected, got, np.abs(expected).mean(axis=0))
    difference = relative.reshape(len(rows), -1).max(axis=1)
    worst = int(np.argmax(difference))
    if not difference[worst] <= relative_max:
        raise SaveError(
            f"{bundle.tag}: the stored bundle answers {_answer_text(got[worst])} to its example {worst}, the pipeline"
            f" {_answer_text(expected[worst])} (relative difference {difference[worst]:.3g}, allowed {number_text(relative_max)})."
            " Nothing was saved; report it with the config."
        )


def _number(feature: Feature, value: Any) -> float:
    """Return the number by which a value of an example travels; of a text, the one within this process."""
    return text_number(value) if feature.type == "text" and value is not None else encode_value(feature, value)


def _answer_text(answer: Any) -> str:
    """Return an answer for a message: a number, or the numbers of a classification."""
    numbers = np.atleast_1d(answer)
    shown = ", ".join(number_text(number) for number in numbers)
    return shown if np.ndim(answer) == 0 else f"[{shown}]"
