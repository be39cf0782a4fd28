"""The check of a stored bundle: it answers its own examples as the pipeline does, or it is removed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabento.bundle.contract import Feature, encode_value
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.numbers import number_text
from tabento.bundle.session import open_session
from tabento.bundle.store import Bundle
from tabento.errors import SaveError
from tabento.parity import differences, pipeline_answers
from tabento.parity.comparison.intervals import other_intervals
from tabento.tables.frames import to_frame
from tabento.tables.texts import text_number
from tabento.tables.wide_rows import wide_rows


def check_examples(bundle: Bundle, pipeline: Any, relative_max: float) -> None:
    """Compare the answers of a stored bundle to its examples, and their intervals or sets, with the pipeline's.

    The examples take the path of a request: JSON values, encoded by the contract, through the stored graph.

    Args:
        bundle: The bundle as read from the store.
        pipeline: The pipeline or estimator of the bundle.
        relative_max: The largest allowed relative difference.

    Raises:
        SaveError: an answer differs.
        ValueError: the graph does not give one answer per row.
    """
    contract = bundle.contract
    rows = np.array(
        [[_number(feature, row[feature.name]) for feature in contract.features] for row in bundle.examples],
        dtype=np.float64,
    )
    session = open_session(bundle.model_path)
    actual = np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: wide_rows(session, rows)})[0], dtype=np.float64)
    expected = pipeline_answers(pipeline, to_frame(rows, contract), contract)
    # A probability near 0 is compared with the typical probability of its class: its own last bits are only rounding.
    _, relative = differences(expected, actual, np.abs(expected).mean(axis=0))
    difference = relative.reshape(len(rows), -1).max(axis=1)
    worst = int(np.argmax(difference))
    if not difference[worst] <= relative_max:
        raise SaveError(
            f"{bundle.tag}: the stored bundle answers {_answer_text(actual[worst])} to its example {worst}, the pipeline"
            f" {_answer_text(expected[worst])} (relative difference {difference[worst]:.3g}, allowed {number_text(relative_max)})."
            " Nothing was saved; report it with the config."
        )
    other = other_intervals(contract, rows, expected.reshape(len(rows), -1), actual.reshape(len(rows), -1))
    if other.any():
        example = int(np.argmax(other))
        raise SaveError(
            f"{bundle.tag}: the stored bundle gives its example {example} another prediction interval or set than the pipeline:"
            f" {_answer_text(actual[example])} and {_answer_text(expected[example])} are on two sides of an edge of its table."
            " Nothing was saved; report it with the config."
        )


def _number(feature: Feature, value: Any) -> float:
    """Return the number that represents a value of an example in a packed row; for a text, its number in this process."""
    return text_number(value) if feature.type == "text" and value is not None else encode_value(feature, value)


def _answer_text(answer: Any) -> str:
    """Return an answer for a message: a number, or the numbers of a classification."""
    numbers = np.atleast_1d(answer)
    text = ", ".join(number_text(number) for number in numbers)
    return text if np.ndim(answer) == 0 else f"[{text}]"
