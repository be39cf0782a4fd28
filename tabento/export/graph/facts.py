"""Facts about the values of a graph, as converters record them and passes and parity read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.texts import TextBlock
from tabento.export.graph.values import Columns, Scores


@dataclass(frozen=True)
class TurningPoints:
    """The points at which a function of one number turns or begins to be defined.

    The function rises or falls between two neighbouring points.
    """

    within: Callable[[float, float], NDArray[np.float64] | None]
    """Takes the range of the argument. Returns the last double before each turning point, or None if there are too many."""
    flat: bool = False
    """Whether the function has slope 0 where it turns, as a sine has. Its last bits are uncertain over many doubles there."""


@dataclass(frozen=True)
class Monotone:
    """A value whose columns are monotone functions of the same columns of another value.

    The fields are described in ``tabento.export.graph.writer.GraphWriter.monotone``.
    """

    source: str
    functions: tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], ...]
    increasing: bool
    domain: tuple[float, float]
    certain: bool
    turning_points: TurningPoints | None = None


@dataclass(frozen=True)
class Ensemble:
    """A tree ensemble of the graph and its fitted estimator."""

    output: str
    """The name of the node's output."""
    step: str
    """The path of the step in the pipeline."""
    estimator: Any
    """The fitted estimator."""


@dataclass(frozen=True)
class Step:
    """A fitted object of the pipeline and its result in the graph."""

    path: str
    """The object's path in the pipeline: ``features/numbers/scale``."""
    model: Any
    """The fitted object."""
    result: Columns | Scores | str
    """The return value of the object's converter."""


@dataclass(frozen=True)
class TextPiece:
    """The part of the packed row that holds the numbers that a vectorizer computes from a text."""

    value: str
    """The value's name in the graph."""
    block: TextBlock
    """The rule by which the numbers are computed from the text."""
