"""Tables of the answers of other libraries' encoders, which treat every category separately.

Such an encoder maps one text to some numbers, for any parameters. It transforms a frame with every category of the contract,
an unknown text and a missing value, one column at a time; its answers become lookups.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabento.bundle.contract import UNKNOWN_CATEGORY
from tabento.export.analysis.column_origin import column_origin, refuse_missing, refuse_unknown_values
from tabento.export.formulas.lookup import look_up, step_function_at_points
from tabento.export.graph.values import Columns, missing_is_nan
from tabento.export.graph.writer import GraphWriter

KnownValues = Callable[[Any, str], Collection[Any] | None]
"""A function that returns the values that an encoder knows of a column; None if it does not list them."""


def require_names(writer: GraphWriter, model: Any, columns: Columns) -> tuple[str, ...]:
    """Return the names of the columns, which must be those that a step was fitted on, in their order.

    Raises:
        ExportError: the columns have no names, or other names.
    """
    learned = tuple(str(name) for name in model.feature_names_in_)
    if columns.names is None or tuple(columns.names) != learned:
        raise writer.refusal(
            f"it was fitted on the columns {list(learned)} and gets {list(columns.names or ['columns without names'])}",
            "this step as the first one, on the contract's columns in their order",
        )
    return learned


def encode(
    writer: GraphWriter, model: Any, columns: Columns, encoded: Sequence[str], known_values: KnownValues
) -> Columns:
    """Write a fitted encoder.

    Args:
        writer: the writer of the graph.
        model: the encoder, from a frame to a frame.
        columns: the inputs of the encoder.
        encoded: the columns that it encodes, each separately; all others pass unchanged.
        known_values: a function that returns the values that the encoder knows.

    Raises:
        ExportError: it encodes numbers, raises on a value that the contract accepts, or knows a value that is unknown to
            the contract.
    """
    names = require_names(writer, model, columns)
    base = {name: _ordinary_value(model, columns, index, known_values) for index, name in enumerate(names)}
    base_answer = _transform_or_none(model, [base])
    if base_answer is None:
        raise writer.refusal("it does not answer a row of values that it knows", "an encoder of scikit-learn")
    tables: dict[str, tuple[int, Any]] = {}
    for name in encoded:
        index = names.index(name)
        answers = _column_answers(writer, model, columns, index, base, known_values)
        for output in base_answer.columns:
            if str(output) not in names or output == name:
                if len(set(map(repr, answers[1][output].tolist()))) == 1 and output != name:
                    continue  # it belongs to another column, or is constant
                tables[str(output)] = (index, answers)
    parts = []
    for output in base_answer.columns:
        if str(output) in tables:
            index, (values, frame) = tables[str(output)]
            numbers = frame[output].to_numpy(dtype=np.float64)
            points = [value for value in values if not np.isnan(value) and value != UNKNOWN_CATEGORY]
            number_of = dict(zip((repr(value) for value in values), numbers.tolist(), strict=True))
            pieces = step_function_at_points(
                points,
                [number_of[repr(value)] for value in points],
                number_of.get(repr(UNKNOWN_CATEGORY), np.nan),
                number_of.get("nan", np.nan),
            )
            name = look_up(writer, writer.pick(columns, [index]).name, [pieces])
            parts.append(Columns(name, (None,), (str(output),)))
        elif str(output) in names and str(output) not in encoded:
            parts.append(writer.pick(columns, [names.index(str(output))]))
        else:
            # The same for every value of every column.
            constant = float(base_answer[output].iloc[0])
            zero = writer.node(
                "Mul", [writer.cast(writer.node("IsNaN", [writer.pick(columns, [0]).name])), writer.constant([[0.0]])]
            )
            parts.append(
                Columns(writer.node("Add", [zero, writer.constant([[constant]])], "same"), (None,), (str(output),))
            )
    return writer.join(parts)


def _ordinary_value(model: Any, columns: Columns, index: int, known_values: KnownValues) -> Any:
    """Return a value of a column that is known and not missing."""
    code = columns.codes[index]
    if code is None:
        return 1.0
    listed = [value for value in code if isinstance(value, str)]
    learned = known_values(model, str(columns.names[index] if columns.names else index)) or ()
    return next((value for value in listed if value in learned), listed[0] if listed else "?")


def _column_answers(
    writer: GraphWriter, model: Any, columns: Columns, index: int, base: dict[str, Any], known_values: KnownValues
) -> tuple[list[float], pd.DataFrame]:
    """Return the codes of a column's values, and the encoder's answers to them."""
    name, code = str(columns.names[index]) if columns.names else str(index), columns.codes[index]
    if code is None:
        raise writer.refusal(f"it encodes the numbers of {name!r}", f"`type: category` for {name!r}, with texts")
    texts = {value: number for value, number in code.items() if isinstance(value, str)}
    origin = column_origin(writer.graph, columns.name, index)
    if origin is None or writer.contract.features[origin.column].unknown == "ignore":
        learned = known_values(model, name)
        if learned is None:
            raise writer.refusal(
                f"it cannot be told which values of {name!r} it knows", f"`unknown: refuse` for {name!r}"
            )
        unlisted = sorted(str(value) for value in learned if isinstance(value, str) and value not in texts)
        if unlisted:
            raise writer.refusal(
                f"it knows {unlisted[0]!r} of {name!r}, which the contract does not list",
                f"`categories` of {name!r} with every value that it knows",
            )
    unknown_text = "?"
    while unknown_text in texts:
        unknown_text += "?"
    code_of_value: dict[Any, float] = {
        **texts,
        unknown_text: UNKNOWN_CATEGORY,
        (np.nan if missing_is_nan(code) else None): np.nan,
    }
    all_answers = _transform_or_none(model, [{**base, name: value} for value in code_of_value])
    if all_answers is not None:
        return list(code_of_value.values()), all_answers
    answer_of_value = {value: _transform_or_none(model, [{**base, name: value}]) for value in code_of_value}
    accepted = {value: frame for value, frame in answer_of_value.items() if frame is not None}
    accepted_codes = [code_of_value[value] for value in accepted]
    if not any(np.isnan(number) for number in accepted_codes):
        refuse_missing(writer, columns, type(model).__name__, [index])
    refuse_unknown_values(
        writer, columns, index, accepted_codes, "`unknown: refuse`, or an encoder that takes unknown values"
    )
    return accepted_codes, pd.concat(list(accepted.values()), ignore_index=True)


def _transform_or_none(model: Any, rows: Sequence[dict[str, Any]]) -> pd.DataFrame | None:
    """Return the frame that an encoder gives for some rows, None if it raises."""
    names = list(rows[0])
    series = {}
    for name in names:
        values = [row[name] for row in rows]
        # A column with a missing text is still a column of texts.
        text = any(isinstance(value, str) or value is None for row in rows for value in [row[name]])
        series[name] = pd.Series(
            values, dtype=object if text or any(_is_nan(value) for value in values) else np.float64
        )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            answer = model.transform(pd.DataFrame(series))
        except Exception:  # any error of the library means that it does not accept this row
            return None
    return answer.reset_index(drop=True) if isinstance(answer, pd.DataFrame) else None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)
