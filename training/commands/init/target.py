"""The target: the column to predict, as a number or as a class, and its positive class."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tabento.bundle.contract import number_text
from tabento.tables.value_range import value_range
from training.commands.init.errors import InitError
from training.commands.init.profile import ColumnProfile

Task = Literal["regression", "classification"]
CLASSES_MAX = 50
"""The largest number of classes."""
COUNTED_MAX = 10
"""Up to this number of different whole numbers they are taken as classes; above it they are quantities."""
CLASS_ROWS_MIN = 2
"""Fewer rows of a class cannot be in both parts of the split."""
CLASS_ROWS_FEW = 20
"""With fewer rows, the metrics of a class are not reliable."""
_POSITIVE = {
    "yes", "y", "true", "t", "on", "positive", "pos", "churned", "left", "exited", "fraud", "default", "spam",
    "bad", "died", "dead", "clicked", "bought", "won", "success", "disease", "malignant", "abnormal", "anomaly",
}  # fmt: skip


@dataclass(frozen=True)
class TargetDecision:
    """The decision on the target."""

    task: Task
    entry: dict[str, Any]
    """The section ``target`` of the config."""
    reason: str
    """The reason, for the comment."""
    doubts: tuple[str, ...] = ()
    positive_share: float | None = None
    """The share of rows of the positive class; None for numbers and for more than two classes."""
    rarest_share: float | None = None
    """The share of rows of the rarest class; None for numbers."""


def find_target(names: Iterable[str], requested: str, file_name: str) -> str:
    """Return the target's column.

    Raises:
        InitError: no column has this name; the message suggests the closest names.
    """
    columns = list(names)
    if requested in columns:
        return requested
    alike = [name for name in columns if name.strip().casefold() == requested.strip().casefold()]
    close_names = alike or difflib.get_close_matches(requested, columns, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, close_names))}?" if close_names else ""
    listed = ", ".join(map(repr, columns[:20])) + (f" and {len(columns) - 20:,} more" if len(columns) > 20 else "")
    if sum(_looks_like_a_value(name) for name in columns) * 2 > len(columns):
        hint = " Its first row looks like values, not like names: put a row with the columns' names on top."
    raise InitError(f"{file_name}: expected a column {requested!r}, the target; there are {listed}.{hint}")


def _looks_like_a_value(name: str) -> bool:
    text = name.strip()
    return not text or text[0].isdigit() or text[0] in "-+?." or text.lower() in ("true", "false", "nan")


def decide_target(
    column: ColumnProfile, file_name: str, *, task: Task | None = None, positive: str | None = None
) -> TargetDecision:
    """Return the decision on the target.

    Args:
        column: the target's texts; rows without a text are not in the data.
        file_name: for messages.
        task: the task that the user requests; None if the values decide.
        positive: the positive class that the user requests.

    Raises:
        InitError: the target has no value or a single one, does not fit the requested task, has too many classes or a
            class with a single row, or ``positive`` is not a class.
    """
    where = f"{file_name}, target {column.name!r}"
    if column.distinct < 2:
        got = f"only {next(iter(column.texts))!r}" if column.texts else "none"
        raise InitError(f"{where}: expected at least two different values, got {got}. There is nothing to predict.")
    selected_task, doubts = (task, []) if task else _task_of(column)
    if selected_task == "regression":
        if not column.is_numeric():
            texts = [text for text in column.texts if not _is_number(text)][:3]
            raise InitError(
                f"{where}: --task regression expects numbers, got {', '.join(map(repr, texts))}. Leave --task out, or"
                " correct the file."
            )
        if positive is not None:
            raise InitError(
                f"{where}: --positive goes with a classification; the target is a number. Give --task classification."
            )
        return _regression(column, doubts)
    return _classification(column, where, positive, doubts)


def _task_of(column: ColumnProfile) -> tuple[Task, list[str]]:
    if not column.is_numeric() or column.distinct == 2:
        return "classification", []
    if column.is_whole() and column.distinct <= COUNTED_MAX:
        texts = ", ".join(sorted(column.texts, key=float))
        doubt = (
            f"The target {column.name} has {column.distinct} different whole numbers ({texts}): taken as classes. If a"
            " model should answer numbers between them, give --task regression."
        )
        return "classification", [doubt]
    return "regression", []


def _regression(column: ColumnProfile, doubts: list[str]) -> TargetDecision:
    values = [float(text) for text in column.texts]
    low, high = min(values), max(values)
    lower, upper = value_range(low, high, is_integer=column.is_whole())
    entry = {"name": column.name, "minimum": lower, "maximum": upper}
    summary = f"{column.distinct:,} different numbers from {number_text(low)} to {number_text(high)}, so a regression"
    return TargetDecision("regression", entry, summary, tuple(doubts))


def _classification(column: ColumnProfile, where: str, positive: str | None, doubts: list[str]) -> TargetDecision:
    counts: dict[bool | int | str, int] = {}
    texts: dict[bool | int | str, str] = {}
    for text, count in column.texts.items():
        label = _label(text, column)
        counts[label] = counts.get(label, 0) + count
        texts[label] = text
    if len(counts) > CLASSES_MAX:
        raise InitError(
            f"{where}: expected at most {CLASSES_MAX} classes, got {len(counts):,} different values such as"
            f" {next(iter(column.texts))!r}. Choose another target, merge values, or give --task regression if they are numbers."
        )
    if len(counts) < 2:
        raise InitError(f"{where}: expected at least two classes, got only {next(iter(counts))!r}.")
    single = [label for label, count in counts.items() if count < CLASS_ROWS_MIN]
    if single:
        raise InitError(
            f"{where}: expected at least {CLASS_ROWS_MIN} rows of each class, got one of {single[0]!r}"
            + (f" and of {len(single) - 1} more" if len(single) > 1 else "")
            + ". Leave that row out, or merge the class with another."
        )
    rare = {label: count for label, count in counts.items() if count < CLASS_ROWS_FEW}
    if rare:
        counted = ", ".join(f"{label!r} {count}" for label, count in rare.items())
        doubts.append(
            f"Classes with very few rows ({counted}): metrics of them are not reliable. Collect more, or merge them."
        )
    labels = sorted(counts, key=lambda label: (str(type(label)), label))
    shares = ", ".join(f"{label!r} {counts[label] / column.present:.1%}" for label in labels[:10])
    entry: dict[str, Any] = {"name": column.name, "classes": [{"value": label, "label": label} for label in labels]}
    summary = f"{len(labels)} classes ({shares}), so a classification"
    share = None
    if len(labels) == 2:
        positive_label, doubt = _positive_class(counts, texts, positive, where)
        entry["positive"] = positive_label
        share = counts[positive_label] / column.present
        doubts += [doubt] if doubt else []
        summary += f"; the positive class is {positive_label!r}"
    elif positive is not None:
        raise InitError(f"{where}: --positive goes with two classes, got {len(labels)}. Leave it out.")
    rarest = min(counts.values()) / column.present
    return TargetDecision("classification", entry, summary, tuple(doubts), share, rarest)


def _label(text: str, column: ColumnProfile) -> bool | int | str:
    if column.truth_words() == ("true", "false"):
        return text.strip().lower() == "true"
    return int(float(text)) if column.is_whole() and not column.has_leading_zeros() else text.strip()


def _positive_class(
    counts: dict[bool | int | str, int], texts: dict[bool | int | str, str], requested: str | None, where: str
) -> tuple[bool | int | str, str | None]:
    if requested is not None:
        matches = [label for label in counts if requested.strip() in (str(label), texts[label].strip())]
        if not matches:
            raise InitError(f"{where}: --positive expects one of {', '.join(map(repr, counts))}, got {requested!r}.")
        return matches[0], None
    words = {label: str(label).strip().lower() for label in counts}
    # 1 is positive if the other class is 0 or -1. If the other class is 2, 1 is a label like any other.
    is_against_zero = bool({"0", "-1"} & set(words.values()))
    named = [label for label, word in words.items() if word in _POSITIVE or (word == "1" and is_against_zero)]
    if len(named) == 1:
        return named[0], None
    rarer = min(counts, key=lambda label: (counts[label], str(label)))
    doubt = (
        f"The positive class is taken to be {rarer!r}, the rarer one: precision, recall, F1 and the decision speak of it."
        " If it is the other, change `target.positive`."
    )
    return rarer, doubt


def _is_number(text: str) -> bool:
    from training.commands.init.numbers import PLAIN

    return PLAIN.fullmatch(text) is not None
