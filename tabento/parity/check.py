"""The proof that a graph answers what the fitted pipeline answers, run on every build.

The rows are chosen to find differences: the test part, rows on every threshold and edge of every object in the pipeline and
one double or float32 next to it, rows on both sides of a change of label, cluster or neighbour, every category, missing and
unknown values, and the ends of the ranges. Each row is answered alone and in batches. The proof compares the answers, the labels,
and the leaf that each tree reaches: two wrong branches can cancel in a sum, leaves cannot. If the pipeline raises an error
on a row, the graph must not answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.parity.proof import Proof
from tabento.parity.recorded_calls import one_thread
from tabento.parity.report import Limits, ParityError, ParityReport
from tabento.parity.rows.split_lines import sample_indices
from tabento.tables.frames import to_rows

LIMIT = 1e-9
"""The largest relative difference allowed: additions in another order stay below it, another branch does not."""
MAX_ROWS = 20_000
"""The approximate number of compared rows: enough for each threshold of most models, few enough for a minute with a forest."""
SEED = 22
"""The seed of the sample of test rows, if there are too many."""


def check_parity(
    pipeline: Any,
    model: bytes,
    contract: Contract,
    frame: pd.DataFrame,
    *,
    limit: float = LIMIT,
    limits: Limits | None = None,
    max_rows: int = MAX_ROWS,
    check_answers: Callable[[NDArray[np.float64], NDArray[np.float64]], None] | None = None,
) -> ParityReport:
    """Compare a fitted pipeline with its exported graph, row by row.

    Args:
        pipeline: the fitted scikit-learn pipeline or estimator, one that ``tabento.export.export_pipeline`` accepts.
        model: the serialised ONNX graph (``ModelProto.SerializeToString()``) with one input of doubles, shape (N, F).
        contract: the F columns, their types, ranges and categories; the classes in the order of the pipeline's
            ``classes_``.
        frame: N rows, N >= 1, that the pipeline was not trained on. One column per feature: numbers, integers, booleans
            (0 and 1) and timestamps (seconds since 1970) as float64 with NaN for missing, categories and texts as str with
            None for missing. Other columns are not used. The hostile rows are made from these rows.
        limit: the largest relative difference of a number, and the largest absolute difference of a probability.
        limits: all limits one by one; ``limit`` is then not used. If an operator of the graph computes in float32, the
            limits are at least ``tabento.parity.proof.FLOAT32_LIMIT``.
        max_rows: the approximate maximum number of compared rows. The test part gets at most half of them.
        check_answers: a function that is called with the rows of each kind, float64 of shape (N, F), and the graph's
            answers to them, float64 of shape (N, W), before they are compared. An exception of it ends the proof.

    Returns:
        The report, with all numbers of the comparison; no limit is exceeded.

    Raises:
        ParityError: a limit is exceeded. ``error.report`` is the report; the message lists the worst rows and the first step
            at which pipeline and graph differ.
        ExportError: the pipeline cannot be exported.
        ValueError: the frame has no rows, lacks a column or holds a value that the contract refuses; the pipeline's classes
            are not the contract's; the pipeline answers none of the rows; the graph does not give one answer per row.
    """
    packed = to_rows(frame, contract)
    if not len(packed):
        raise ValueError("expected at least one row to compare on, got none: give the test split")
    packed = packed[sample_indices(len(packed), max_rows // 2, np.random.default_rng(SEED))]
    with one_thread():
        proof = Proof(pipeline, model, contract, limits or Limits(relative=limit, probability=limit))
        report = proof.run(packed, max_rows, check_answers)
        if not report.excesses():
            return report
        raise ParityError(proof.with_steps(report))
