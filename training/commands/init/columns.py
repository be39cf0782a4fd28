"""The decision on each column: a feature of some type, or dropped with a reason."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from tabento.bundle.contract import RESERVED_NAME, Feature, number_text
from tabento.tables.value_range import value_range
from training.commands.init.categories import code_column, text_column
from training.commands.init.dates import decide_date, is_date
from training.commands.init.decision import Decision, feature_decision, most_frequent, quoted
from training.commands.init.identifiers import identifier_column
from training.commands.init.profile import ColumnProfile

LARGEST_NUMBER = 3.4e38
"""The largest number in single precision, in which scikit-learn's trees compare."""
_COMMON = {"", "?", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "\\n"}
"""Usual missing markers, which need no check by a user."""


def decide_column(column: ColumnProfile) -> Decision:
    """Return the decision on a column; the first rule that applies decides."""
    for rule in _RULES:
        decision = rule(column)
        if decision is not None:
            return decision
    raise AssertionError("the last rule applies to every column")


def can_be_field(name: str) -> bool:
    """Return whether a column's name can be the name of a field in a request."""
    try:
        return Feature(name=name, type="boolean").name != RESERVED_NAME
    except ValidationError:
        return False


def _name(column: ColumnProfile) -> Decision | None:
    if can_be_field(column.name):
        return None
    return Decision(
        column.name,
        None,
        "Its name cannot be the name of a field in a request.",
        f"{quoted(column.name)} is dropped: the name of a field has 1 to 200 characters, no quotes, backslashes or line"
        f" ends, and is not {RESERVED_NAME!r}. Rename the column in the file to use it.",
    )


def _constant(column: ColumnProfile) -> Decision | None:
    if not column.texts:
        return Decision(column.name, None, "No row has a value.")
    if column.distinct > 1 or (column.missing and not column.is_numeric()):
        return None
    (text,) = column.texts
    where = "in every row" if not column.missing else "in every row that has a value"
    return Decision(column.name, None, f"Constant: {quoted(text)} {where}.")


def _boolean(column: ColumnProfile) -> Decision | None:
    pair = column.truth_words()
    if pair is None:
        return None
    true = sum(count for text, count in column.texts.items() if text.strip().lower().removesuffix(".0") == pair[0])
    summary = f"{pair[0]} in {true / column.present:.1%}"
    return feature_decision(
        column,
        {"type": "boolean"},
        f"truth value, written {' and '.join(map(quoted, most_frequent(column, 2)))}; {summary}",
    )


def _date(column: ColumnProfile) -> Decision | None:
    return decide_date(column) if is_date(column) else None


def _number(column: ColumnProfile) -> Decision | None:
    if not column.is_numeric():
        return None
    values = list(map(float, column.texts))
    if max(map(abs, values)) > LARGEST_NUMBER:
        return Decision(
            column.name,
            None,
            f"Numbers beyond {number_text(LARGEST_NUMBER)}, with which trees cannot be grown.",
            f"{column.name} is dropped: it has numbers beyond {number_text(LARGEST_NUMBER)}. Write their logarithms into the file, or"
            " leave rows out that are mistakes.",
        )
    is_integer = column.is_whole() and (column.missing > 0 or not any("." in text for text in column.texts))
    low, high = min(values), max(values)
    lower, upper = value_range(low, high, is_integer=is_integer)
    entry = {"type": "integer" if is_integer else "number", "minimum": lower, "maximum": upper}
    summary = f"{number_text(low)} to {number_text(high)}, {column.distinct:,} different values"
    odd = [text for text in column.markers if text.strip().lower() not in _COMMON]
    doubt = None
    if odd:
        doubt = (
            f"{column.name} holds numbers but for {', '.join(map(quoted, odd))}: taken as missing. If that is a value of"
            " its own, make the column a category."
        )
    return feature_decision(column, entry, summary, doubt)


_RULES: tuple[Callable[[ColumnProfile], Decision | None], ...] = (
    _name,
    _constant,
    _boolean,
    _date,
    identifier_column,
    code_column,
    _number,
    text_column,
)
"""The rules in the order in which they are tried."""
