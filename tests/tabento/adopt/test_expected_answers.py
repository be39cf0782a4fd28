"""The answers of the version that fitted a pipeline, read from a file and compared row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tabento.adopt.errors import AdoptionError
from tabento.adopt.expected_answers import ExpectedAnswers, compare_expected, read_expected
from tabento.bundle.contract import Contract, Feature, Output
from tabento.tables.faults import DataError

NUMBER = Contract(
    name="m",
    title="M",
    description="d",
    task="regression",
    features=(Feature(name="a", type="number"),),
    output=Output(name="price"),
    p99_ms=10,
)


def of_classes(*classes: str | int | bool, probabilities: bool = True) -> Contract:
    """A contract of a classification."""
    output = Output(name="kind", classes=classes, probabilities=probabilities)
    return NUMBER.model_copy(update={"task": "classification", "output": output})


LABELS = of_classes("no", "yes")


def write_answers(text: str, folder: Path) -> Path:
    """Write a file of answers."""
    path = folder / "answers.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["prediction", "price", "anything"])
def test_numbers_are_read(header: str, tmp_path: Path) -> None:
    """The column has the name prediction or the name of the target, or is the only column."""
    expected = read_expected(write_answers(f"{header}\n1.5\n-2e3\n", tmp_path), NUMBER, 2)
    assert expected.answers.tolist() == [1.5, -2000.0]


def test_labels_and_probabilities_are_read(tmp_path: Path) -> None:
    """Columns can have any order; additional columns are ignored."""
    path = write_answers("yes,row,prediction,no\n0.75,1,yes,0.25\n0.1,2,no,0.9\n", tmp_path)
    assert read_expected(path, LABELS, 2).answers.tolist() == [[1, 0.25, 0.75], [0, 0.9, 0.1]]


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ((1, 2), "prediction,1,2\n2,0.25,0.75\n"),
        ((1, 2), "prediction,1.0,2.0\n2.0,0.25,0.75\n"),
        ((False, True), "prediction,False,True\nTrue,0.25,0.75\n"),
        ((False, True), "prediction,false,true\ntrue,0.25,0.75\n"),
    ],
)
def test_labels_may_be_written_as_pandas_writes_them(
    classes: tuple[int | bool, ...], text: str, tmp_path: Path
) -> None:
    """Labels can be integers with a point, or booleans with a capital."""
    assert read_expected(write_answers(text, tmp_path), of_classes(*classes), 1).answers.tolist() == [[1, 0.25, 0.75]]


def test_label_alone_is_enough_without_probabilities(tmp_path: Path) -> None:
    """A classifier without predict_proba, or a config without probabilities, needs only labels."""
    contract = of_classes("no", "yes", probabilities=False)
    assert read_expected(write_answers("kind\nyes\n", tmp_path), contract, 1).answers.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prediction,no,yes\nyes,0.25,0.75\n", r"has 1 rows, the sample has 2"),
        ("prediction\nyes\nno\n", r"no column 'no'[\s\S]*no column 'yes'[\s\S]*Expected: prediction, no, yes"),
        ("a,b,no,yes\nyes,yes,0.25,0.75\nyes,yes,0.25,0.75\n", "no column 'prediction', for the label"),
        ("prediction,no,yes\nyes,0.25,0.75\nmaybe,0.25,0.75\n", r"row 2: expected one of .*'maybe'"),
        ("prediction,no,yes\nyes,0.25,0.75\nyes,,0.75\n", r"column 'no', row 2: expected a finite number, got ''"),
        ("prediction,no,yes\nyes,0.25,inf\nyes,0.2,0.75\n", "column 'yes', row 1"),
    ],
)
def test_faults_of_the_file_are_told(text: str, message: str, tmp_path: Path) -> None:
    """The error names column, row, the expected and the actual value."""
    with pytest.raises(AdoptionError, match=message):
        read_expected(write_answers(text, tmp_path), LABELS, 2)


def test_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file, a folder and an empty file are errors."""
    with pytest.raises(AdoptionError, match=r"no file .*--expected"):
        read_expected(tmp_path / "none.csv", NUMBER, 1)
    with pytest.raises(AdoptionError, match="is a folder"):
        read_expected(tmp_path, NUMBER, 1)
    with pytest.raises(DataError):
        read_expected(write_answers("", tmp_path), NUMBER, 1)


def test_equal_answers_are_a_proof() -> None:
    """The last bits can differ; the result names the file and the number of rows."""
    expected = ExpectedAnswers("old.csv", np.array([1.0, 2.0]))
    compared = compare_expected(expected, np.array([1.0 + 1e-12, 2.0]), NUMBER, "with scikit-learn 1.3.2")
    assert (compared.rows, compared.worst < 1e-11) == (2, True)
    assert "all 2 rows" in compared.in_words()
    assert "old.csv" in compared.in_words()


def test_worst_numbers_are_shown_first() -> None:
    """The error lists at most five rows, each with both numbers."""
    expected = np.arange(1.0, 9.0)
    actual = expected.copy()
    actual[1:] += np.arange(1.0, 8.0)
    with pytest.raises(AdoptionError) as error:
        compare_expected(ExpectedAnswers("old.csv", expected), actual, NUMBER, "with scikit-learn 1.3.2")
    lines = str(error.value).splitlines()
    assert "with scikit-learn 1.3.2: 7 of 8 rows differ" in lines[0]
    assert lines[1].startswith("  row 8: expected 8, got 15")
    assert len([line for line in lines if line.startswith("  row")]) == 5


def test_other_label_and_other_probability_are_refused() -> None:
    """A label is not an error if two probabilities are equal."""
    expected = np.array([[0, 0.5, 0.5], [1, 0.2, 0.8], [0, 0.9, 0.1]])
    tie = expected.copy()
    tie[0, 0] = 1
    assert compare_expected(ExpectedAnswers("old.csv", expected), tie, LABELS, "there").worst == 0.0
    flipped, other_shares = expected.copy(), expected.copy()
    flipped[1, 0] = 0
    other_shares[2, 1:] = [0.8, 0.2]
    for actual, message in (
        (flipped, "row 2: expected 'yes'"),
        (other_shares, r"row 3: expected 'no' \(no: 0.9, yes: 0.1\)"),
    ):
        with pytest.raises(AdoptionError, match=message):
            compare_expected(ExpectedAnswers("old.csv", expected), actual, LABELS, "there")


def test_nan_differs_from_a_number() -> None:
    """NaN is not equal to a number."""
    with pytest.raises(AdoptionError, match="1 of 1 rows"):
        compare_expected(ExpectedAnswers("old.csv", np.array([1.0])), np.array([np.nan]), NUMBER, "there")
