"""Encoders of other libraries that treat every category by itself: what they give for each is asked of them.

Such an encoder is a table from one text to some numbers, whatever its parameters say. It is given a frame with every
category of the contract, an unknown text and a missing value, one column after the other; its answers become lookups.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bundle.contract import UNKNOWN_CATEGORY
from training.export.arrivals import arrival, refuse_missing, refuse_surprises
from training.export.lookup import at_points, look_up
from training.export.pen import Pen
from training.export.values import Columns, missing_is_nan

Known = Callable[[Any, str], Collection[Any] | None]
"""Which values an encoder knows of a column; None if it cannot be told."""


def require_names(pen: Pen, model: Any, columns: Columns) -> tuple[str, ...]:
    """Return the names of the columns, which are those that a step was fitted on, in their order.

    Raises:
        ExportError: the columns have lost their names, or have others.
    """
    learned = tuple(str(name) for name in model.feature_names_in_)
    if columns.names is None or tuple(columns.names) != learned:
        raise pen.refusal(
            f"it was fitted on the columns {list(learned)} and gets {list(columns.names or ['columns without names'])}",
            "this step as the first one, on the contract's columns in their order",
        )
    return learned


def encode(pen: Pen, model: Any, columns: Columns, encoded: Sequence[str], known: Known) -> Columns:
    """Write a fitted encoder.

    Args:
        pen: what writes.
        model: the encoder; it takes a frame and gives one.
        columns: what it sees.
        encoded: the columns that it encodes, each by itself; all others pass.
        known: which values it knows.

    Raises:
        ExportError: it encodes numbers, raises on what the contract lets through, or knows a value that the contract
            takes for unknown.
    """
    names = require_names(pen, model, columns)
    base = {name: _ordinary(model, columns, at, known) for at, name in enumerate(names)}
    shape = _ask(model, [base])
    if shape is None:
        raise pen.refusal("it does not answer a row of values that it knows", "an encoder of scikit-learn")
    tables: dict[str, tuple[int, Any]] = {}
    for name in encoded:
        at = names.index(name)
        answers = _column(pen, model, columns, at, base, known)
        for output in shape.columns:
            if str(output) not in names or output == name:
                if len(set(map(repr, answers[1][output].tolist()))) == 1 and output != name:
                    continue  # of another column, or the same for all
                tables[str(output)] = (at, answers)
    parts = []
    for output in shape.columns:
        if str(output) in tables:
            at, (values, frame) = tables[str(output)]
            given = frame[output].to_numpy(dtype=np.float64)
            points = [value for value in values if not np.isnan(value) and value != UNKNOWN_CATEGORY]
            of = dict(zip((repr(value) for value in values), given.tolist(), strict=True))
            pieces = at_points(
                points,
                [of[repr(value)] for value in points],
                of.get(repr(UNKNOWN_CATEGORY), np.nan),
                of.get("nan", np.nan),
            )
            name = look_up(pen, pen.pick(columns, [at]).name, [pieces])
            parts.append(Columns(name, (None,), (str(output),)))
        elif str(output) in names and str(output) not in encoded:
            parts.append(pen.pick(columns, [names.index(str(output))]))
        else:
            # The same for every value of every column.
            constant = float(shape[output].iloc[0])
            zero = pen.node("Mul", [pen.cast(pen.node("IsNaN", [pen.pick(columns, [0]).name])), pen.constant([[0.0]])])
            parts.append(Columns(pen.node("Add", [zero, pen.constant([[constant]])], "same"), (None,), (str(output),)))
    return pen.join(parts)


def _ordinary(model: Any, columns: Columns, at: int, known: Known) -> Any:
    """Return a value of a column on which nothing is special."""
    code = columns.codes[at]
    if code is None:
        return 1.0
    listed = [value for value in code if isinstance(value, str)]
    learned = known(model, str(columns.names[at] if columns.names else at)) or ()
    return next((value for value in listed if value in learned), listed[0] if listed else "?")


def _column(
    pen: Pen, model: Any, columns: Columns, at: int, base: dict[str, Any], known: Known
) -> tuple[list[float], pd.DataFrame]:
    """Return by which numbers the values of a column travel, and the encoder's answers to them."""
    name, code = str(columns.names[at]) if columns.names else str(at), columns.codes[at]
    if code is None:
        raise pen.refusal(f"it encodes the numbers of {name!r}", f"`type: category` for {name!r}, with texts")
    texts = {value: number for value, number in code.items() if isinstance(value, str)}
    origin = arrival(pen.graph, columns.name, at)
    if origin is None or pen.contract.features[origin.column].unknown == "ignore":
        learned = known(model, name)
        if learned is None:
            raise pen.refusal(f"it cannot be told which values of {name!r} it knows", f"`unknown: refuse` for {name!r}")
        unlisted = sorted(str(value) for value in learned if isinstance(value, str) and value not in texts)
        if unlisted:
            raise pen.refusal(
                f"it knows {unlisted[0]!r} of {name!r}, which the contract does not list",
                f"`categories` of {name!r} with every value that it knows",
            )
    strange = "?"
    while strange in texts:
        strange += "?"
    tried: dict[Any, float] = {**texts, strange: UNKNOWN_CATEGORY, (np.nan if missing_is_nan(code) else None): np.nan}
    together = _ask(model, [{**base, name: value} for value in tried])
    if together is not None:
        return list(tried.values()), together
    answered = {value: _ask(model, [{**base, name: value}]) for value in tried}
    kept = {value: frame for value, frame in answered.items() if frame is not None}
    numbers_kept = [tried[value] for value in kept]
    if not any(np.isnan(number) for number in numbers_kept):
        refuse_missing(pen, columns, type(model).__name__, [at])
    refuse_surprises(pen, columns, at, numbers_kept, "`unknown: refuse`, or an encoder that takes unknown values")
    return numbers_kept, pd.concat(list(kept.values()), ignore_index=True)


def _ask(model: Any, rows: Sequence[dict[str, Any]]) -> pd.DataFrame | None:
    """Return the frame that an encoder gives for some rows, None if it raises."""
    names = list(rows[0])
    series = {}
    for name in names:
        values = [row[name] for row in rows]
        # A column of texts is one even where a value of it is missing.
        text = any(isinstance(value, str) or value is None for row in rows for value in [row[name]])
        series[name] = pd.Series(
            values, dtype=object if text or any(_is_nan(value) for value in values) else np.float64
        )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            given = model.transform(pd.DataFrame(series))
        except Exception:  # whatever the library raises: it does not answer this row
            return None
    return given.reset_index(drop=True) if isinstance(given, pd.DataFrame) else None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)
