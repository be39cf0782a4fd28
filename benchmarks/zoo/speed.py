"""The gain of the export's passes: the cost of a row before and after them, for a narrow, a wide and a wordy table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

from benchmarks.alternation import time_in_alternation
from benchmarks.zoo.data import contract_of
from benchmarks.zoo.measure import without_warnings
from benchmarks.zoo.results import Figures
from benchmarks.zoo.timing import ROUNDS, runner, session
from tabento.bundle.contract import Contract, Output
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.export import export_pipeline, serialise
from tabento.export.convert import finalize_graph, plain_graph
from tabento.tables.frames import to_frame, to_rows

ROWS = 3_000
SEED = 11
NARROW, WIDE, WORDY = 9, 100, 12
LEVELS = tuple(f"level {number}" for number in range(20))
SIZES = (1, 100)


class Passes(Figures):
    """One table's cost before the passes and after."""

    name: str
    nodes_before: int
    nodes_after: int
    us_per_row_before: dict[int, float]
    """Microseconds by the number of rows of a call."""
    us_per_row_after: dict[int, float]
    """The same after the passes."""


def measure_passes(rows: int = ROWS, *, trees: int = 100, rounds: int = ROUNDS) -> list[Passes]:
    """Fit a pipeline on each of three synthetic tables, and time its graph without the passes and with them."""
    draw = np.random.default_rng(SEED)
    narrow, wide = (_numbers(draw, rows, count) for count in (NARROW, WIDE))
    wordy = pd.concat([_numbers(draw, rows, 3), _texts(draw, rows, WORDY)], axis=1)
    estimator = partial(HistGradientBoostingRegressor, max_iter=trees, random_state=SEED)
    words = [name for name in wordy.columns if name.startswith("word")]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    groups = [("words", encoder, words), ("numbers", _scaling(), wordy.columns.difference(words, sort=False).tolist())]
    return [
        _time_passes(f"narrow: {NARROW} numbers", make_pipeline(_scaling(), estimator()), narrow, rounds),
        _time_passes(f"wide: {WIDE} numbers", make_pipeline(_scaling(), estimator()), wide, rounds),
        _time_passes(
            f"wordy: {WORDY} texts, 3 numbers", make_pipeline(ColumnTransformer(groups), estimator()), wordy, rounds
        ),
    ]


def markdown(measured: Sequence[Passes]) -> str:
    """Return the results as a table."""
    lines = [
        "| table | nodes | µs a row, 1 a call | µs a row, 100 a call |",
        "| --- | --- | --- | --- |",
    ]
    for passes in measured:
        cells = [
            f"{passes.us_per_row_before[size]:.3g} → {passes.us_per_row_after[size]:.3g}"
            f" ({passes.us_per_row_before[size] / passes.us_per_row_after[size]:.2f} times as fast)"
            for size in SIZES
        ]
        lines.append(f"| {passes.name} | {passes.nodes_before} → {passes.nodes_after} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def _scaling() -> Any:
    return make_pipeline(SimpleImputer(strategy="median"), PowerTransformer(), StandardScaler())


def _numbers(draw: np.random.Generator, rows: int, count: int) -> pd.DataFrame:
    """Return skewed numbers; every third column has missing values."""
    columns = {}
    for number in range(count):
        values = draw.lognormal(0.0, 1.0, rows)
        columns[f"number_{number:02d}"] = np.where(draw.random(rows) < 0.05 * (number % 3 == 0), np.nan, values)
    return pd.DataFrame(columns)


def _texts(draw: np.random.Generator, rows: int, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"word_{number:02d}": np.array(LEVELS, dtype=object)[draw.integers(len(LEVELS), size=rows)]
            for number in range(count)
        },
        dtype=object,
    )


def _target(frame: pd.DataFrame, draw: np.random.Generator) -> Any:
    numbers = frame.select_dtypes("number").fillna(1.0)
    texts = frame.select_dtypes("object")
    signal = np.log(numbers.iloc[:, ::2]).sum(axis=1) + 0.2 * sum(
        texts[name].isin(LEVELS[: 1 + index]).astype(float) for index, name in enumerate(texts.columns)
    )
    return signal.to_numpy() + draw.normal(0.0, 0.3, len(frame))


def _time_passes(name: str, pipeline: Any, frame: pd.DataFrame, rounds: int) -> Passes:
    contract: Contract = contract_of(frame, Output(name="answer"), unknown=True)
    rows = to_rows(frame, contract)
    with without_warnings():
        pipeline.fit(to_frame(rows, contract), _target(frame, np.random.default_rng(SEED)))
        before, after = finalize_graph(plain_graph(pipeline, contract), contract), export_pipeline(pipeline, contract)
    sessions = {"before": session(serialise(before)), "after": session(serialise(after))}
    costs: dict[str, dict[int, float]] = {name: {} for name in sessions}
    for size in SIZES:
        feed = {INPUT_NAME: np.ascontiguousarray(rows[:size])}
        runs = {name: runner(graph, [PREDICTION_NAME], feed) for name, graph in sessions.items()}
        for key, seconds in time_in_alternation(runs, rounds).items():
            costs[key][size] = 1e6 * seconds / size
    return Passes(
        name=name,
        nodes_before=len(before.graph.node),
        nodes_after=len(after.graph.node),
        us_per_row_before=costs["before"],
        us_per_row_after=costs["after"],
    )


def main() -> int:
    """Measure and print."""
    sys.stdout.write(markdown(measure_passes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
