"""Methods: what a model must be able to do before anybody asks how good it is.

The pipeline has the methods of its task, the graph has the input and the output of the bundle's format, answers are finite
and have the contract's shape, a missing value is answered where the contract takes it, and a row alone gets what it gets
among others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bundle.contract import answer_width
from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.frames import to_frame, to_rows
from training.gate.given import GateInput
from training.gate.report import Check, judged
from training.served_graph import graph_answers, open_graph
from training.wide_rows import wide_rows

GROUP = "Methods"
ROWS = 64
"""How many test rows are asked about, alone and together."""
SUM_TOLERANCE = 1e-6
"""How far probabilities may miss a sum of 1: calibrated ones miss it by their last bits."""
_REMEDY = "look at the fitted pipeline and its export; a model like this cannot be served"


def check_methods(given: GateInput) -> list[Check]:
    """Ask pipeline and graph about some test rows and count what is wrong; each check passes without a fault."""
    rows = to_rows(given.test.head(ROWS), given.contract)
    session = open_graph(given.model)
    looks: dict[str, tuple[str, Callable[[], list[str]]]] = {
        "methods.required": ("the pipeline has the methods of its task", lambda: _missing_methods(given)),
        "methods.input": (
            f"the graph takes {INPUT_NAME!r}, double, ({len(given.contract.features)} columns)",
            lambda: _input_faults(given, session),
        ),
        "methods.output": (
            f"{PREDICTION_NAME!r} has the contract's shape, is finite, and probabilities add up to 1",
            lambda: _output_faults(given, graph_answers(session, rows), rows),
        ),
        "methods.alone": (
            "a row alone gets what it gets among others",
            lambda: _alone_faults(given, session, rows),
        ),
        "methods.missing": (
            "a missing value is answered wherever the contract takes it",
            lambda: _missing_faults(given, session, rows),
        ),
    }
    checks = []
    for name, (what, look) in looks.items():
        faults = _looked(look)
        detail = f"{what}: {'; '.join(faults)}" if faults else what
        checks.append(judged(name, len(faults), 0, group=GROUP, unit="faults", detail=detail, remedy=_REMEDY))
    return checks


def _looked(look: Callable[[], list[str]]) -> list[str]:
    """Return what a look finds; a pipeline or a graph that raises an error has a fault as well."""
    try:
        return look()
    except Exception as error:  # a model that is broken may raise anything, and the other looks are to be told
        return [f"{type(error).__name__}: {' '.join(str(error).split())}"]


def _missing_methods(given: GateInput) -> list[str]:
    needed = ["predict"]
    if given.contract.output.probabilities:
        needed.append("predict_proba")
    faults = [f"there is no method {name!r}" for name in needed if not callable(getattr(given.pipeline, name, None))]
    names = [str(name) for name in getattr(given.pipeline, "feature_names_in_", given.contract.feature_names)]
    if names != list(given.contract.feature_names):
        faults.append(f"it was fitted on the columns {names}, the contract has {list(given.contract.feature_names)}")
    return faults


def _input_faults(given: GateInput, session: onnxruntime.InferenceSession) -> list[str]:
    inputs = session.get_inputs()
    if [item.name for item in inputs] != [INPUT_NAME]:
        return [f"the graph's inputs are {[item.name for item in inputs]}"]
    faults = []
    width = wide_rows(session, to_rows(given.test.head(1), given.contract)).shape[1]
    if inputs[0].type != "tensor(double)":
        faults.append(f"the input is {inputs[0].type}, expected tensor(double)")
    if len(inputs[0].shape) != 2 or inputs[0].shape[1] != width or isinstance(inputs[0].shape[0], int):
        faults.append(f"the input's shape is {inputs[0].shape}, expected any number of rows by {width}")
    return faults


def _output_faults(given: GateInput, answers: NDArray[np.float64], rows: NDArray[np.float64]) -> list[str]:
    width = answer_width(given.contract)
    expected = (len(rows),) if width is None else (len(rows), width)
    if answers.shape != expected:
        return [f"the graph answers the shape {answers.shape} to {len(rows)} rows, expected {expected}"]
    asked = np.asarray(given.pipeline.predict(to_frame(rows, given.contract)))
    faults = (
        []
        if asked.shape == (len(rows),)
        else [f"the pipeline answers the shape {asked.shape}, expected {(len(rows),)}"]
    )
    if not np.isfinite(answers).all():
        faults.append(f"{int((~np.isfinite(answers)).sum())} numbers of the answers are not finite")
    if width is not None:
        labels = answers[:, 0]
        if not np.isin(labels, np.arange(len(given.contract.output.classes or ()))).all():
            faults.append(f"a label's index is no class of {list(given.contract.output.classes or ())}")
        if width > 1:
            shares = answers[:, 1:]
            off = np.abs(shares.sum(axis=1) - 1)
            if not off.max(initial=0.0) <= SUM_TOLERANCE:
                faults.append(f"probabilities miss a sum of 1 by {off.max():.3g}")
            if not ((shares >= 0) & (shares <= 1)).all():
                faults.append("a probability is below 0 or above 1")
    return faults


def _alone_faults(given: GateInput, session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> list[str]:
    together = graph_answers(session, rows)
    alone = np.concatenate([graph_answers(session, row[np.newaxis]) for row in rows])
    typical = np.maximum(np.abs(together), np.abs(together).mean(axis=0))
    apart = np.abs(alone - together) > given.parity.limits.relative * typical
    count = int(np.any(apart.reshape(len(rows), -1), axis=1).sum())
    return [f"{count} of {len(rows)} rows get another answer alone"] if count else []


def _missing_faults(given: GateInput, session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> list[str]:
    faults = []
    for place, feature in enumerate(given.contract.features):
        if feature.nullable:
            gone = rows.copy()
            gone[:, place] = np.nan
            if not np.isfinite(graph_answers(session, gone)).all():
                faults.append(f"without {feature.name!r} the answer is not finite")
    return faults
