"""The target: what is to be predicted, whether as a number or as a class, and which class is the positive one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from bundle.contract import number_text
from training.init.errors import InitError
from training.init.profile import ColumnProfile
from training.ranges import value_range

Task = Literal["regression", "classification"]
CLASSES_MAX = 50
"""More different values than this are no classes."""
COUNTED_MAX = 10
"""Up to so many different whole numbers may be classes; of more, they are quantities."""
CLASS_ROWS_MIN = 2
"""Fewer rows of a class cannot be in both parts of the split."""
CLASS_ROWS_FEW = 20
"""With fewer rows, nothing that is said of a class is reliable."""
_POSITIVE = {
    "yes", "y", "true", "t", "on", "positive", "pos", "churned", "left", "exited", "fraud", "default", "spam",
    "bad", "died", "dead", "clicked", "bought", "won", "success", "disease", "malignant", "abnormal", "anomaly",
}  # fmt: skip


@dataclass(frozen=True)
class TargetDecision:
    """What is predicted."""

    task: Task
    entry: dict[str, Any]
    """The section ``target`` of the config."""
    reason: str
    """Why so, for the comment."""
    doubts: tuple[str, ...] = ()
    positive_share: float | None = None
    """How frequent the positive class is; None for numbers and for more than two classes."""
    rarest_share: float | None = None
    """How frequent the rarest class is; None for numbers."""


def find_target(names: Iterable[str], wanted: str, file_name: str) -> str:
    """Return the target's column.

    Raises:
        InitError: there is none of this name; the nearest are named.
    """
    columns = list(names)
    if wanted in columns:
        return wanted
    alike = [name for name in columns if name.strip().casefold() == wanted.strip().casefold()]
    near = alike or difflib.get_close_matches(wanted, columns, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    shown = ", ".join(map(repr, columns[:20])) + (f" and {len(columns) - 20:,} more" if len(columns) > 20 else "")
    if sum(_looks_like_a_value(name) for name in columns) * 2 > len(columns):
        hint = " Its first row looks like values, not like names: put a row with the columns' names on top."
    raise InitError(f"{file_name}: expected a column {wanted!r}, the target; there are {shown}.{hint}")


def _looks_like_a_value(name: str) -> bool:
    text = name.strip()
    return not text or text[0].isdigit() or text[0] in "-+?." or text.lower() in ("true", "false", "nan")


def decide_target(
    column: ColumnProfile, file_name: str, *, task: Task | None = None, positive: str | None = None
) -> TargetDecision:
    """Return what is predicted.

    Args:
        column: the target's texts; rows without one are left out of the data.
        file_name: for messages.
        task: what somebody wants it to be; else the values decide.
        positive: the positive class, if somebody names it.

    Raises:
        InitError: the target has no value or a single one, cannot be what was wanted, has too many classes or a class
            with a single row, or ``positive`` is no class.
    """
    where = f"{file_name}, target {column.name!r}"
    if column.distinct < 2:
        got = f"only {next(iter(column.texts))!r}" if column.texts else "none"
        raise InitError(f"{where}: expected at least two different values, got {got}. There is nothing to predict.")
    chosen, doubts = (task, []) if task else _task_of(column)
    if chosen == "regression":
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
    lower, upper = value_range(low, high, whole=column.is_whole())
    entry = {"name": column.name, "minimum": lower, "maximum": upper}
    said = f"{column.distinct:,} different numbers from {number_text(low)} to {number_text(high)}, so a regression"
    return TargetDecision("regression", entry, said, tuple(doubts))


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
    few = {label: count for label, count in counts.items() if count < CLASS_ROWS_FEW}
    if few:
        told = ", ".join(f"{label!r} {count}" for label, count in few.items())
        doubts.append(f"Classes with very few rows ({told}): figures for them say little. Collect more, or merge them.")
    labels = sorted(counts, key=lambda label: (str(type(label)), label))
    shares = ", ".join(f"{label!r} {counts[label] / column.present:.1%}" for label in labels[:10])
    entry: dict[str, Any] = {"name": column.name, "classes": [{"value": label, "label": label} for label in labels]}
    said = f"{len(labels)} classes ({shares}), so a classification"
    share = None
    if len(labels) == 2:
        chosen, doubt = _positive_class(counts, texts, positive, where)
        entry["positive"] = chosen
        share = counts[chosen] / column.present
        doubts += [doubt] if doubt else []
        said += f"; the positive class is {chosen!r}"
    elif positive is not None:
        raise InitError(f"{where}: --positive goes with two classes, got {len(labels)}. Leave it out.")
    rarest = min(counts.values()) / column.present
    return TargetDecision("classification", entry, said, tuple(doubts), share, rarest)


def _label(text: str, column: ColumnProfile) -> bool | int | str:
    if column.truth_words() == ("true", "false"):
        return text.strip().lower() == "true"
    return int(float(text)) if column.is_whole() and not column.has_leading_zeros() else text.strip()


def _positive_class(
    counts: dict[bool | int | str, int], texts: dict[bool | int | str, str], wanted: str | None, where: str
) -> tuple[bool | int | str, str | None]:
    if wanted is not None:
        found = [label for label in counts if wanted.strip() in (str(label), texts[label].strip())]
        if not found:
            raise InitError(f"{where}: --positive expects one of {', '.join(map(repr, counts))}, got {wanted!r}.")
        return found[0], None
    words = {label: str(label).strip().lower() for label in counts}
    # One is positive against nought, and a number as any other against two.
    against_nought = bool({"0", "-1"} & set(words.values()))
    named = [label for label, word in words.items() if word in _POSITIVE or (word == "1" and against_nought)]
    if len(named) == 1:
        return named[0], None
    rarer = min(counts, key=lambda label: (counts[label], str(label)))
    doubt = (
        f"The positive class is taken to be {rarer!r}, the rarer one: precision, recall, F1 and the decision speak of it."
        " If it is the other, change `target.positive`."
    )
    return rarer, doubt


def _is_number(text: str) -> bool:
    from training.init.numbers import PLAIN

    return PLAIN.fullmatch(text) is not None
