"""Parity: the proof, on every build, that the ONNX graph answers what the fitted pipeline answers.

The rows are chosen to hurt: the test split, rows on every threshold of the trees and one double beside it, every
category, what is missing and what is unknown, the ends of the ranges, and rows alone against rows in batches.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from sklearn.pipeline import Pipeline

from bundle.contract import Contract, Strict
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.frames import to_frame, to_rows
from training.hostile_rows import edge_rows, threshold_rows

LIMIT = 1e-9
"""Worst relative difference allowed: additions in another order stay below it, another branch does not."""
BATCH_SIZES = (2, 50, 51, 80, 81, 128, 129, 1000)
"""ONNX Runtime changes its way through the trees near 50, 80 and 128 rows; 1,000 is the most that a request may hold."""
ALONE_ROWS = 200
"""How many rows are asked about one by one, to be found again in the batches."""
SHOWN = 5
"""How many of the worst rows a report keeps."""


class WorstRow(Strict):
    """A row on which the two differ most."""

    part: str
    """The part of the proof that it belongs to."""
    row: dict[str, str | float | None]
    """What a client would send, by the feature's name."""
    pipeline: float
    """The fitted pipeline's answer, in the target's unit."""
    onnx: float
    """The graph's answer, in the target's unit."""
    relative: float
    """Their difference over the larger of the two in magnitude."""


class ParityPart(Strict):
    """One kind of rows."""

    name: str
    """``test``, ``thresholds``, ``derived_thresholds`` or ``edges``."""
    rows: int
    """How many rows were compared."""
    worst_absolute: float
    """Largest difference, in the target's unit."""
    worst_relative: float
    """Largest difference over the larger of the two answers in magnitude."""
    beyond_share: float
    """The share of rows whose relative difference is above the limit."""


class BatchParity(Strict):
    """Rows in a batch against the same rows alone, both in the graph."""

    size: int
    """How many rows a batch has."""
    bit_equal: bool
    """Whether every row got the very same double."""
    worst_relative: float
    """Largest difference over the larger of the two answers in magnitude."""


class ParityReport(Strict):
    """The content of ``parity.json``."""

    limit: float = Field(gt=0)
    """The largest relative difference allowed."""
    rows: int
    """How many rows were compared, over all parts."""
    worst_absolute: float
    """Largest difference over all parts, in the target's unit."""
    worst_relative: float
    """Largest relative difference, over all parts and batches."""
    beyond_share: float
    """The share of rows, over all parts, whose relative difference is above the limit."""
    parts: tuple[ParityPart, ...]
    """The kinds of rows that were tried."""
    batches: tuple[BatchParity, ...]
    """The batch sizes that were tried."""
    worst_rows: tuple[WorstRow, ...]
    """The rows that differ most, worst first; none where all answers are equal."""

    def table(self) -> str:
        """Return the worst rows as lines of text, one row each."""
        lines = [f"{'part':<20}{'pipeline':>24}{'onnx':>24}{'relative':>12}  row"]
        for worst in self.worst_rows:
            values = ", ".join(f"{name}={value!r}" for name, value in worst.row.items())
            lines.append(
                f"{worst.part:<20}{worst.pipeline:>24.17g}{worst.onnx:>24.17g}{worst.relative:>12.3g}  {values}"
            )
        return "\n".join(lines)


class ParityError(Exception):
    """The graph does not answer what the pipeline answers. ``report`` has the figures."""

    def __init__(self, report: ParityReport) -> None:
        batches = ", ".join(str(batch.size) for batch in report.batches if batch.worst_relative > report.limit)
        super().__init__(
            f"expected the ONNX graph to answer what the pipeline answers within {report.limit:g} relative, got"
            f" {report.worst_relative:g} at worst and {report.beyond_share:.3%} of {report.rows} rows beyond"
            f"{f'; rows differ between alone and in batches of {batches}' if batches else ''}."
            f" The bundle is not saved. The worst rows:\n{report.table()}"
        )
        self.report = report


def check_parity(
    pipeline: Pipeline, model: bytes, contract: Contract, frame: pd.DataFrame, *, limit: float = LIMIT
) -> ParityReport:
    """Compare the pipeline with its exported graph.

    Args:
        pipeline: the fitted pipeline; its last step holds the trees.
        model: the serialised graph.
        contract: the columns, their ranges and categories.
        frame: validated rows that were not trained on, at least one; the hostile rows are made from them.
        limit: the largest relative difference allowed.

    Returns:
        The figures.

    Raises:
        ParityError: a row differs by more than the limit; the message shows the worst rows.
        ValueError: the frame has no rows.
    """
    rows = to_rows(frame, contract)
    if not len(rows):
        raise ValueError("expected at least one row to compare on, got none: give the test split")
    session = _session(model)
    on_threshold, around_derived = threshold_rows(pipeline, contract, rows)
    kinds = {
        "test": rows,
        "thresholds": on_threshold,
        "derived_thresholds": around_derived,
        "edges": edge_rows(contract, rows),
    }
    parts, worst = [], []
    for name, tried in kinds.items():
        expected = (
            np.asarray(pipeline.predict(to_frame(tried, contract)), dtype=np.float64) if len(tried) else np.empty(0)
        )
        got = _answers(session, tried) if len(tried) else np.empty(0)
        absolute, relative = differences(expected, got)
        parts.append(
            ParityPart(
                name=name,
                rows=len(tried),
                worst_absolute=float(absolute.max(initial=0.0)),
                worst_relative=float(relative.max(initial=0.0)),
                beyond_share=float((relative > limit).mean()) if len(tried) else 0.0,
            )
        )
        for at in np.argsort(-relative, kind="stable")[:SHOWN]:
            if relative[at] > 0:
                shown = _as_sent(tried[at], contract)
                worst.append(
                    WorstRow(
                        part=name,
                        row=shown,
                        pipeline=float(expected[at]),
                        onnx=float(got[at]),
                        relative=float(relative[at]),
                    )
                )
    batches = _batches(session, np.concatenate(list(kinds.values())))
    total = sum(part.rows for part in parts)
    report = ParityReport(
        limit=limit,
        rows=total,
        worst_absolute=max(part.worst_absolute for part in parts),
        worst_relative=max([part.worst_relative for part in parts] + [batch.worst_relative for batch in batches]),
        beyond_share=sum(part.beyond_share * part.rows for part in parts) / total,
        parts=tuple(parts),
        batches=batches,
        worst_rows=tuple(sorted(worst, key=lambda row: -row.relative)[:SHOWN]),
    )
    if report.worst_relative > limit:
        raise ParityError(report)
    return report


def differences(
    expected: NDArray[np.float64], got: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return absolute and relative differences, both of shape (N,).

    Relative is to the larger magnitude of the two, so it is at most 2 and needs no care around zero. Equal infinities
    and NaN beside NaN count as equal; NaN or infinity beside a number counts as infinitely far.

    Raises:
        ValueError: the shapes are not the same, which a graph that mixes up rows would show.
    """
    if expected.shape != got.shape:
        raise ValueError(f"expected answers of shape {expected.shape}, got {got.shape}: the graph loses or makes rows")
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.where(same, 0.0, np.abs(expected - got))
        scale = np.maximum(np.abs(expected), np.abs(got))
        relative = np.divide(absolute, scale, out=np.zeros_like(absolute), where=~same & (scale > 0))
    apart = ~same & ~(np.isfinite(expected) & np.isfinite(got))
    absolute[apart] = relative[apart] = np.inf
    return absolute, relative


def _session(model: bytes) -> onnxruntime.InferenceSession:
    """Open the graph as the service does: one thread, in order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _answers(session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: np.ascontiguousarray(rows)})[0], dtype=np.float64)


def _batches(session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> tuple[BatchParity, ...]:
    """Ask about rows one by one, then about the same rows inside batches of each size, at changing places."""
    chosen = rows[np.linspace(0, len(rows) - 1, ALONE_ROWS).astype(np.intp)]
    alone = np.concatenate([_answers(session, row[np.newaxis]) for row in chosen])
    results = []
    for size in BATCH_SIZES:
        # The list is repeated so that the last batch is full as well, whatever the size.
        order = np.arange(-(-ALONE_ROWS // size) * size) % ALONE_ROWS
        together = np.concatenate([_answers(session, chosen[part]) for part in order.reshape(-1, size)])
        _, relative = differences(alone[order], together)
        results.append(
            BatchParity(size=size, bit_equal=not relative.any(), worst_relative=float(relative.max(initial=0.0)))
        )
    return tuple(results)


def _as_sent(row: NDArray[np.float64], contract: Contract) -> dict[str, str | float | None]:
    """Return a packed row as the values that a client would send."""
    frame = to_frame(row[np.newaxis], contract)
    values: dict[str, str | float | None] = {}
    for feature in contract.features:
        value = frame[feature.name].iloc[0]
        values[feature.name] = value if isinstance(value, str) else None if pd.isna(value) else float(value)
    return values
