"""What becomes of each column: a feature of some type, or dropped with a reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bundle.contract import LARGEST_EXACT_INTEGER, RESERVED_NAME, Feature, number_text
from bundle.feature import MISSING_TEXTS_LIMIT
from training.init.dates import is_date, is_iso
from training.init.names import names_code, names_identifier
from training.init.profile import ColumnProfile
from training.ranges import value_range

LISTED_MAX = 30
"""Up to so many different texts are listed in the config; of more, training takes them from the data."""
RARE_ROWS = 5
"""A listed value with fewer rows is one of which others like it may come: unknown values are then ignored."""
MIN_FREQUENCY = 20
"""How many training rows a value needs to be known, if values are taken from the data."""
MIN_FREQUENCY_SMALL = 5
"""The same in a table in which hardly any value has that many rows."""
_TRAINING_SHARE = 0.8
"""The share of the rows that the split leaves for training."""
NEAR_UNIQUE = 0.95
"""From this share of different values on, a column names rows."""
FREE_TEXT = 0.5
"""From this share of different values on, text says something of its own in nearly every row."""
CODES_MAX = 1_000
"""So many different codes, at most, are one-hot encoded."""
CODE_REPEATS = 5
"""How often a code occurs on average, at least; numbers that repeat less are quantities or identifiers."""
_UUID = re.compile(r"\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_SHOWN = 3


@dataclass(frozen=True)
class Decision:
    """What becomes of a column."""

    name: str
    feature: dict[str, Any] | None
    """Its entry under ``features``; None if it is dropped."""
    reason: str
    """Of a feature: what the data shows of it. Of a dropped column: why it is dropped."""
    doubt: str | None = None
    """What a person should look at."""


Rule = Callable[[ColumnProfile], Decision | None]


def decide_column(column: ColumnProfile) -> Decision:
    """Return what becomes of a column; the first rule that applies decides."""
    for rule in _RULES:
        decision = rule(column)
        if decision is not None:
            return decision
    raise AssertionError("the last rule applies to every column")


def _name(column: ColumnProfile) -> Decision | None:
    if can_be_field(column.name):
        return None
    return Decision(
        column.name,
        None,
        "Its name cannot be the name of a field in a request.",
        f"{_shown(column.name)} is dropped: the name of a field has 1 to 200 characters, no quotes, backslashes or line"
        f" ends, and is not {RESERVED_NAME!r}. Rename the column in the file to use it.",
    )


def can_be_field(name: str) -> bool:
    """Say whether a column's name can be the name of a field in a request."""
    try:
        return Feature(name=name, type="boolean").name != RESERVED_NAME
    except ValidationError:
        return False


def _constant(column: ColumnProfile) -> Decision | None:
    if not column.texts:
        return Decision(column.name, None, "No row has a value.")
    if column.distinct > 1 or (column.missing and not column.is_numeric()):
        return None
    (text,) = column.texts
    where = "in every row" if not column.missing else "in every row that has a value"
    return Decision(column.name, None, f"Constant: {_shown(text)} {where}.")


def _boolean(column: ColumnProfile) -> Decision | None:
    pair = column.truth_words()
    if pair is None:
        return None
    true = sum(count for text, count in column.texts.items() if text.strip().lower().removesuffix(".0") == pair[0])
    said = f"{pair[0]} in {true / column.present:.1%}"
    return _feature(
        column, {"type": "boolean"}, f"truth value, written {' and '.join(map(_shown, _most(column, 2)))}; {said}"
    )


def _date(column: ColumnProfile) -> Decision | None:
    return decide_date(column) if is_date(column) else None


def decide_date(column: ColumnProfile) -> Decision:
    """Return what becomes of a column of dates: it is dropped, and said, because no feature takes one as it is."""
    example = _shown(next(iter(column.texts)))
    known = "" if is_iso(column) else ", not in ISO 8601"
    return Decision(
        column.name,
        None,
        f"A date or time such as {example}{known}; no feature takes one as it is.",
        f"{column.name} is dropped: it holds dates such as {example}. If the weekday, the hour or the time between two"
        " dates matters, add it to the file as a column of numbers.",
    )


def _identifier(column: ColumnProfile) -> Decision | None:
    if column.present < 2:
        return None
    name, examples = column.name, f"such as {_shown(next(iter(column.texts)))}"
    is_unique = column.distinct >= NEAR_UNIQUE * column.present
    whole = column.is_whole()
    learns = "what a model learns from it, it learns by heart"
    if column.every(_UUID.fullmatch) and column.distinct > 2:
        return Decision(name, None, f"An identifier, {examples}; {learns}.")
    if is_unique and whole and _counts_rows(column):
        return Decision(name, None, "A row number: it counts the rows of the file and says nothing about them.")
    can_identify = whole or not column.is_numeric()
    if is_unique and can_identify and names_identifier(name):
        return Decision(name, None, f"An identifier, {examples}: {_ratio(column)}; {learns}.")
    if whole and _largest(column) > LARGEST_EXACT_INTEGER:
        return Decision(
            name, None, f"Numbers beyond 2^53, {examples}, are identifiers: no computer calculates with them exactly."
        )
    repeats = column.present / column.distinct
    if can_identify and names_identifier(name) and (repeats < CODE_REPEATS or column.distinct > CODES_MAX):
        return Decision(
            name,
            None,
            f"An identifier by its name, {examples}: {_ratio(column)}; {learns}.",
            f"{name} is dropped as an identifier although its values repeat ({_ratio(column)}). If it is a measure or a"
            " kind, move it from `drop` to `features`. If it names who or what a row belongs to, rows of one belong into"
            " one part of the split.",
        )
    return None


def _code(column: ColumnProfile) -> Decision | None:
    if not column.is_whole():
        return None
    zeros = column.has_leading_zeros()
    repeated = column.distinct <= CODES_MAX and column.present >= CODE_REPEATS * column.distinct
    if zeros and not repeated:
        return Decision(
            column.name,
            None,
            f"Codes with zeros in front, such as {_shown(_zero_example(column))}: {_ratio(column)}, too many to learn from.",
            f"{column.name} is dropped: its codes are too many ({_ratio(column)}). Cut them to their first digits in the"
            " file if these mean something, as those of postcodes do.",
        )
    if not zeros and not (repeated and column.distinct > 2 and names_code(column.name)):
        return None
    why = "zeros in front" if zeros else "its name"
    decision = _category(column, f"whole numbers that are codes ({why}), sent as text; ")
    doubt = (
        f"{column.name} is taken as codes and not as a quantity, because of {why}. If a larger number means more of"
        " something, make it `type: integer`."
    )
    return Decision(decision.name, decision.feature, decision.reason, None if zeros else doubt)


def _number(column: ColumnProfile) -> Decision | None:
    if not column.is_numeric():
        return None
    values = [value for value in map(float, column.texts) if math.isfinite(value)]
    if not values:
        return Decision(column.name, None, "No row has a number that a computer can hold.")
    whole = column.is_whole() and (column.missing > 0 or not any("." in text for text in column.texts))
    low, high = min(values), max(values)
    lower, upper = value_range(low, high, whole=whole)
    entry = {"type": "integer" if whole else "number", "minimum": lower, "maximum": upper}
    said = f"{number_text(low)} to {number_text(high)}, {column.distinct:,} different values"
    odd = [text for text in column.markers if text.strip().lower() not in _COMMON]
    doubt = None
    if odd:
        doubt = (
            f"{column.name} holds numbers but for {', '.join(map(_shown, odd))}: taken as missing. If that is a value of"
            " its own, make the column a category."
        )
    return _feature(column, entry, said, doubt)


_COMMON = {"", "?", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "\\n"}


def _text(column: ColumnProfile) -> Decision | None:
    is_varied = column.distinct > LISTED_MAX and column.distinct > FREE_TEXT * column.present
    frequent = [_min_frequency(column, rows) for rows in (MIN_FREQUENCY, MIN_FREQUENCY_SMALL)]
    if is_varied or (column.distinct > LISTED_MAX and not any(frequent)):
        example = _shown(next(iter(column.texts)))
        nearly = column.distinct >= NEAR_UNIQUE * column.present
        what = "Free text or names" if any(" " in text.strip() for text in column.texts) else "Text"
        return Decision(
            column.name,
            None,
            f"{what} such as {example}: {_ratio(column)}; hardly any value comes again.",
            None
            if nearly and not column.missing
            else f"{column.name} is dropped: {_ratio(column)}"
            + (f", {column.missing / column.rows:.0%} missing" if column.missing else "")
            + ". If a part of the text matters (a deck, a title, a brand), put that part into a column of its own.",
        )
    return _category(column, "")


def _category(column: ColumnProfile, prefix: str) -> Decision:
    shown = ", ".join(f"{_shown(text)} {column.texts[text] / column.present:.0%}" for text in _most(column, _SHOWN))
    said = f"{prefix}{column.distinct:,} different value{'' if column.distinct == 1 else 's'}, most often {shown}"
    entry: dict[str, Any] = {"type": "category"}
    if column.distinct > LISTED_MAX:
        rows = next((rows for rows in (MIN_FREQUENCY, MIN_FREQUENCY_SMALL) if _min_frequency(column, rows)), 1)
        entry |= {"categories": "from_data", "min_frequency": rows, "unknown": "ignore"}
        said += f"; those with {rows} training rows or more are learned, all others count as unknown"
    else:
        entry["categories"] = sorted(column.texts)
        rare = not column.is_complete or min(column.texts.values()) < RARE_ROWS
        if rare:
            entry["unknown"] = "ignore"
            said += "; some are rare, so others are taken too, and ignored"
    folded: dict[str, set[str]] = {}
    for text in column.texts:
        folded.setdefault(text.strip().casefold(), set()).add(text)
    alike = next((sorted(texts) for texts in folded.values() if len(texts) > 1), None)
    doubt = None
    if alike:
        doubt = f"{column.name} has {' and '.join(map(_shown, alike))}: if they are the same, correct the file."
    return _feature(column, entry, said, doubt)


_RULES: tuple[Rule, ...] = (_name, _constant, _boolean, _date, _identifier, _code, _number, _text)


def _feature(column: ColumnProfile, entry: dict[str, Any], said: str, doubt: str | None = None) -> Decision:
    """Return a feature with what is missing of it."""
    entry = {"name": column.name, **entry}
    if column.missing:
        entry["nullable"] = True
        entry["missing"] = sorted(column.markers, key=lambda text: (-column.markers[text], text))[:MISSING_TEXTS_LIMIT]
        written = ", ".join("empty" if not text else _shown(text) for text in column.markers)
        said += f"; {column.missing:,} missing ({column.missing / column.rows:.1%}, written {written})"
    return Decision(column.name, entry, said, doubt)


def _min_frequency(column: ColumnProfile, rows: int) -> bool:
    """Whether at least two values will be known with this ``min_frequency``, with room for an uneven split."""
    return sum(count * _TRAINING_SHARE >= 1.25 * rows for count in column.texts.values()) >= 2


def _counts_rows(column: ColumnProfile) -> bool:
    numbers = {int(float(text)) for text in column.texts}
    return (
        len(numbers) == column.distinct
        and max(numbers) - min(numbers) + 1 == len(numbers)
        and len(numbers) > LISTED_MAX
    )


def _largest(column: ColumnProfile) -> float:
    return max(abs(float(text)) for text in column.texts)


def _zero_example(column: ColumnProfile) -> str:
    return next(text for text in column.texts if text.strip().startswith("0"))


def _most(column: ColumnProfile, count: int) -> list[str]:
    return sorted(column.texts, key=lambda text: (-column.texts[text], text))[:count]


def _ratio(column: ColumnProfile) -> str:
    return f"{column.distinct:,} different values in {column.present:,} rows"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
