"""The expected answers: the answers to the sample of the version of scikit-learn that fitted the pipeline, row by row.

They are a CSV file with one row for each row of the sample, in its order. One column has the label or the number. A
classifier with probabilities has an additional column for each class, named as the class. A pipeline with several answers a
row has a column for each, named as the answer. They prove that the pipeline gives the same answers here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.adopt.errors import AdoptionError
from tabento.adopt.sample import class_indices
from tabento.bundle.contract import Contract, Label, OutputTarget, label_key
from tabento.bundle.numbers import number_text
from tabento.parity import differences
from tabento.tables.csv_table import csv_text, read_cells

PREDICTION_COLUMNS = ("prediction", "predicted", "label", "answer")
"""Names of the column with the label or number, besides the target's."""
DIFFERENCE_MAX = 1e-6
"""The largest relative difference of a number, and the largest difference of a probability. Another build of NumPy adds
numbers in another order, and a file can have fewer digits; a change between versions is larger."""
_ROWS_IN_MESSAGE = 5
"""The largest number of rows in an error."""


@dataclass(frozen=True)
class ExpectedAnswers:
    """The content of the file."""

    source: str
    """The file's name without its folder."""
    answers: NDArray[np.float64]
    """Shape (N,) for numbers; of a classification (N, W): a label's index and, behind it, the probabilities; of several
    targets (N, W)."""


@dataclass(frozen=True)
class AnswerComparison:
    """The distance of the pipeline's answers from the expected answers."""

    source: str
    rows: int
    worst: float
    """The largest relative difference of a number, or the largest difference of a probability."""

    def in_words(self) -> str:
        """Return the result as a remark."""
        return (
            f"its answers to all {self.rows:,} rows of the sample equal the answers in {self.source} of the version that"
            f" fitted it (largest difference {self.worst:.2g})"
        )


def read_expected(path: Path, contract: Contract, rows: int) -> ExpectedAnswers:
    """Read the expected answers.

    Args:
        path: the CSV file.
        contract: the answer's name, and its classes.
        rows: the number of rows of the sample.

    Raises:
        AdoptionError: it cannot be read, has other columns or another number of rows, or a cell that is not a valid answer.
        DataError: it is not a CSV file with a header and rows.
    """
    if path.is_dir():
        raise AdoptionError(f"{path} is a folder: expected a CSV file of answers. Correct --expected.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise AdoptionError(f"there is no file {path}. Correct --expected.") from None
    except OSError as error:
        raise AdoptionError(f"{path} cannot be read: {error.strerror}. Correct --expected.") from error
    text = csv_text(content, path.name)
    cells = read_cells(text, path.name)
    if len(cells) != rows:
        raise AdoptionError(
            f"{path.name} has {len(cells):,} rows, the sample has {rows:,}: expected one answer for each row of the"
            " sample, in its order. Write the answers to this very sample."
        )
    if contract.output.targets is not None:
        return ExpectedAnswers(path.name, _several(path.name, cells, contract.output.targets))
    answer_column, probability_columns = _columns(path.name, [str(name) for name in cells.columns], contract)
    parts = [_labels(cells, answer_column, contract.output.classes, path.name)]
    parts += [_numbers(cells, column, path.name) for column in probability_columns]
    answers = parts[0] if contract.output.classes is None else np.stack(parts, axis=1)
    return ExpectedAnswers(path.name, answers)


def compare_expected(
    expected: ExpectedAnswers, answers: NDArray[np.float64], contract: Contract, origin: str
) -> AnswerComparison:
    """Compare the pipeline's answers with the expected answers.

    Args:
        expected: from ``read_expected``.
        answers: the pipeline's answers to the sample, of the same shape.
        contract: the meaning of the answers.
        fitted_version: the version that fitted the pipeline, as text for messages.

    Raises:
        AdoptionError: they differ; the message lists the worst rows.
    """
    expected_values, actual_values = expected.answers, answers.reshape(expected.answers.shape)
    if contract.output.targets is not None and contract.output.label_sets:
        distance = np.where((expected_values != actual_values).any(axis=1), np.inf, 0.0)
    elif contract.output.targets is not None:
        distance = differences(expected_values, actual_values, np.abs(expected_values).mean(axis=0))[1].max(axis=1)
    elif contract.output.classes is None:
        _, distance = differences(expected_values, actual_values, float(np.abs(expected_values).mean()))
    else:
        distance = np.abs(expected_values[:, 1:] - actual_values[:, 1:]).max(axis=1, initial=0.0)
        # If two classes are equally probable, the last bit decides the label.
        distance = np.where(
            (expected_values[:, 0] != actual_values[:, 0]) & ~_are_tied(expected_values[:, 1:]), np.inf, distance
        )
    wrong = ~(distance <= DIFFERENCE_MAX)
    if not wrong.any():
        return AnswerComparison(expected.source, len(actual_values), float(distance.max(initial=0.0)))
    order = np.argsort(-np.nan_to_num(distance, nan=np.inf), kind="stable")[:_ROWS_IN_MESSAGE]
    lines = [
        f"  row {row + 1}: expected {_answer_text(expected_values[row], contract)}, got {_answer_text(actual_values[row], contract)}"
        for row in order
        if wrong[row]
    ]
    raise AdoptionError(
        f"the pipeline does not answer here what {expected.source} says that it answered {origin}:"
        f" {int(wrong.sum()):,} of {len(actual_values):,} rows differ by more than {number_text(DIFFERENCE_MAX)}. The worst:\n"
        + "\n".join(lines)
        + "\nFit it again with the scikit-learn that is installed here. If the file has the answers to other rows, or of"
        " another pipeline, correct --expected."
    )


def _columns(source: str, header: Sequence[str], contract: Contract) -> tuple[str, list[str]]:
    """Return the column of the label or number, and the columns of the probabilities in the classes' order."""
    classes = contract.output.classes or ()
    keys = [label_key(label) for label in classes] if contract.output.probabilities else []
    by_class = {key: _column_of(key, label, header) for key, label in zip(keys, classes, strict=False)}
    missing = [key for key, column in by_class.items() if column is None]
    class_columns = [column for column in by_class.values() if column is not None]
    names = [
        name for name in (contract.output.name, *PREDICTION_COLUMNS) if name in header and name not in class_columns
    ]
    remaining = [name for name in header if name not in class_columns]
    answer = names[0] if names else (remaining[0] if len(remaining) == 1 else None)
    if missing or answer is None:
        lines = [f"  no column {key!r}, for the probability of this class" for key in missing]
        lines += [] if answer else [f"  no column 'prediction', for the {'label' if classes else 'number'}"]
        raise AdoptionError(
            f"{source} does not have the answers of this pipeline; its columns are {', '.join(map(repr, header))}:\n"
            + "\n".join(lines)
            + "\nExpected: prediction"
            + "".join(f", {key}" for key in keys)
            + ". docs/import.md shows the lines that write it."
        )
    return answer, class_columns


def _column_of(key: str, label: Any, header: Sequence[str]) -> str | None:
    """Return the column of a class's probabilities, in any spelling of its label."""
    spellings = dict.fromkeys([key, str(label), *class_indices([label])])
    return next((name for spelling in spellings for name in header if name == spelling), None)


def _several(source: str, cells: pd.DataFrame, targets: Sequence[OutputTarget]) -> NDArray[np.float64]:
    header = [str(name) for name in cells.columns]
    missing = [target.name for target in targets if target.name not in header]
    if missing:
        raise AdoptionError(
            f"{source} does not have the answers of this pipeline; its columns are {', '.join(map(repr, header))}, and"
            f" {', '.join(map(repr, missing))} {'is' if len(missing) == 1 else 'are'} missing. Expected a column for each of"
            " `output.targets`, named as there."
        )
    return np.stack([_labels(cells, target.name, target.classes, source) for target in targets], axis=1)


def _labels(cells: pd.DataFrame, column: str, classes: Sequence[Label] | None, source: str) -> NDArray[np.float64]:
    if classes is None:
        return _numbers(cells, column, source)
    indices_by_text = class_indices(classes)
    texts = cells[column].tolist()
    indices = [indices_by_text.get(text.strip(), indices_by_text.get(text.strip().lower(), -1)) for text in texts]
    if -1 in indices:
        row = indices.index(-1)
        raise AdoptionError(
            f"{source}: column {column!r}, row {row + 1}: expected one of the pipeline's classes"
            f" {list(classes)}, got {texts[row]!r}. Correct the file."
        )
    return np.array(indices, dtype=np.float64)


def _numbers(cells: pd.DataFrame, column: str, source: str) -> NDArray[np.float64]:
    values = pd.to_numeric(cells[column], errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise AdoptionError(
            f"{source}: column {column!r}, row {row + 1}: expected a finite number, got"
            f" {cells[column].iloc[row]!r}. Correct the file."
        )
    return values


def _are_tied(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the mask of rows whose two largest probabilities are equal up to rounding, bool of shape (N,)."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities), dtype=bool)
    largest_two = np.sort(probabilities, axis=1)[:, -2:]
    is_tied: NDArray[np.bool_] = largest_two[:, 1] - largest_two[:, 0] <= DIFFERENCE_MAX
    return is_tied


def _answer_text(answer: Any, contract: Contract) -> str:
    targets = contract.output.targets
    if targets is not None:
        return ", ".join(
            f"{target.name}: {float(value):.12g}"  # rounded: a computed answer
            if target.classes is None
            else f"{target.name}: {target.classes[int(value)]!r}"
            for target, value in zip(targets, answer, strict=True)
        )
    classes = contract.output.classes
    if classes is None:
        return f"{float(answer):.12g}"  # rounded: a computed answer
    label = repr(classes[int(answer[0])])
    shares = ", ".join(
        f"{label_key(key)}: {value:.6g}"  # rounded: a computed share
        for key, value in zip(classes, answer[1:], strict=False)
    )
    return f"{label} ({shares})" if shares else label
