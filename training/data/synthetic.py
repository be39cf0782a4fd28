"""Synthetic data: rows made up from a config when there is no real file, of the same schema and seeded.

It stands at the beginning of the data's way, beside ``download``. What it makes is for trying things out; the loader
labels it so.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.config import Draw, Synthetic
from training.data.errors import SyntheticError

__all__ = ["SyntheticError", "generate"]

_ROUNDS_LIMIT = 10
"""How often rows are drawn again in the place of duplicates before the config is taken for too coarse."""

_BACKTICKED = re.compile(r"`[^`]*`")


def generate(spec: Synthetic | None, rows: int | None = None) -> pd.DataFrame:
    """Draw a data set, column by column in the order of the config.

    A value is rounded, then clipped, so that a clipped value is exactly an end of its range. Missing values are taken
    away after all columns are drawn: later columns depend on the value that was there. Rows that equal an earlier row
    are drawn anew.

    Args:
        spec: The config's ``synthetic`` section. Its expressions may use earlier columns (in backticks where the name
            is no Python name), numbers, strings, operators and the functions of ``pandas.eval``, such as ``exp``.
        rows: How many rows; by default what ``spec`` says.

    Returns:
        ``rows`` distinct rows with index 0 … rows-1. Numbers are float64, or int64 from ``poisson`` and ``bernoulli``
        without missing values; text is pandas' ``str``. The same arguments give the same frame.

    Raises:
        SyntheticError: an expression is wrong, a parameter is impossible, or distinct rows run out; the message names
            the column and the expression.
        ValueError: ``rows`` is not positive.
    """
    if spec is None:
        raise SyntheticError(
            "the config has no section `synthetic`, so no rows can be made up. Give a file with DATA=<path>, or add the"
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
            " rounds. Ask for fewer `rows`, or draw a column with more values or more `decimals`."
        )
    return frame.head(count)


def _draw_rows(spec: Synthetic, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw rows that may hold duplicates, without the latent columns."""
    frame = pd.DataFrame(index=pd.RangeIndex(count))
    for column in spec.columns:
        values: NDArray[Any] = _conditional(frame, column) if column.where else _drawn(frame, column, rng)
        if values.dtype.kind in "fiu":
            if column.decimals is not None:
                # Adding zero turns the -0.0 that rounding leaves into 0.0, which is what people write into files.
                values = np.round(values, column.decimals) + 0.0
            if column.clip is not None:
                values = np.clip(values, column.clip[0], column.clip[1])
        frame[column.name] = values
    for column in spec.columns:
        if column.missing:
            frame[column.name] = frame[column.name].mask(rng.random(count) < column.missing)
    return frame[[column.name for column in spec.columns if not column.name.startswith("_")]]


def _drawn(frame: pd.DataFrame, column: Draw, rng: np.random.Generator) -> NDArray[Any]:
    """Draw a column from its distribution, or compute it."""
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
        given = {key: value for key, value in column.model_dump(exclude_none=True).items() if key in Draw.model_fields}
        raise SyntheticError(
            f"synthetic column {column.name!r}: {column.draw} cannot be drawn with {given}: {error}."
            " Correct its parameters in the config."
        ) from error


def _numbers(frame: pd.DataFrame, column: Draw, key: str, given: float | str) -> NDArray[np.float64]:
    """Return a parameter as float64 of shape (rows,), evaluated if it is an expression."""
    if not isinstance(given, str):
        return np.full(len(frame), given, dtype=np.float64)
    result = np.asarray(_evaluated(frame, column.name, given))
    if result.dtype.kind not in "fiub" or result.shape not in ((), (len(frame),)):
        raise SyntheticError(
            f"synthetic column {column.name!r}: {key}: expected a number per row from the expression {given!r},"
            f" got {result.dtype} of shape {result.shape}. Correct it in the config."
        )
    numbers = np.broadcast_to(result.astype(np.float64), (len(frame),))
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        raise SyntheticError(
            f"synthetic column {column.name!r}: {key}: expected finite numbers from the expression {given!r}, got"
            f" {numbers[wrong[0]]} in {wrong.size:,} of {len(frame):,} rows. Correct it in the config."
        )
    return numbers


def _conditional(frame: pd.DataFrame, column: Draw) -> NDArray[Any]:
    """Return the text of the first condition that is true, per row."""
    values = np.empty(len(frame), dtype=object)
    open_rows = np.ones(len(frame), dtype=bool)
    for text, condition in (column.where or {}).items():
        result = np.asarray(_evaluated(frame, column.name, condition))
        if result.dtype.kind != "b" or result.shape not in ((), (len(frame),)):
            raise SyntheticError(
                f"synthetic column {column.name!r}: where {text!r}: expected true or false per row from the expression"
                f" {condition!r}, got {result.dtype} of shape {result.shape}. Correct it in the config."
            )
        values[open_rows & result] = text
        open_rows &= ~result
    unmet = int(open_rows.sum())
    if unmet:
        raise SyntheticError(
            f"synthetic column {column.name!r}: where: no condition is true in {unmet:,} of {len(frame):,} rows."
            ' Give the last value the condition "True".'
        )
    return values


def _evaluated(frame: pd.DataFrame, name: str, expression: str) -> Any:
    """Evaluate an expression over the columns drawn so far, with no way out of the frame.

    Attributes are refused before anything runs: ``pandas.eval`` would call any method of a column, ``to_csv`` included.
    """
    try:
        tree = ast.parse(_BACKTICKED.sub("_", expression).strip(), mode="eval")
        if any(isinstance(node, ast.Attribute) for node in ast.walk(tree)):
            raise ValueError("methods and attributes of columns are not allowed")
        with np.errstate(all="ignore"):
            return frame.eval(expression, engine="python", local_dict={}, global_dict={})
    except Exception as error:  # pandas.eval raises whatever the expression provokes, from SyntaxError to TypeError
        raise SyntheticError(
            f"synthetic column {name!r}: the expression {expression!r} cannot be evaluated: {error}."
            f" Columns drawn before it: {', '.join(map(str, frame.columns)) or 'none'}."
        ) from error
