"""Categories: text and codes. Few values are listed, many are taken from the data; a column is dropped if hardly any value repeats."""

from __future__ import annotations

import math
from typing import Any

from training.commands.init.decision import LISTED_MAX, Decision, feature_decision, most_frequent, quoted, ratio
from training.commands.init.identifiers import CODE_REPEATS, CODES_MAX, NEAR_UNIQUE
from training.commands.init.names import names_code
from training.commands.init.profile import ColumnProfile

RARE_ROWS = 5
"""If a listed value has fewer rows, similar unlisted values are likely: unknown values are then ignored."""
MIN_FREQUENCY = 20
"""The number of training rows that a value needs to be learned, if values are taken from the data."""
MIN_FREQUENCY_SMALL = 5
"""The same in a table in which hardly any value has that many rows."""
KNOWN_MAX = 300
"""The largest number of values that are learned from the data: each becomes a column of the model."""
KNOWN_SHARE = 0.2
"""The share of the rows that learned values must have; below it the column is dropped."""
_TRAINING_SHARE = 0.8
"""The share of the rows that the split leaves for training."""
FREE_TEXT = 0.5
"""From this share of different values on, the text differs in nearly every row."""
_LISTED_EXAMPLES = 3


def code_column(column: ColumnProfile) -> Decision | None:
    """Return whole numbers as a category if leading zeros or the name mark them as codes; None if not."""
    if not column.is_whole():
        return None
    zeros = column.has_leading_zeros()
    repeated = column.distinct <= CODES_MAX and column.present >= CODE_REPEATS * column.distinct
    if zeros and not repeated:
        return Decision(
            column.name,
            None,
            f"Codes with zeros in front, such as {quoted(_zero_example(column))}: {ratio(column)}, too many to learn from.",
            f"{column.name} is dropped: its codes are too many ({ratio(column)}). Cut them to their first digits in the"
            " file if these mean something, as those of postcodes do.",
        )
    if not zeros and not (repeated and column.distinct > 2 and names_code(column.name)):
        return None
    reason = "zeros in front" if zeros else "its name"
    decision = _category(column, f"whole numbers that are codes ({reason}), sent as text; ")
    doubt = (
        f"{column.name} is taken as codes and not as a quantity, because of {reason}. If a larger number means more of"
        " something, make it `type: integer`."
    )
    return Decision(decision.name, decision.feature, decision.reason, None if zeros else doubt)


def text_column(column: ColumnProfile) -> Decision:
    """Return text as a category, or drop it if hardly any value repeats."""
    is_varied = column.distinct > LISTED_MAX and column.distinct > FREE_TEXT * column.present
    if is_varied or (column.distinct > LISTED_MAX and not _has_known_values(column)):
        example = quoted(next(iter(column.texts)))
        nearly = column.distinct >= NEAR_UNIQUE * column.present
        content = "Free text or names" if any(" " in text.strip() for text in column.texts) else "Text"
        return Decision(
            column.name,
            None,
            f"{content} such as {example}: {ratio(column)}; hardly any value comes again.",
            None
            if nearly and not column.missing
            else f"{column.name} is dropped: {ratio(column)}"
            + (f", {column.missing / column.rows:.0%} missing" if column.missing else "")
            + ". If a part of the text matters (a deck, a title, a brand), put that part into a column of its own.",
        )
    return _category(column, "")


def _category(column: ColumnProfile, prefix: str) -> Decision:
    often = ", ".join(
        f"{quoted(text)} {column.texts[text] / column.present:.0%}" for text in most_frequent(column, _LISTED_EXAMPLES)
    )
    summary = f"{prefix}{column.distinct:,} different value{'' if column.distinct == 1 else 's'}, most often {often}"
    entry: dict[str, Any] = {"type": "category"}
    if column.distinct > LISTED_MAX:
        rows = _min_frequency(column) or 1
        entry |= {"categories": "from_data", "min_frequency": rows, "unknown": "ignore"}
        summary += f"; those with {rows} training rows or more are learned, all others count as unknown"
    else:
        entry["categories"] = sorted(column.texts)
        rare = not column.is_complete or min(column.texts.values()) < RARE_ROWS
        if rare:
            entry["unknown"] = "ignore"
            summary += "; some are rare, so others are taken too, and ignored"
    folded: dict[str, set[str]] = {}
    for text in column.texts:
        folded.setdefault(text.strip().casefold(), set()).add(text)
    alike = next((sorted(texts) for texts in folded.values() if len(texts) > 1), None)
    doubt = None
    if alike:
        doubt = f"{column.name} has {' and '.join(map(quoted, alike))}: if they are the same, correct the file."
    return feature_decision(column, entry, summary, doubt)


def _min_frequency(column: ColumnProfile) -> int | None:
    """Return the number of training rows that a value needs, so that at least two and at most ``KNOWN_MAX`` are learned.

    None if hardly any value has enough of them.
    """
    counts = sorted(_training_rows(column), reverse=True)
    for rows in (MIN_FREQUENCY, MIN_FREQUENCY_SMALL):
        # With room for an uneven split.
        if counts[1] >= 1.25 * rows:
            if len(counts) <= KNOWN_MAX or counts[KNOWN_MAX] < rows:
                return rows
            return _rounded_up(1.05 * counts[KNOWN_MAX])
    return None


def _has_known_values(column: ColumnProfile) -> bool:
    rows = _min_frequency(column)
    counts = _training_rows(column)
    return rows is not None and sum(count for count in counts if count >= rows) >= KNOWN_SHARE * sum(counts)


def _training_rows(column: ColumnProfile) -> list[float]:
    """Return the approximate number of training rows of each value."""
    return [count * _TRAINING_SHARE * column.scale for count in column.texts.values()]


def _rounded_up(number: float) -> int:
    """Return a number rounded up to two digits."""
    step: int = 10 ** max(0, len(str(int(number))) - 2)
    return math.ceil(number / step) * step


def _zero_example(column: ColumnProfile) -> str:
    return next(text for text in column.texts if text.strip().startswith("0"))
