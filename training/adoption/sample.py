"""The sample: a CSV file with rows as the pipeline knows them, read in two ways that have to agree.

As pandas reads it is how its owner meets it; as the contract types it is how requests arrive. Everything that is said
of a column's type, range and missing values comes from here.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, Feature, Label
from training.adoption.columns import ColumnFacts
from training.adoption.errors import AdoptionError
from training.data.errors import DataError, Example, Fault
from training.data.loader import csv_text, read_csv
from training.data.validation import check_cells, fault_message
from training.transformers.category_columns import as_category

MISSING_TEXTS = (
    *("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "None"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
"""What ``pandas.read_csv`` takes as missing: a pipeline's owner has most likely read the training data with it."""


@dataclass(frozen=True)
class Sample:
    """A CSV file, each cell as it stands there."""

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
        DataError: it is not there, or no CSV file with a header and rows.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file, so it cannot be read: expected a CSV file. Correct --sample.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: expected a CSV file. Correct --sample.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Correct --sample.") from error
    text = csv_text(content, path.name)
    header = next(csv.reader(io.StringIO(text)))
    cells = read_csv(text, path.name, header, ())
    return Sample(text, path.name, hashlib.sha256(content).hexdigest(), cells)


def agreed_columns(
    sample: Sample, facts: Mapping[str, ColumnFacts], droppable: bool, target: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Compare a sample's columns with those of the pipeline.

    Args:
        sample: the sample.
        facts: what the pipeline knows, by input column, in its order.
        droppable: whether columns that the pipeline does not read may be left out.
        target: the sample's column that holds the true answers, or several, if there are any.

    Returns:
        The columns that the service will ask for, in the pipeline's order.

    Raises:
        AdoptionError: columns are missing, each named; the target is not there or among the features.
    """
    given = [str(name) for name in sample.cells.columns]
    for name in target_columns(target):
        if name in facts:
            raise AdoptionError(
                f"--target {name!r} is a column that the pipeline takes, so it cannot be its answer. Correct --target."
            )
        if name not in given:
            raise AdoptionError(f"--target {name!r} is no column of {sample.source}; it has {_listed(given)}.")
    wanted = tuple(name for name, fact in facts.items() if fact.read or not droppable)
    missing = [name for name in wanted if name not in given]
    if not missing:
        return wanted
    extra = left_out_columns(sample, facts, target)
    lines = [f"  {name}: the pipeline takes it, the sample lacks it{_near(name, extra)}" for name in missing]
    lines += [f"  {name}: the sample has it, the pipeline does not take it{_near(name, missing)}" for name in extra]
    raise AdoptionError(
        f"the columns of {sample.source} are not those of the pipeline ({_listed(list(facts))}):\n"
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
    known = {*facts, *target_columns(targets)}
    return [str(name) for name in sample.cells.columns if name not in known]


def left_out_remarks(
    sample: Sample, facts: Mapping[str, ColumnFacts], target: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Say which columns of the sample were left out; nothing if it has none but the pipeline's and the target."""
    names = left_out_columns(sample, facts, target)
    if not names:
        return ()
    several = len(names) > 1
    remark = f"left out of {sample.source}, because the pipeline does not take {'them' if several else 'it'}: "
    remark += _listed(names)
    if target is None:
        remark += f". If {'one of them' if several else 'it'} holds the true answers, say --target NAME"
    return (remark,)


def present_texts(sample: Sample, name: str, fact: ColumnFacts) -> list[str]:
    """Return the cells of a column that are not missing, in order."""
    missing = set(missing_texts(fact))
    return [cell for cell in sample.cells[name] if cell not in missing]


def missing_texts(fact: ColumnFacts) -> tuple[str, ...]:
    """Return what stands for missing in a column: what its encoder knows as a value does not, and no text that is split."""
    return () if fact.split else tuple(text for text in MISSING_TEXTS if text not in fact.values)


def as_read(sample: Sample, names: Sequence[str], facts: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """Return columns as pandas reads them: int64, bool, float64 and text.

    Text that an encoder knows stays text even where it looks like a number. Missing text is NaN, or None where the
    pipeline was fitted on None.
    """
    text_columns = [name for name in names if facts[name].text or facts[name].categorical]
    missing = {name: missing_texts(facts[name]) for name in names}
    frame = read_csv(sample.text, sample.source, text_columns, missing)[list(names)]
    for name in names:
        known = facts[name].pandas_categories
        if known is not None:
            frame[name] = as_category(frame[name], known)
        if facts[name].missing_as == "none":
            values = frame[name].astype(object)
            frame[name] = values.where(values.notna(), None)
    return frame


def as_contracted(sample: Sample, contract: Contract, facts: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """Return the features as the contract types them: float64 with NaN, categories as ``str`` or None.

    Raises:
        DataError: cells do not fit the contract; every fault is listed with its rows.
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
        contract: what is answered.
        target: the column with the true answers; of several ``output.targets`` one for each, in their order.

    Returns:
        Float64 of shape (N,), or (N, W) of several targets.

    Raises:
        DataError: an answer is missing, no number, or no class of the pipeline.
    """
    targets = contract.output.targets
    names = target_columns(target)
    if targets is None:
        return _true_column(sample, names[0], contract.output.classes)
    columns = [_true_column(sample, name, one.classes) for name, one in zip(names, targets, strict=True)]
    return np.stack(columns, axis=1)


def _true_column(sample: Sample, target: str, classes: Sequence[Label] | None) -> NDArray[np.float64]:
    if classes is None:
        frame = read_csv(sample.text, sample.source, (), {target: MISSING_TEXTS})
        values, faults = check_cells(frame, (Feature(name=target, type="number"),))
        if faults:
            raise DataError(f"{sample.source}: {fault_message(faults)}", faults)
        return values[target].to_numpy(dtype=np.float64)
    places = class_places(classes)
    indices = [places.get(cell.strip(), places.get(cell.strip().lower(), -1)) for cell in sample.cells[target]]
    wrong = [row for row, index in enumerate(indices) if index < 0]
    if wrong:
        examples = tuple(Example(row + 1, repr(sample.cells[target].iloc[row])) for row in wrong[:5])
        fault = Fault(target, f"one of {_listed(classes)}", len(wrong), f"{len(wrong):,} are not", examples)
        raise DataError(f"{sample.source}: {fault_message([fault])}", [fault])
    return np.array(indices, dtype=np.float64)


def class_places(classes: Iterable[bool | int | float | str]) -> dict[str, int]:
    """Return the index of each class by the ways in which a CSV file may write it."""
    places: dict[str, int] = {}
    for index, label in enumerate(classes):
        ways = [str(label)]
        if isinstance(label, bool):
            ways = [str(label).lower(), str(int(label))]
        elif isinstance(label, int):
            ways = [str(label), str(float(label))]
        elif isinstance(label, float) and label == int(label):
            ways = [str(label), str(int(label))]
        for way in ways:
            places.setdefault(way, index)
    return places


def _near(name: str, others: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [other.lower() for other in others], n=1, cutoff=0.75)
    found = next((other for other in others if other.lower() in close), None)
    return f" (is it {found!r}?)" if found is not None else ""


def _listed(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:20])
    return shown + (f" and {len(values) - 20} more" if len(values) > 20 else "")
