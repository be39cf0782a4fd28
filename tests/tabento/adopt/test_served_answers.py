"""What the service refuses to answer is refused by the import."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tabento.adopt.errors import AdoptionError
from tabento.adopt.served_answers import require_servable, row_as_sent
from tabento.bundle.contract import Contract, Feature, Output

NUMBER = Contract(
    name="m",
    title="M",
    description="d",
    task="regression",
    features=(Feature(name="a", type="number", nullable=True), Feature(name="b", type="category", categories=("ö",))),
    output=Output(name="y"),
    p99_ms=10,
)
LABELS = NUMBER.model_copy(
    update={"task": "classification", "output": Output(name="y", classes=("no", "yes"), probabilities=True)}
)
BARE = LABELS.model_copy(update={"output": Output(name="y", classes=("no", "yes"), probabilities=False)})


def require(answers: NDArray[np.float64], contract: Contract) -> None:
    """Check answers to rows 1, 2, …"""
    require_servable(answers, contract, lambda row: f"is row {row + 1}", "Mend it.")


@pytest.mark.parametrize(
    ("answers", "contract"),
    [
        (np.array([1.0, -1e300]), NUMBER),
        (np.array([[1.0], [2.0]]), NUMBER),
        (np.empty((0, 1)), NUMBER),
        (np.array([[0, 1 + 1e-12, -1e-12], [1, 0.25, 0.75]]), LABELS),
        (np.array([[0, np.float32(0.7), np.float32(0.3)]], dtype=np.float64), LABELS),
        (np.array([[0.0], [1.0]]), BARE),
    ],
)
def test_answers_that_are_served_pass(answers: NDArray[np.float64], contract: Contract) -> None:
    """Rounding of doubles and of float32 is accepted."""
    require(answers, contract)


@pytest.mark.parametrize(
    ("answers", "contract", "message"),
    [
        (np.array([1.0, np.nan]), NUMBER, r"1 of 2 answers.*finite. First is row 2: it answers nan. Mend it."),
        (np.array([[np.inf]]), NUMBER, "finite"),
        (np.array([[0, 7.8, 0.2]]), LABELS, r"between 0 and 1.*'no' with the probabilities \{no: 7.8, yes: 0.2\}"),
        (np.array([[0, np.nan, 0.2]]), LABELS, "between 0 and 1"),
        (np.array([[0, 1.1, -0.1]]), LABELS, "between 0 and 1"),
        (np.array([[1, 0.3, 0.3]]), LABELS, "add up to 1"),
        (np.array([[2, 0.5, 0.5]]), LABELS, r"one of \['no', 'yes'\].*class number 2.0"),
        (np.array([[np.nan]]), BARE, "one of"),
        (np.array([[0.5]]), BARE, "class number 0.5"),
    ],
)
def test_answers_that_are_not_served_are_refused(
    answers: NDArray[np.float64], contract: Contract, message: str
) -> None:
    """The error has the number of refused answers, the first of them, and the expectation."""
    with pytest.raises(AdoptionError, match=message):
        require(answers, contract)


def test_row_is_shown_as_it_is_sent() -> None:
    """Missing values are null, letters stay as they are."""
    assert row_as_sent(np.array([np.nan, 0.0]), NUMBER) == '{"a": null, "b": "ö"}'
