"""Calibration: whether what is called 70% happens seven times out of ten.

With two classes the positive one's probability is looked at, else that of the most probable class. The expected calibration
error takes bins of equal width (M. P. Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, 2015;
C. Guo et al., On calibration of modern neural networks, 2017). A decision threshold does not touch probabilities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bundle.contract import label_key
from training.config import Calibration
from training.gate.figures import CalibrationFigures, ReliabilityBin
from training.gate.given import GateInput
from training.gate.report import Check, judged, shown, switched_off

GROUP = "Calibration"
BINS = 10
"""How many bins where the config does not say."""
_REMEDY = "calibrate the estimator, drop class weights, take one with smoother probabilities, or raise the limit"


def check_calibration(given: GateInput) -> tuple[list[Check], CalibrationFigures | None]:
    """Measure the probabilities of a classification and hold them against the limits; a regression has none."""
    classes = given.config.target.classes
    if classes is None:
        return [switched_off("calibration", group=GROUP, detail="a number has no probability")], None
    limits = given.config.gate.calibration or Calibration()
    of = label_key(classes[1].label) if len(classes) == 2 else "the most probable class"
    figures = calibration_figures(given.truth, given.answers, given.metrics["brier"], limits.bins, of)
    texts = {
        "brier_max": "mean squared distance between probability and outcome",
        "ece_max": f"mean distance between probability and frequency over {limits.bins} bins, weighted by rows",
    }
    checks = []
    for name, value in (("brier_max", figures.brier), ("ece_max", figures.ece)):
        limit = getattr(limits, name)
        full = f"calibration.{name}"
        if limit is None:
            checks.append(shown(full, value, group=GROUP, detail=texts[name]))
        else:
            checks.append(judged(full, value, limit, group=GROUP, detail=texts[name], remedy=_REMEDY))
    return checks, figures


def calibration_figures(
    truth: NDArray[np.float64], answers: NDArray[np.float64], brier: float, bins: int, of: str
) -> CalibrationFigures:
    """Compare probabilities with what happened.

    Args:
        truth: indices of classes, shape (N,).
        answers: shape (N, 1 + C): the label's index and the probabilities.
        brier: the Brier score of the answers, as ``training.metrics`` defines it.
        bins: how many bins of equal width.
        of: whose probability it is, in words.
    """
    if answers.shape[1] == 3:
        probability, outcome = answers[:, 2], truth == 1
    else:
        top = answers[:, 1:].argmax(axis=1)
        probability, outcome = answers[:, 1:].max(axis=1), top == truth
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, bins - 1)
    found = []
    for place in range(bins):
        inside = places == place
        count = int(inside.sum())
        found.append(
            ReliabilityBin(
                low=float(edges[place]),
                high=float(edges[place + 1]),
                rows=count,
                probability=float(probability[inside].mean()) if count else None,
                frequency=float(outcome[inside].mean()) if count else None,
            )
        )
    gaps = [
        abs(item.probability - item.frequency) * item.rows
        for item in found
        if item.probability is not None and item.frequency is not None
    ]
    return CalibrationFigures(of=of, brier=brier, ece=sum(gaps) / len(truth), bins=tuple(found))
