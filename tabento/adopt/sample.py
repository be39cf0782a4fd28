"""The sample: a CSV file with rows for the pipeline, read in two ways that must agree.

One reading is the frame of pandas, as the pipeline's owner has it. The other reading has the types of the contract, as
requests have them. The type, range and missing values of each column are inferred from the sample.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.adopt.columns import ColumnFacts
from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Feature, Label
from tabento.tables.cell_checks import check_cells, fault_message
from tabento.tables.csv_table import csv_text, read_cells, read_csv
from tabento.tables.faults import DataError, Example, Fault
from tabento.transformers.category_columns import as_category

MISSING_TEXTS = (
    *("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "None"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
"""The texts that ``pandas.read_csv`` reads as missing: most owners read their training data with it."""


@dataclass(frozen=True)
class Sample:
    """A CSV file with each cell as text."""

    text: str
    """The whole file."""
    source: str
    """The file's name without its folder."""
    sha256: str
    cells: pd.DataFrame
    """Every cell as text; index 0 … N-1."""

    def __len__(self) -> int:
        return len(self.cells)


def read_sample(path: Path) -> Sample:
    """Read a comma-separated file in UTF-8, with or without a byte order mark.

    Raises:
        DataError: the file does not exist, or is not a CSV file with a header and rows.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a file, so it cannot be read: expected a CSV file. Correct --sample.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: expected a CSV file. Correct --sample.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Correct --sample.") from error
    text = csv_text(content, path.name)
    cells = read_cells(text, path.name)
    return Sample(text, path.name, hashlib.sha256(content).hexdigest(), cells)


def agreed_columns(
    sample: Sample, facts: Mapping[str, ColumnFacts], droppable: bool, target: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Compare a sample's columns with the pipeline's columns.

    Args:
        sample: the sample.
        facts: by input column, the facts from the fitted steps, in the pipeline's order.
        droppable: whether the sample can lack the columns that the pipeline does not read.
        target: the names of the sample's columns with the true answers, if it has any.

    Returns:
        The columns that requests must have, in the pipeline's order.

    Raises:
        AdoptionError: columns are missing (the message names each), or the target is missing or is a feature.
    """
    sample_columns = [str(name) for name in sample.cells.columns]
    for name in target_columns(target):
        if name in facts:
            raise AdoptionError(
                f"--target {name!r} is a column that the pipeline takes, so it cannot be its answer. Correct --target."
            )
        if name not in sample_columns:
            raise AdoptionError(
                f"--target {name!r} is not a column of {sample.source}; it has {_list_text(sample_columns)}."
            )
    required = tuple(name for name, fact in facts.items() if fact.read or not droppable)
    missing = [name for name in required if name not in sample_columns]
    if not missing:
        return required
    extra = left_out_columns(sample, facts, target)
    lines = [f"  {name}: the pipeline takes it, the sample lacks it{_suggestion(name, extra)}" for name in missing]
    lines += [
        f"  {name}: the sample has it, the pipeline does not take it{_suggestion(name, missing)}" for name in extra
    ]
    raise AdoptionError(
        f"the columns of {sample.source} are not those of the pipeline ({_list_text(list(facts))}):\n"
        + "\n".join(lines)
        + "\nRename or add columns of the sample."
    )


def target_columns(targets: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the columns with the true answers: none, one or several."""
    if targets is None:
        return ()
    return (targets,) if isinstance(targets, str) else tuple(targets)


def left_out_columns(
    sample: Sample, facts: Mapping[str, ColumnFacts], targets: str | Sequence[str] | None
) -> list[str]:
    """Return the sample's columns that the pipeline does not take, in the file's order."""
    used_names = {*facts, *target_columns(targets)}
    return [str(name) for name in sample.cells.columns if name not in used_names]


def left_out_remarks(
    sample: Sample, facts: Mapping[str, ColumnFacts], target: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Return a remark with the sample's ignored columns; an empty tuple if it has none."""
    names = left_out_columns(sample, facts, target)
    if not names:
        return ()
    several = len(names) > 1
    remark = f"left out of {sample.source}, because the pipeline does not take {'them' if several else 'it'}: "
    remark += _list_text(names)
    if target is None:
        remark += f". If {'one of them' if several else 'it'} holds the true answers, say --target NAME"
    return (remark,)


def present_texts(sample: Sample, name: str, fact: ColumnFacts) -> list[str]:
    """Return the cells of a column that are not missing, in order."""
    missing = set(missing_texts(fact))
    return [cell for cell in sample.cells[name] if cell not in missing]


def missing_texts(fact: ColumnFacts) -> tuple[str, ...]:
    """Return the texts that represent missing in a column, without the encoder's categories; none if a vectorizer splits it."""
    return () if fact.split else tuple(text for text in MISSING_TEXTS if text not in fact.values)


def as_read(sample: Sample, names: Sequence[str], facts: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """Return columns as pandas reads them: int64, bool, float64 and text.

    A column with texts as categories stays text even if its cells look like numbers. Missing text is NaN, or None if the
    pipeline was fitted on None.
    """
    text_columns = [name for name in names if facts[name].text or facts[name].categorical]
    missing = {name: missing_texts(facts[name]) for name in names}
    frame = read_csv(sample.text, sample.source, text_columns, missing)[list(names)]
    for name in names:
        column_categories = facts[name].pandas_categories
        if column_categories is not None:
            frame[name] = as_category(frame[name], column_categories)
        if facts[name].missing_as == "none":
            values = frame[name].astype(object)
            frame[name] = values.where(values.notna(), None)
    return frame


def as_contracted(sample: Sample, contract: Contract, facts: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """Return the features as the contract types them: float64 with NaN, categories as ``str`` or None.

    Raises:
        DataError: cells do not fit the contract; the message lists each error with its rows.
    """
    text_columns = [feature.name for feature in contract.features if feature.type in ("category", "text")]
    missing = {name: missing_texts(facts[name]) for name in contract.feature_names}
    frame = read_csv(sample.text, sample.source, text_columns, missing)
    values, faults = check_cells(frame, contract.features)
    if faults:
        raise DataError(f"{sample.source}: {fault_message(faults)}", faults)
    return values[list(contract.feature_names)]


def true_answers(sample: Sample, contract: Contract, target: str | Sequence[str]) -> NDArray[np.float64]:
    """Return the true answers: numbers, or the index of each row's class.

    Args:
        sample: the sample.
        contract: the meaning of the answers.
        target: the column with the true answers, or one column for each of several ``output.targets``, in their order.

    Returns:
        Float64 of shape (N,), or (N, W) of several targets.

    Raises:
        DataError: an answer is missing, is not a number, or is not a class of the pipeline.
    """
    targets = contract.output.targets
    names = target_columns(target)
    if targets is None:
        return _true_column(sample, names[0], contract.output.classes)
    columns = [
        _true_column(sample, name, output_target.classes) for name, output_target in zip(names, targets, strict=True)
    ]
    return np.stack(columns, axis=1)


def _true_column(sample: Sample, target: str, classes: Sequence[Label] | None) -> NDArray[np.float64]:
    if classes is None:
        frame = read_csv(sample.text, sample.source, (), {target: MISSING_TEXTS})
        values, faults = check_cells(frame, (Feature(name=target, type="number"),))
        if faults:
            raise DataError(f"{sample.source}: {fault_message(faults)}", faults)
        return values[target].to_numpy(dtype=np.float64)
    indices_by_text = class_indices(classes)
    indices = [
        indices_by_text.get(cell.strip(), indices_by_text.get(cell.strip().lower(), -1))
        for cell in sample.cells[target]
    ]
    wrong = [row for row, index in enumerate(indices) if index < 0]
    if wrong:
        examples = tuple(Example(row + 1, repr(sample.cells[target].iloc[row])) for row in wrong[:5])
        fault = Fault(target, f"one of {_list_text(classes)}", len(wrong), f"{len(wrong):,} are not", examples)
        raise DataError(f"{sample.source}: {fault_message([fault])}", [fault])
    return np.array(indices, dtype=np.float64)


def class_indices(classes: Iterable[bool | int | float | str]) -> dict[str, int]:
    """Return the index of each class by each of its spellings in a CSV file."""
    indices: dict[str, int] = {}
    for index, label in enumerate(classes):
        spellings = [str(label)]
        if isinstance(label, bool):
            spellings = [str(label).lower(), str(int(label))]
        elif isinstance(label, int):
            spellings = [str(label), str(float(label))]
        elif isinstance(label, float) and label == int(label):
            spellings = [str(label), str(int(label))]
        for spelling in spellings:
            indices.setdefault(spelling, index)
    return indices


def _suggestion(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [other_name.lower() for other_name in names], n=1, cutoff=0.75)
    match = next((other_name for other_name in names if other_name.lower() in close), None)
    return f" (is it {match!r}?)" if match is not None else ""


def _list_text(values: Sequence[Any]) -> str:
    text = ", ".join(repr(value) for value in values[:20])
    return text + (f" and {len(values) - 20} more" if len(values) > 20 else "")
