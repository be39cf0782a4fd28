"""Classes and functions that files of older versions name and the installed scikit-learn no longer has.

They hold the attributes in the file and compute nothing; ``upgrade`` replaces them after the file is read.
"""

from __future__ import annotations

from collections import UserList
from typing import Any

from sklearn._loss import _loss


class RemainderColumns(UserList[Any]):
    """The columns of a column transformer's remainder, as saved by 1.5 to 1.7."""


class BoostingLoss:
    """The loss of a gradient boosting of 1.3, which was a Python object with its parameters as attributes."""


class LeastSquaresError(BoostingLoss):
    """Squared error."""


class LeastAbsoluteError(BoostingLoss):
    """Absolute error."""


class HuberLossFunction(BoostingLoss):
    """Huber's loss."""


class QuantileLossFunction(BoostingLoss):
    """The loss of a quantile, ``alpha``."""


class BinomialDeviance(BoostingLoss):
    """The logistic loss of two classes."""


class MultinomialDeviance(BoostingLoss):
    """The logistic loss of ``K`` classes."""


class ExponentialLoss(BoostingLoss):
    """The loss of AdaBoost, for two classes."""


def compiled_loss(loss: type, checksum: int, state: tuple[Any, ...] | None = None) -> Any:
    """Create a compiled loss from the data that Cython wrote: its class, a checksum of its layout, and its parameters.

    The layout is ignored: only the parameters are used.
    """
    del checksum
    if not issubclass(loss, _loss.CyLossFunction):
        raise TypeError(f"expected a loss of scikit-learn, got {loss.__module__}.{loss.__qualname__}")
    return loss(*(state or ()))


def huber_loss(epsilon: float) -> Any:
    """Create the loss that replaces ``_sgd_fast.Huber`` of versions up to 1.5."""
    return _loss.CyHuberLoss(epsilon)
