"""The zoo's results for a member: the content of its JSON file."""

from __future__ import annotations

from pydantic import ConfigDict

from tabento.bundle.contract import Strict


class Figures(Strict):
    """Results that can be infinite: JSON contains ``"Infinity"`` then."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Exact(Figures):
    """The comparison of exact graph and pipeline by ``tabento.parity``."""

    rows: int
    """The number of compared rows, including hostile rows."""
    worst_relative: float
    """The largest relative difference of a number or a probability."""
    other_branch_share: float
    """The share of rows that reach another leaf in some tree."""
    undecided: int
    """Rows on which scikit-learn's own answers differ, alone and in a batch."""
    knife_edges: int = 0
    """Rows on the boundary of a classifier's decision, to the last digits, with the label of the other side."""
    cancelled: int = 0
    """Rows with a difference above the limit, because large terms cancel in scikit-learn's own sums."""
    raised: int = 0
    """Rows on which the pipeline raises an error, and the graph's answer is an error for the service too."""
    label_flips: int
    """Rows that get another label."""
    worst_probability: float | None
    """The largest difference of a probability; None if no probabilities are compared."""
    single_precision: bool = False
    """Whether the pipeline itself computes in float32, as XGBoost does. The limit is then float32's rounding."""
    failed: str | None = None
    """The reason of a failed proof, with the first step that differs; None if the proof holds."""
    nodes: int = 0
    """The number of nodes of the graph."""
    size: int = 0
    """The size of the graph in bytes."""


class Naive(Figures):
    """The comparison of naive graph and pipeline."""

    failed: str | None = None
    """The error of the conversion or of the graph; None if the graph answered."""
    rows: int = 0
    """The number of compared rows, equal to the number for the exact graph."""
    test_share: float = 0.0
    """The share of rows of the test split that differ by more than ``compare.NOTICED``."""
    share: float = 0.0
    """The same share of all rows, including hostile rows."""
    worst: float = 0.0
    """The largest difference: relative for numbers, absolute for probabilities, 0 if the answers are labels only."""
    flips: int | None = None
    """Rows that get another label; None for numbers."""


class Speed(Figures):
    """The cost of rows in ONNX Runtime on one thread, in microseconds a row."""

    exact_1: float
    """The exact graph, with one row a call."""
    exact_100: float
    """The exact graph, with a hundred rows a call."""
    naive_1: float | None = None
    """The naive graph, with one row a call; None if no naive graph exists."""
    naive_100: float | None = None
    """The naive graph, with a hundred rows a call."""


class Result(Figures):
    """The result of one member."""

    name: str
    family: str
    task: str
    refused: str | None = None
    """The reason of the exact export's refusal; None if it accepted the pipeline."""
    broken: str | None = None
    """The error that ended export or proof, which is a bug; None if both ended normally."""
    exact: Exact | None = None
    naive: Naive | None = None
    speed: Speed | None = None
