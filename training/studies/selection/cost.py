"""The cost of a candidate in service, measured on its real graph.

The estimator is fitted on the whole training part and exported as it would be for a bundle; the cost is the
size of the graph and its time in ONNX Runtime. The time in scikit-learn differs: a k-NN that is fast in a batch is slow row by
row, and trees are faster in the graph.
"""

from __future__ import annotations

import time

import pandas as pd

from tabento.bundle.contract import Strict
from tabento.bundle.numbers import number_text
from tabento.export import export_pipeline, serialise
from tabento.packaging.latency import SLOWDOWN_MAX, LatencyTable, measure_latency
from tabento.tables.frames import to_rows
from training.config import Decisions, ModelConfig, Selection
from training.model.pipeline import fit_pipeline

BATCH_ROWS = 32
"""The size of the measured batch, next to a single row; the service's batches are about as large under load."""
MEASURED_S = 0.6
"""The duration of the measurement of both sizes together, in seconds."""
_ROWS_MAX = 2_000
"""The largest number of different rows in the measurement: the path through a tree depends on the row."""


class Cost(Strict):
    """The cost of one estimator in service, and of its fit."""

    single_row_us: float
    """The median time of one row in ONNX Runtime, in microseconds, on one thread."""
    batch_us: float
    """The median time of a batch of ``BATCH_ROWS`` rows, in microseconds, on one thread."""
    model_mib: float
    """The size of the ONNX file in MiB."""
    fit_s: float
    """The duration of the fit on the whole training part, in seconds, on one thread."""
    slowdown: float = 1.0
    """The factor by which a disturbed computer might have lengthened the times; 1 without disturbance."""


def measure_cost(config: ModelConfig, train: pd.DataFrame, decisions: Decisions) -> Cost:
    """Fit on the whole training part, export and measure.

    The decision threshold is omitted: choosing it takes a cross-validation, and in the graph it is one comparison.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: the decisions of the pipeline.

    Raises:
        ConfigError, FitError: the pipeline cannot be fitted.
        ExportError: a step has no exact conversion.
    """
    contract = config.contract()
    started_s = time.perf_counter()
    pipeline = fit_pipeline(config, train, decisions, decide=False)
    fit_s = time.perf_counter() - started_s
    model = serialise(export_pipeline(pipeline, contract))
    rows = to_rows(train.iloc[:_ROWS_MAX], contract)
    latency = measure_latency(
        model,
        rows,
        batch_sizes=(1, BATCH_ROWS),
        budget_s=MEASURED_S,
        is_undecided=lambda table: bool(_undecided_keys(_cost(table, model, fit_s), config.selection)),
    )
    return _cost(latency, model, fit_s)


def _cost(latency: LatencyTable, model: bytes, fit_s: float) -> Cost:
    single, batch = latency.batches
    return Cost(
        single_row_us=single.p50_us,
        batch_us=batch.p50_us,
        model_mib=len(model) / (1 << 20),
        fit_s=fit_s,
        slowdown=SLOWDOWN_MAX if latency.disturbed else 1.0,
    )


def excess(cost: Cost, budget: Selection) -> dict[str, float]:
    """Return the factor by which each limit is exceeded, by the config's key; empty within the budget.

    A time above its limit that a disturbed computer can explain is not included: only the model can exceed the budget.
    """
    times = {key: value for key, value in _time_excess(cost, budget).items() if value > cost.slowdown}
    size = budget.model_mib_max
    return times | ({"model_mib_max": cost.model_mib / size} if size is not None and cost.model_mib > size else {})


def explain_doubt(cost: Cost, budget: Selection) -> str:
    """Return the times that exceed their limits, but might do so because the computer was disturbed; empty if there are none."""
    words = {
        "single_row_us_max": f"one row took {cost.single_row_us:,.0f} µs",
        "batch_us_max": f"{BATCH_ROWS} rows took {cost.batch_us:,.0f} µs",
    }
    reasons = [f"{words[key]}, allowed {number_text(getattr(budget, key))}" for key in _undecided_keys(cost, budget)]
    return f"{'; '.join(reasons)}; not checked against the limit, because the computer was busy" if reasons else ""


def _undecided_keys(cost: Cost, budget: Selection) -> list[str]:
    return [key for key, value in _time_excess(cost, budget).items() if value <= cost.slowdown]


def _time_excess(cost: Cost, budget: Selection) -> dict[str, float]:
    """Return the factor by which each measured time exceeds its limit."""
    pairs = {
        "single_row_us_max": (cost.single_row_us, budget.single_row_us_max),
        "batch_us_max": (cost.batch_us, budget.batch_us_max),
    }
    return {key: value / limit for key, (value, limit) in pairs.items() if limit is not None and value > limit}


def explain_excess(cost: Cost, budget: Selection) -> str:
    """Return the exceeded limits as a sentence; empty within the budget."""
    values = {
        "single_row_us_max": f"one row takes {cost.single_row_us:,.0f} µs, allowed {number_text(budget.single_row_us_max or 0, grouped=True)}",
        "batch_us_max": f"{BATCH_ROWS} rows take {cost.batch_us:,.0f} µs, allowed {number_text(budget.batch_us_max or 0, grouped=True)}",
        "model_mib_max": f"the graph has {cost.model_mib:,.1f} MiB, allowed {number_text(budget.model_mib_max or 0, grouped=True)}",
    }
    return "; ".join(values[key] for key in excess(cost, budget))
