"""What the zoo finds out about a member; the content of its JSON file."""

from __future__ import annotations

from pydantic import ConfigDict

from bundle.contract import Strict


class Figures(Strict):
    """A model whose figures may be infinite: JSON says ``"Infinity"`` then."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Exact(Figures):
    """The exact graph against the pipeline, as ``training.parity`` finds it."""

    rows: int
    """How many rows were compared, hostile ones included."""
    worst_relative: float
    """The largest relative difference of a number or a probability."""
    other_branch_share: float
    """The share of rows that reach another leaf in some tree."""
    undecided: int
    """Rows on which scikit-learn does not agree with itself, alone and in a batch."""
    knife_edges: int = 0
    """Rows on the boundary of a classifier's decision, to the last digits, that get the label of its other side."""
    cancelled: int = 0
    """Rows that differ by more than the limit, because large terms cancel in scikit-learn's own sums."""
    raised: int = 0
    """Rows on which the pipeline raises an error and the graph's answer is one for the service, too."""
    label_flips: int
    """Rows that get another label."""
    worst_probability: float | None
    """The largest difference of a probability; None where none are compared."""
    single_precision: bool = False
    """Whether the pipeline itself computes in float32, as XGBoost does, so that it is compared to float32's rounding."""
    failed: str | None = None
    """Why the proof failed, with the step where graph and pipeline part; None where it held."""
    nodes: int = 0
    """How many nodes the graph has."""
    size: int = 0
    """How many bytes the graph has."""


class Naive(Figures):
    """The naive graph against the pipeline."""

    failed: str | None = None
    """The error by which it failed; None where it answered."""
    rows: int = 0
    """How many rows were compared: the same as for the exact graph."""
    test_share: float = 0.0
    """The share of rows of the test split, which are as they come, that are off by more than ``compare.NOTICED``."""
    share: float = 0.0
    """The same share of all rows, hostile ones included."""
    worst: float = 0.0
    """The largest difference: relative for numbers, absolute for probabilities, 0 where only labels are answered."""
    flips: int | None = None
    """Rows that get another label; None for numbers."""


class Speed(Figures):
    """What rows cost in ONNX Runtime on one thread, in microseconds a row."""

    exact_1: float
    """The exact graph, rows one by one."""
    exact_100: float
    """The exact graph, a hundred rows at once."""
    naive_1: float | None = None
    """The naive graph, rows one by one; None where there is none."""
    naive_100: float | None = None
    """The naive graph, a hundred rows at once."""


class Result(Figures):
    """All that is known of one member."""

    name: str
    family: str
    task: str
    refused: str | None = None
    """Why the exact export refused the pipeline; None where it did not."""
    broken: str | None = None
    """The error by which export or proof ended without an answer, which is a fault of the code; None where none did."""
    exact: Exact | None = None
    naive: Naive | None = None
    speed: Speed | None = None
