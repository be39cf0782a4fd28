"""The figures that the gate's checks rest on, as they are kept in ``gate.json`` and shown in the cards."""

from __future__ import annotations

import math

from pydantic import ConfigDict

from bundle.contract import Strict
from bundle.numbers import number_text


class _Figures(Strict):
    """Figures of which some may be undefined: NaN is written as a string, which every reader of JSON takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class SliceFigures(_Figures):
    """How a model does on a part of the test rows."""

    column: str
    """By which column the rows were sliced."""
    part: str
    """The category, the range of the quantile bin, or ``missing``."""
    rows: int
    """How many test rows it has."""
    loss: float
    """The mean absolute error, or the mean log loss (natural logarithm)."""
    ratio: float
    """That over the same of all test rows: above 1 the model does worse here."""
    low: float
    """The lower end of the ratio's bootstrap interval."""
    high: float
    """The upper end."""
    judged: bool
    """Whether it has rows enough to be judged."""


class ReliabilityBin(_Figures):
    """The rows whose probability lies between two edges."""

    low: float
    high: float
    rows: int
    probability: float | None
    """The mean probability; None without rows."""
    frequency: float | None
    """How often it was so; None without rows."""


class CalibrationFigures(_Figures):
    """How far probabilities can be believed."""

    of: str
    """Whose probability: the positive class's label, or ``the answered class`` with more than two classes."""
    brier: float
    """The Brier score as ``training.metrics`` defines it."""
    ece: float
    """The expected calibration error: mean distance between probability and frequency, weighted by rows."""
    bins: tuple[ReliabilityBin, ...]


class ChampionFigures(_Figures):
    """A model against the champion, on the same test rows."""

    tag: str
    """The champion's bundle."""
    metric: str
    """What was compared."""
    rows: int
    """The test rows that both take."""
    champion: float
    """The champion's figure on them."""
    challenger: float
    """The model's figure on them."""
    difference: float
    """Challenger minus champion."""
    low: float
    """The lower end of the difference's interval."""
    high: float
    """The upper end."""
    confidence: float
    """Of the interval."""
    better_share: float
    """The share of resamples in which the model does better."""
    breaking: tuple[str, ...] = ()
    """What a client of the champion has to change, in words."""
    compatible: tuple[str, ...] = ()
    """What else changes, in words."""


def limit_in_words(value: float, unit: str = "") -> str:
    """Write a limit for people with all its digits, as a figure just beyond it must not look like it."""
    return f"{number_text(value, grouped=True)} {unit}".strip()


def number_in_words(value: float, unit: str = "") -> str:
    """Write a number for people: digits that matter, thousands marked."""
    if math.isnan(value):
        return "undefined"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}" if unit else text
