"""Names that older files use and the installed scikit-learn no longer has, with what stands for them.

Found by opening pipelines of every version from 1.3 on (``python -m benchmarks.old_versions``). A name that is not listed is
looked up as it is.
"""

from __future__ import annotations

Name = tuple[str, str]
"""A module's full name and a name in it."""

_STAND_INS = "training.adoption.versions.stand_ins"
_LOSSES = "sklearn._loss._loss"
_MOVED_MODULES = {"_loss": _LOSSES}
"""1.5 to 1.8 write the compiled losses under a module's short name."""
_NUMPY_1_CORE = "numpy.core"
"""numpy 2 renames it, and warns of the former name."""
_CYTHON_LOSSES = (
    *("CyAbsoluteError", "CyExponentialLoss", "CyHalfBinomialLoss", "CyHalfGammaLoss", "CyHalfPoissonLoss"),
    *("CyHalfSquaredError", "CyHalfTweedieLoss", "CyHalfTweedieLossIdentity", "CyHuberLoss", "CyPinballLoss"),
)
"""``CyHalfMultinomialLoss`` is still written and read in the old way."""
_SGD_LOSSES = {
    "Log": "CyHalfBinomialLoss",
    "SquaredLoss": "CyHalfSquaredError",
}
"""Losses of ``SGDClassifier`` and ``SGDRegressor`` up to 1.5; they matter while it is fitted only."""
BOOSTING_LOSSES = (
    *("LeastSquaresError", "LeastAbsoluteError", "HuberLossFunction", "QuantileLossFunction"),
    *("BinomialDeviance", "MultinomialDeviance", "ExponentialLoss"),
)
"""Losses of ``GradientBoosting*`` up to 1.3."""

RENAMES: dict[Name, Name] = {
    ("sklearn.compose._column_transformer", "_RemainderColsList"): (_STAND_INS, "RemainderColumns"),
    ("sklearn.linear_model._sgd_fast", "Huber"): (_STAND_INS, "huber_loss"),
    **{("sklearn.linear_model._sgd_fast", old): (_LOSSES, new) for old, new in _SGD_LOSSES.items()},
    **{("sklearn.ensemble._gb_losses", name): (_STAND_INS, name) for name in BOOSTING_LOSSES},
    **{(_LOSSES, f"__pyx_unpickle_{name}"): (_STAND_INS, "compiled_loss") for name in _CYTHON_LOSSES},
}
"""What a file names, and what is created instead."""

STAND_IN_TYPES = tuple(f"{_STAND_INS}.{name}" for name in ("RemainderColumns", *BOOSTING_LOSSES))
"""Types of this package that a skops file may come to name; they hold data and do nothing."""


def current_name(module: str, name: str) -> Name:
    """Return where a name of an older file is now; the same name if it has not moved."""
    moved = _MOVED_MODULES.get(module, module)
    if moved == _NUMPY_1_CORE or moved.startswith(_NUMPY_1_CORE + "."):
        moved = "numpy._core" + moved.removeprefix(_NUMPY_1_CORE)
    return RENAMES.get((moved, name), (moved, name))
