"""Methods: the abilities that a model must have before its quality is checked.

The pipeline has the methods of its task. The graph has the input and the output of the bundle's format. Answers are finite
and have the contract's shape. A missing value gets an answer if the contract accepts it. A single row gets the same answer
as in a batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tabento.bundle.contract import answer_width
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.session import open_session
from tabento.packaging.served_graph import graph_answers
from tabento.tables.frames import to_frame, to_rows
from tabento.tables.wide_rows import wide_rows
from training.gate.gate_input import GateInput
from training.gate.report import Check, limit_check

GROUP = "Methods"
ROWS = 64
"""The number of test rows that are answered one at a time and in one batch."""
SUM_TOLERANCE = 1e-6
"""The largest difference of a sum of probabilities from 1. Calibrated probabilities differ in their last bits."""
_REMEDY = "look at the fitted pipeline and its export; a model like this cannot be served"


def check_methods(gate_input: GateInput) -> list[Check]:
    """Run pipeline and graph on some test rows and count the faults. A check passes if it finds no fault."""
    rows = to_rows(gate_input.test.head(ROWS), gate_input.contract)
    session = open_session(gate_input.model)
    inspections: dict[str, tuple[str, Callable[[], list[str]]]] = {
        "methods.required": ("the pipeline has the methods of its task", lambda: _missing_methods(gate_input)),
        "methods.input": (
            f"the graph takes {INPUT_NAME!r}, double, ({len(gate_input.contract.features)} columns)",
            lambda: _input_faults(gate_input, session),
        ),
        "methods.output": (
            f"{PREDICTION_NAME!r} has the contract's shape, is finite, and probabilities add up to 1",
            lambda: _output_faults(gate_input, graph_answers(session, rows), rows),
        ),
        "methods.alone": (
            "a single row gets the same answer as in a batch",
            lambda: _single_row_faults(gate_input, session, rows),
        ),
        "methods.missing": (
            "a missing value gets an answer if the contract accepts it",
            lambda: _missing_faults(gate_input, session, rows),
        ),
    }
    checks = []
    for name, (requirement, inspect) in inspections.items():
        faults = _find_faults(inspect)
        detail = f"{requirement}: {'; '.join(faults)}" if faults else requirement
        checks.append(limit_check(name, len(faults), 0, group=GROUP, unit="faults", detail=detail, remedy=_REMEDY))
    return checks


def _find_faults(inspect: Callable[[], list[str]]) -> list[str]:
    """Return the faults that an inspection finds. An error of the pipeline or the graph is a fault as well."""
    try:
        return inspect()
    except Exception as error:  # a broken model can raise any error, and the other inspections must still be reported
        return [f"{type(error).__name__}: {' '.join(str(error).split())}"]


def _missing_methods(gate_input: GateInput) -> list[str]:
    needed = ["predict"]
    if gate_input.contract.output.probabilities:
        needed.append("predict_proba")
    faults = [
        f"there is no method {name!r}" for name in needed if not callable(getattr(gate_input.pipeline, name, None))
    ]
    names = [str(name) for name in getattr(gate_input.pipeline, "feature_names_in_", gate_input.contract.feature_names)]
    if names != list(gate_input.contract.feature_names):
        faults.append(
            f"it was fitted on the columns {names}, the contract has {list(gate_input.contract.feature_names)}"
        )
    return faults


def _input_faults(gate_input: GateInput, session: onnxruntime.InferenceSession) -> list[str]:
    inputs = session.get_inputs()
    if [item.name for item in inputs] != [INPUT_NAME]:
        return [f"the graph's inputs are {[item.name for item in inputs]}"]
    faults = []
    width = wide_rows(session, to_rows(gate_input.test.head(1), gate_input.contract)).shape[1]
    if inputs[0].type != "tensor(double)":
        faults.append(f"the input is {inputs[0].type}, expected tensor(double)")
    if len(inputs[0].shape) != 2 or inputs[0].shape[1] != width or isinstance(inputs[0].shape[0], int):
        faults.append(f"the input's shape is {inputs[0].shape}, expected any number of rows by {width}")
    return faults


def _output_faults(gate_input: GateInput, answers: NDArray[np.float64], rows: NDArray[np.float64]) -> list[str]:
    width = answer_width(gate_input.contract)
    expected = (len(rows),) if width is None else (len(rows), width)
    if answers.shape != expected:
        return [f"the graph answers the shape {answers.shape} to {len(rows)} rows, expected {expected}"]
    predicted = np.asarray(gate_input.pipeline.predict(to_frame(rows, gate_input.contract)))
    faults = (
        []
        if predicted.shape == (len(rows),)
        else [f"the pipeline answers the shape {predicted.shape}, expected {(len(rows),)}"]
    )
    if not np.isfinite(answers).all():
        faults.append(f"{int((~np.isfinite(answers)).sum())} numbers of the answers are not finite")
    if width is not None:
        labels = answers[:, 0]
        if not np.isin(labels, np.arange(len(gate_input.contract.output.classes or ()))).all():
            faults.append(f"a label's index is not a class of {list(gate_input.contract.output.classes or ())}")
        if width > 1:
            shares = answers[:, 1:]
            off = np.abs(shares.sum(axis=1) - 1)
            if not off.max(initial=0.0) <= SUM_TOLERANCE:
                faults.append(f"probabilities differ from a sum of 1 by {off.max():.3g}")
            if not ((shares >= 0) & (shares <= 1)).all():
                faults.append("a probability is below 0 or above 1")
    return faults


def _single_row_faults(
    gate_input: GateInput, session: onnxruntime.InferenceSession, rows: NDArray[np.float64]
) -> list[str]:
    batch_answers = graph_answers(session, rows)
    single_row_answers = np.concatenate([graph_answers(session, row[np.newaxis]) for row in rows])
    typical = np.maximum(np.abs(batch_answers), np.abs(batch_answers).mean(axis=0))
    differences = np.abs(single_row_answers - batch_answers) > gate_input.parity.limits.relative * typical
    count = int(np.any(differences.reshape(len(rows), -1), axis=1).sum())
    return [f"{count} of {len(rows)} rows get another answer as a single row"] if count else []


def _missing_faults(
    gate_input: GateInput, session: onnxruntime.InferenceSession, rows: NDArray[np.float64]
) -> list[str]:
    faults = []
    for index, feature in enumerate(gate_input.contract.features):
        if feature.nullable:
            incomplete = rows.copy()
            incomplete[:, index] = np.nan
            if not np.isfinite(graph_answers(session, incomplete)).all():
                faults.append(f"without {feature.name!r} the answer is not finite")
    return faults
