"""Synthetic data: seeded rows of the same schema, generated from a config if there is no real file.

Like ``download`` this is a first step of the data. The rows are for trying things out, and the loader labels them so.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.numbers import number_text
from tabento.tables.faults import SyntheticError
from training.config import Draw, Synthetic

__all__ = ["SyntheticError", "generate"]

_ROUNDS_LIMIT = 10
"""The number of rounds that replace duplicate rows before the config is refused as too coarse."""

_BACKTICKED = re.compile(r"`[^`]*`")


def generate(spec: Synthetic | None, rows: int | None = None) -> pd.DataFrame:
    """Generate a data set, column by column in the order of the config.

    A value is rounded, then clipped, so that a clipped value is exactly an end of its range. Values are removed (missing)
    after all columns are generated, because later columns depend on the removed values. Rows that equal an earlier row are
    generated again.

    Args:
        spec: The config's ``synthetic`` section. Its expressions can use earlier columns (in backticks if the name is not
            a Python name), numbers, strings, operators and the functions of ``pandas.eval``, such as ``exp``.
        rows: The number of rows; by default the number in ``spec``.

    Returns:
        ``rows`` distinct rows with index 0 … rows-1. Numbers are float64, or int64 from ``poisson`` and ``bernoulli``
        without missing values; text is pandas' ``str``. The same arguments give the same frame.

    Raises:
        SyntheticError: an expression is wrong, a parameter is impossible, or there are too few distinct rows; the message
            names the column and the expression.
        ValueError: ``rows`` is not positive.
    """
    if spec is None:
        raise SyntheticError(
            "the config has no section `synthetic`, so no rows can be generated. Give a file with DATA=<path>, or add the"
            " section (docs/configs.md)."
        )
    count = spec.rows if rows is None else rows
    if count < 1:
        raise ValueError(f"expected at least 1 row to generate, got {count}")
    rng = np.random.default_rng(spec.seed)
    frame = _draw_rows(spec, count, rng).drop_duplicates(ignore_index=True)
    for _ in range(_ROUNDS_LIMIT):
        if len(frame) >= count:
            break
        frame = pd.concat([frame, _draw_rows(spec, count, rng)]).drop_duplicates(ignore_index=True)
    if len(frame) < count:
        raise SyntheticError(
            f"synthetic.columns: expected {count:,} distinct rows, got only {len(frame):,} after {_ROUNDS_LIMIT} more"
            " rounds. Request fewer `rows`, or give a column more values or more `decimals`."
        )
    return frame.head(count)


def _draw_rows(spec: Synthetic, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Generate rows that can contain duplicates, without the latent columns."""
    frame = pd.DataFrame(index=pd.RangeIndex(count))
    for column in spec.columns:
        values: NDArray[Any] = _conditional(frame, column) if column.where else _sampled_values(frame, column, rng)
        if values.dtype.kind in "fiu":
            if column.decimals is not None:
                # Rounding can leave -0.0. Adding zero turns it into 0.0, the usual form in files.
                values = np.round(values, column.decimals) + 0.0
            if column.clip is not None:
                values = np.clip(values, column.clip[0], column.clip[1])
        frame[column.name] = values
    for column in spec.columns:
        if column.missing:
            frame[column.name] = frame[column.name].mask(rng.random(count) < column.missing)
    return frame[[column.name for column in spec.columns if not column.name.startswith("_")]]


def _sampled_values(frame: pd.DataFrame, column: Draw, rng: np.random.Generator) -> NDArray[Any]:
    """Sample a column from its distribution, or compute it."""
    count = len(frame)

    def parameter(key: str) -> NDArray[np.float64]:
        return _numbers(frame, column, key, getattr(column, key))

    try:
        match column.draw:
            case "normal":
                return rng.normal(parameter("mean"), parameter("sd"), count)
            case "lognormal":
                return rng.lognormal(parameter("mean"), parameter("sd"), count)
            case "uniform":
                return rng.uniform(parameter("low"), parameter("high"), count)
            case "gamma":
                shape = parameter("shape")
                return rng.gamma(shape, parameter("mean") / shape, count)
            case "poisson":
                return rng.poisson(parameter("mean"), count)
            case "bernoulli":
                return rng.binomial(1, parameter("p"), count)
            case "choice":
                weights = np.array(list((column.values or {}).values()))
                return rng.choice(list(column.values or {}), count, p=weights / weights.sum())
            case "expression":
                return parameter("value")
    except ValueError as error:
        parameters = {
            key: value for key, value in column.model_dump(exclude_none=True).items() if key in Draw.model_fields
        }
        raise SyntheticError(
            f"synthetic column {column.name!r}: {column.draw} cannot be sampled with {parameters}: {error}."
            " Correct its parameters in the config."
        ) from error


def _numbers(frame: pd.DataFrame, column: Draw, key: str, value: float | str) -> NDArray[np.float64]:
    """Return a parameter as float64 of shape (rows,), evaluated if it is an expression."""
    if not isinstance(value, str):
        return np.full(len(frame), value, dtype=np.float64)
    result = np.asarray(_evaluate(frame, column.name, value))
    if result.dtype.kind not in "fiub" or result.shape not in ((), (len(frame),)):
        raise SyntheticError(
            f"synthetic column {column.name!r}: {key}: expected a number per row from the expression {value!r},"
            f" got {result.dtype} of shape {result.shape}. Correct it in the config."
        )
    numbers = np.broadcast_to(result.astype(np.float64), (len(frame),))
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        raise SyntheticError(
            f"synthetic column {column.name!r}: {key}: expected finite numbers from the expression {value!r}, got"
            f" {number_text(numbers[wrong[0]])} in {wrong.size:,} of {len(frame):,} rows. Correct it in the config."
        )
    return numbers


def _conditional(frame: pd.DataFrame, column: Draw) -> NDArray[Any]:
    """Return, for each row, the text of the first condition that is true."""
    values = np.empty(len(frame), dtype=object)
    open_rows = np.ones(len(frame), dtype=bool)
    for text, condition in (column.where or {}).items():
        result = np.asarray(_evaluate(frame, column.name, condition))
        if result.dtype.kind != "b" or result.shape not in ((), (len(frame),)):
            raise SyntheticError(
                f"synthetic column {column.name!r}: where {text!r}: expected true or false per row from the expression"
                f" {condition!r}, got {result.dtype} of shape {result.shape}. Correct it in the config."
            )
        values[open_rows & result] = text
        open_rows &= ~result
    unmatched = int(open_rows.sum())
    if unmatched:
        raise SyntheticError(
            f"synthetic column {column.name!r}: where: no condition is true in {unmatched:,} of {len(frame):,} rows."
            ' Give the last value the condition "True".'
        )
    return values


def _evaluate(frame: pd.DataFrame, name: str, expression: str) -> Any:
    """Evaluate an expression over the columns generated so far, without access to anything outside the frame.

    Attributes are refused before the evaluation: ``pandas.eval`` would call any method of a column, such as ``to_csv``.
    """
    try:
        tree = ast.parse(_BACKTICKED.sub("_", expression).strip(), mode="eval")
        if any(isinstance(node, ast.Attribute) for node in ast.walk(tree)):
            raise ValueError("methods and attributes of columns are not allowed")
        with np.errstate(all="ignore"):
            return frame.eval(expression, engine="python", local_dict={}, global_dict={})
    except Exception as error:  # pandas.eval raises many types of errors, from SyntaxError to TypeError
        raise SyntheticError(
            f"synthetic column {name!r}: the expression {expression!r} cannot be evaluated: {error}."
            f" Columns generated before it: {', '.join(map(str, frame.columns)) or 'none'}."
        ) from error
