"""Drift: the number of rows until an injected change is detected, false alarms of a year, and the cost of a row.

    python -m benchmarks.drift --data california_housing.csv

Rows are drawn with replacement from one table, for the reference as well as for the stream; without ``--data`` from an
invented one. After 20,000 rows of the stream a change is injected into one column. The windows are checked every 100 rows at
the level of the default settings. The year has one look a minute at both windows, and 30 rows a minute.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from monitoring.drift.histograms import Column, Integers, layout_of
from monitoring.drift.verdicts import (
    MONTH_S,
    VERDICTS,
    column_report,
    expected_counts,
    level,
    window_report,
)
from monitoring.drift.windows import Windows
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings
from tabento.bundle.contract import Contract, Feature, Output
from tests.monitoring.rows import Floats, monitored_model, predicted_rows

TRAINING_ROWS = 20_000
CLEAN_ROWS = 20_000
LONGEST_ROWS = 20_000
CHECK_ROWS = 100
ROWS_PER_MINUTE = 30
MINUTES = 365 * 24 * 60
SETTINGS = MonitoringSettings()
RESULTS = Path("benchmarks/results/drift.json")
PICTURE = Path("docs/images/drift-detection.png")


def read_table(path: Path | None, seed: int) -> tuple[Contract, Floats]:
    """Return a contract and the packed rows of a table of numbers and categories; of an invented table without a path.

    The first column of numbers gets 5% missing values if the table has none.
    """
    random = np.random.default_rng(seed)
    if path is None:
        names = ["normal", "gamma", "count", "kind"]
        kind = random.choice(4, 30_000, p=[0.5, 0.3, 0.15, 0.05]).astype(np.float64)
        numbers = np.column_stack(
            [random.normal(10, 2, 30_000), random.gamma(2, 3, 30_000), random.poisson(3, 30_000), kind]
        )
        categories: list[tuple[str, ...] | None] = [None, None, None, ("a", "b", "c", "d")]
    else:
        with path.open(newline="", encoding="utf-8") as file:
            names, *cells = csv.reader(file)
        columns, categories = [], []
        for values in zip(*cells, strict=True):
            try:
                columns.append([float(value) if value else np.nan for value in values])
                categories.append(None)
            except ValueError:
                labels = sorted(set(values))
                columns.append([float(labels.index(value)) for value in values])
                categories.append(tuple(labels))
        numbers = np.array(columns).T
    if not np.isnan(numbers).any():
        numbers[random.random(len(numbers)) < 0.05, 0] = np.nan
    features = tuple(
        Feature(name=name, type="number", nullable=True)
        if labels is None
        else Feature(name=name, type="category", categories=labels, nullable=True)
        for name, labels in zip(names, categories, strict=True)
    )
    contract = Contract(
        name="drift",
        title="Drift",
        description="Rows.",
        task="regression",
        features=features,
        output=Output(name="sum"),
    )
    return contract, numbers


def answers_of(numbers: Floats) -> Floats:
    """Return a smooth answer to rows of which some are changed."""
    answers: Floats = np.nansum(np.tanh(numbers / (1 + np.abs(numbers))), axis=1, keepdims=True)
    return answers


def changes(contract: Contract, numbers: Floats) -> dict[str, Callable[[Floats], None]]:
    """Return functions that change rows in place, by their names."""
    is_number = [feature.type == "number" for feature in contract.features]
    column = max(
        (index for index, number in enumerate(is_number) if number), key=lambda index: len(np.unique(numbers[:, index]))
    )
    deviation = float(np.nanstd(numbers[:, column]))
    missing = int(np.argmax(np.isnan(numbers).mean(axis=0)))
    null_rate = float(np.isnan(numbers[:, missing]).mean())
    random = np.random.default_rng(11)

    def shift(size: float) -> Callable[[Floats], None]:
        def change(rows: Floats) -> None:
            rows[:, column] += size * deviation

        return change

    def nulls(rows: Floats) -> None:
        rows[random.random(len(rows)) < null_rate / (1 - null_rate), missing] = np.nan

    def unit(rows: Floats) -> None:
        rows[:, column] *= 1000

    def stuck(rows: Floats) -> None:
        rows[:, column] = np.nanmedian(numbers[:, column])

    injected = {f"shift of {size:g} sd": shift(size) for size in (0.25, 0.5, 1.0)}
    injected |= {"null rate doubled": nulls, "unit x1000": unit, "stuck sensor": stuck}
    if not all(is_number):
        category = is_number.index(False)

        def mix(rows: Floats) -> None:
            rows[random.random(len(rows)) < 0.3, category] = 0

        injected["category mix, 30% to one"] = mix
    return injected


def detection_rows(
    model: MonitoredModel, population: Floats, change: Callable[[Floats], None], seed: int
) -> list[int | None]:
    """Return the number of changed rows until the window by rows is at least moderate, and until it is drift; None if never."""
    random = np.random.default_rng(seed)
    windows = Windows(layout_of(model), 1.0, SETTINGS.drift_window_s)
    significance = level(len(windows.layout.columns), SETTINGS.drift_pane_s, SETTINGS.drift_false_alarms_per_month)
    first: list[int | None] = [None, None]
    for pane in range((CLEAN_ROWS + LONGEST_ROWS) // CHECK_ROWS):
        rows = population[random.integers(0, len(population), CHECK_ROWS)]
        n_changed = (pane + 1) * CHECK_ROWS - CLEAN_ROWS
        if n_changed > 0:
            change(rows)
        windows.add_rows(predicted_rows(model, rows, answers_of(rows), start_s=float(pane), step_s=1e-6))
        if n_changed <= 0:
            continue
        _, slots = windows.by_rows(SETTINGS.drift_window_rows)
        verdict = VERDICTS.index(window_report(windows.layout, slots, significance, SETTINGS.drift_min_rows)["verdict"])
        for rank in (1, 2):
            if verdict >= rank and first[rank - 1] is None:
                first[rank - 1] = n_changed
        if first[1] is not None:
            break
    return first


def alarms_of_a_year(model: MonitoredModel, population: Floats, seed: int) -> dict[str, int]:
    """Return the number of alarms, and of tests below the level alone, over a year of rows like those of training.

    An alarm that lasts several looks is one alarm.
    """
    random = np.random.default_rng(seed)
    layout = layout_of(model)
    significance = level(len(layout.columns), SETTINGS.drift_pane_s, SETTINGS.drift_false_alarms_per_month)
    sampled_rows = random.integers(0, len(population), (MINUTES, ROWS_PER_MINUTE), dtype=np.int64)
    answers = answers_of(population)
    counts = {"moderate": 0, "drift": 0, "significant": 0}
    for column in layout.columns:
        values = (population if column.role == "feature" else answers)[:, column.index]
        year = _minutes(column, values, sampled_rows)
        sums = np.concatenate([np.zeros((1, year.shape[1]), np.int64), np.cumsum(year, axis=0)])
        for window_rows in (SETTINGS.drift_window_rows, int(ROWS_PER_MINUTE * SETTINGS.drift_window_s / 60)):
            panes = -(-window_rows // ROWS_PER_MINUTE)
            starts = np.maximum(np.arange(1, MINUTES + 1) - panes, 0)
            windows = sums[1:] - sums[starts]
            last = dict.fromkeys(counts, -2)
            for minute in _candidates(column, windows):
                slots = np.zeros(column.end - column.start, np.int64)
                slots[: column.n_bins + 1] = windows[minute]
                report = column_report(column, slots, significance, SETTINGS.drift_min_rows)
                is_significant = min(report["chi_square_p"], report["null_p"], report["unknown_p"]) < significance
                for name, is_alarm in (
                    ("moderate", report["verdict"] in ("moderate", "drift")),
                    ("drift", report["verdict"] == "drift"),
                    ("significant", is_significant and report["rows"] >= SETTINGS.drift_min_rows),
                ):
                    if is_alarm:
                        counts[name] += last[name] != minute - 1
                        last[name] = minute
    return counts


def _minutes(column: Column, values: Floats, sampled_rows: Integers) -> Integers:
    """Return the bins and the missing values of each minute, int64 of shape (MINUTES, bins + 1)."""
    width = column.n_bins + 1
    codes = np.array([np.argmax(column.count(values[index : index + 1])[:width]) for index in range(len(values))])
    counted = np.empty((MINUTES, width), np.int64)
    for start in range(0, MINUTES, 40_000):
        block = codes[sampled_rows[start : start + 40_000]]
        flat = (block + width * np.arange(len(block))[:, None]).ravel()
        counted[start : start + len(block)] = np.bincount(flat, minlength=width * len(block)).reshape(-1, width)
    return counted


def _candidates(column: Column, windows: Integers) -> list[int]:
    """Return the minutes at which a test could be below the level: a loose bound of all tests, computed for all minutes at once."""
    expected = np.append(*expected_counts(column))
    share, total = expected / expected.sum(), windows.sum(axis=1, keepdims=True)
    pooled = (expected + windows) / (expected.sum() + total)
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = (windows - total * share) ** 2 / (pooled * total * (1 + total / expected.sum()))
    statistic = np.nansum(terms, axis=1)
    is_possible = (statistic > 25) & (total[:, 0] >= SETTINGS.drift_min_rows)
    return np.flatnonzero(is_possible).tolist()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the figures and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a CSV file of numbers and categories; default: an invented table")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--picture", action="store_true", help=f"write {PICTURE}")
    options = parser.parse_args(arguments)
    contract, population = read_table(options.data, 5)
    random = np.random.default_rng(7)
    injected = changes(contract, population)
    detected: dict[str, dict[str, list[int | None]]] = {}
    for name, change in injected.items():
        pairs = []
        for seed in range(options.repeats):
            training = population[random.integers(0, len(population), TRAINING_ROWS)]
            pairs.append(
                detection_rows(monitored_model(contract, training, answers_of(training)), population, change, seed)
            )
        detected[name] = {"moderate": [pair[0] for pair in pairs], "drift": [pair[1] for pair in pairs]}
        print(
            f"{name:<26} moderate after {detected[name]['moderate']}, drift after {detected[name]['drift']} rows",
            flush=True,
        )
    years = []
    for year in range(options.years):
        training = population[random.integers(0, len(population), TRAINING_ROWS)]
        years.append(alarms_of_a_year(monitored_model(contract, training, answers_of(training)), population, year))
        print(
            f"year {year}: {years[-1]} in {MINUTES:,} looks; at most {12 * SETTINGS.drift_false_alarms_per_month:g} expected"
        )
    model = monitored_model(contract, training, answers_of(training))
    layout = layout_of(model)
    costs = {}
    for size in (1, 100, 5_000):
        rows, answers = population[:size], answers_of(population[:size])
        repeats = max(20, 20_000 // size)
        timings = []
        for _ in range(5):
            start = time.process_time()
            for _ in range(repeats):
                layout.count(rows, answers)
            timings.append((time.process_time() - start) / repeats / size * 1e6)
        costs[size] = min(timings)
    print(
        "microseconds of processor time a row by rows of a batch:",
        {size: round(cost, 2) for size, cost in costs.items()},
    )
    RESULTS.write_text(
        json.dumps(
            {
                "machine": describe_machine(),
                "data": options.data.name if options.data else "invented",
                "rows_until_detected": detected,
                "years": years,
                "microseconds_a_row": costs,
                "settings": {"window_rows": SETTINGS.drift_window_rows, "month_s": MONTH_S},
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    if options.picture:
        _draw(detected)


def _draw(detected: dict[str, dict[str, list[int | None]]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for offset, (verdict, color) in enumerate((("moderate", "tab:orange"), ("drift", "tab:red"))):
        for index, name in enumerate(detected):
            values = [value for value in detected[name][verdict] if value is not None]
            axes.scatter(
                values, [index + 0.2 * offset] * len(values), color=color, s=25, label=verdict if index == 0 else None
            )
    axes.set_yticks(range(len(detected)), list(detected))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(
        f"changed rows until the verdict; window of {SETTINGS.drift_window_rows:,} rows, full of unchanged ones"
    )
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
