"""Cost: what a candidate would be in service, measured on its real graph.

The estimator is fitted on the whole training part and exported as it would be for a bundle; the graph's size and its time
in ONNX Runtime are figures of that. Time in scikit-learn says nothing about them: a k-NN that answers quickly in a batch
is slow row by row, and trees are quicker in the graph.
"""

from __future__ import annotations

import time

import pandas as pd

from bundle.contract import Strict
from bundle.numbers import number_text
from training.config import Decisions, ModelConfig, Selection
from training.export import export_pipeline, serialise
from training.frames import to_rows
from training.latency import SLOWDOWN_MAX, LatencyTable, measure_latency
from training.pipeline import fit_pipeline

BATCH_ROWS = 32
"""The batch whose time is measured beside that of one row; the service's batches are about as large under load."""
MEASURED_S = 0.6
"""How long both sizes are measured together."""
_ROWS_MAX = 2_000
"""So many different rows take part in the measurement: a tree's path depends on the row."""


class Cost(Strict):
    """What one estimator costs in service and to fit."""

    single_row_us: float
    """The median time of one row in ONNX Runtime, in microseconds, on one thread."""
    batch_us: float
    """The median time of a batch of ``BATCH_ROWS`` rows, in microseconds, on one thread."""
    model_mib: float
    """The size of the ONNX file in MiB."""
    fit_s: float
    """How long the fit on the whole training part took, in seconds, on one thread."""
    slowdown: float = 1.0
    """By which factor a disturbed machine may have lengthened the times; 1 if it was quiet."""


def measure_cost(config: ModelConfig, train: pd.DataFrame, decisions: Decisions) -> Cost:
    """Fit on the whole training part, export and measure.

    A decision threshold is left out: choosing it takes a cross-validation, and in the graph it is one comparison.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: what is fitted.

    Raises:
        ConfigError, FitError: it cannot be fitted.
        ExportError: a step has no exact conversion.
    """
    contract = config.contract()
    began = time.perf_counter()
    pipeline = fit_pipeline(config, train, decisions, decide=False)
    fit_s = time.perf_counter() - began
    model = serialise(export_pipeline(pipeline, contract))
    rows = to_rows(train.iloc[:_ROWS_MAX], contract)
    latency = measure_latency(
        model,
        rows,
        batch_sizes=(1, BATCH_ROWS),
        budget_s=MEASURED_S,
        is_undecided=lambda table: bool(_undecided(_cost(table, model, fit_s), config.selection)),
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
    """Return by which factor each limit is exceeded, by the config's key; empty within the budget.

    A time above its limit that a disturbed machine can explain does not count: only the model may miss the budget.
    """
    times = {key: value for key, value in _exceeded_times(cost, budget).items() if value > cost.slowdown}
    size = budget.model_mib_max
    return times | ({"model_mib_max": cost.model_mib / size} if size is not None and cost.model_mib > size else {})


def explain_doubt(cost: Cost, budget: Selection) -> str:
    """Say which times exceed their limits only because the machine may have been disturbed; empty without such a time."""
    words = {
        "single_row_us_max": f"one row took {cost.single_row_us:,.0f} µs",
        "batch_us_max": f"{BATCH_ROWS} rows took {cost.batch_us:,.0f} µs",
    }
    found = [f"{words[key]}, allowed {number_text(getattr(budget, key))}" for key in _undecided(cost, budget)]
    return f"{'; '.join(found)}; not judged, because the machine was busy" if found else ""


def _undecided(cost: Cost, budget: Selection) -> list[str]:
    return [key for key, value in _exceeded_times(cost, budget).items() if value <= cost.slowdown]


def _exceeded_times(cost: Cost, budget: Selection) -> dict[str, float]:
    """Return by which factor each time exceeds its limit as it was measured."""
    pairs = {
        "single_row_us_max": (cost.single_row_us, budget.single_row_us_max),
        "batch_us_max": (cost.batch_us, budget.batch_us_max),
    }
    return {key: value / limit for key, (value, limit) in pairs.items() if limit is not None and value > limit}


def explain_excess(cost: Cost, budget: Selection) -> str:
    """Say in words which limits are exceeded; empty within the budget."""
    values = {
        "single_row_us_max": f"one row takes {cost.single_row_us:,.0f} µs, allowed {number_text(budget.single_row_us_max or 0, grouped=True)}",
        "batch_us_max": f"{BATCH_ROWS} rows take {cost.batch_us:,.0f} µs, allowed {number_text(budget.batch_us_max or 0, grouped=True)}",
        "model_mib_max": f"the graph has {cost.model_mib:,.1f} MiB, allowed {number_text(budget.model_mib_max or 0, grouped=True)}",
    }
    return "; ".join(values[key] for key in excess(cost, budget))
