"""The results behind the gate's checks, as ``gate.json`` stores them and the cards print them."""

from __future__ import annotations

import math

from pydantic import ConfigDict, Field

from tabento.bundle.contract import Strict
from tabento.bundle.numbers import number_text


class _Figures(Strict):
    """Results of which some may be undefined. NaN is written as a string, which every JSON reader accepts."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="strings",
        # gate.json keeps the keys `judged` and `of`.
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class SliceFigures(_Figures):
    """A model's results on a part of the test rows."""

    column: str
    """The column by which the rows were sliced."""
    part: str
    """The category, the range of the quantile bin, or ``missing``."""
    rows: int
    """The number of test rows of the slice."""
    loss: float
    """The mean absolute error, or the mean log loss (natural logarithm)."""
    ratio: float
    """The loss divided by the loss of all test rows. Above 1, the model is worse on this slice."""
    low: float
    """The lower end of the ratio's bootstrap interval."""
    high: float
    """The upper end."""
    is_evaluated: bool = Field(alias="judged")
    """Whether the slice has enough rows to be checked against the limit."""


class ReliabilityBin(_Figures):
    """The rows whose probability is between two edges."""

    low: float
    high: float
    rows: int
    probability: float | None
    """The mean probability; None without rows."""
    frequency: float | None
    """The share of rows with the outcome; None without rows."""


class CalibrationFigures(_Figures):
    """The reliability of the probabilities."""

    subject: str = Field(alias="of")
    """The class of the probability: the label of the positive class, or ``the most probable class`` of more than two."""
    brier: float
    """The Brier score as ``training.model.metrics`` defines it."""
    ece: float
    """The expected calibration error: mean distance between probability and frequency, weighted by rows."""
    bins: tuple[ReliabilityBin, ...]


class ChampionFigures(_Figures):
    """The comparison of a model with the champion on the same test rows."""

    tag: str
    """The champion's bundle."""
    metric: str
    """The metric of the comparison."""
    rows: int
    """The number of test rows that both models accept."""
    champion: float
    """The champion's metric on these rows."""
    challenger: float
    """The model's metric on these rows."""
    difference: float
    """Challenger minus champion."""
    low: float
    """The lower end of the difference's interval."""
    high: float
    """The upper end."""
    confidence: float
    """The confidence of the interval."""
    better_share: float
    """The share of resamples in which the model is better."""
    breaking: tuple[str, ...] = ()
    """The changes that a client of the champion needs, as sentences."""
    compatible: tuple[str, ...] = ()
    """The other changes, as sentences."""


def limit_in_words(value: float, unit: str = "") -> str:
    """Format a limit with all its digits, so that a value slightly beyond it looks different."""
    return f"{number_text(value, grouped=True)} {unit}".strip()


def number_in_words(value: float, unit: str = "") -> str:
    """Format a number with four significant digits and separated thousands."""
    if math.isnan(value):
        return "undefined"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}" if unit else text
