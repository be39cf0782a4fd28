"""Names that older files use and the installed scikit-learn no longer has, with their replacements.

Found by opening pipelines of every version from 1.3 on (``python -m benchmarks.old_versions``). A name that is not listed is
looked up as it is.
"""

from __future__ import annotations

Name = tuple[str, str]
"""A module's full name and a name in it."""

_LEGACY_CLASSES = "tabento.adopt.versions.legacy_classes"
_LOSSES = "sklearn._loss._loss"
_MOVED_MODULES = {"_loss": _LOSSES}
"""1.5 to 1.8 write the compiled losses under a module's short name."""
_NUMPY_1_CORE = "numpy.core"
"""numpy 2 renames it, and warns about the former name."""
_CYTHON_LOSSES = (
    *("CyAbsoluteError", "CyExponentialLoss", "CyHalfBinomialLoss", "CyHalfGammaLoss", "CyHalfPoissonLoss"),
    *("CyHalfSquaredError", "CyHalfTweedieLoss", "CyHalfTweedieLossIdentity", "CyHuberLoss", "CyPinballLoss"),
)
"""``CyHalfMultinomialLoss`` is still written and read in the old way."""
_SGD_LOSSES = {
    "Log": "CyHalfBinomialLoss",
    "SquaredLoss": "CyHalfSquaredError",
}
"""Losses of ``SGDClassifier`` and ``SGDRegressor`` up to 1.5; they are used only while it is fitted."""
BOOSTING_LOSSES = (
    *("LeastSquaresError", "LeastAbsoluteError", "HuberLossFunction", "QuantileLossFunction"),
    *("BinomialDeviance", "MultinomialDeviance", "ExponentialLoss"),
)
"""Losses of ``GradientBoosting*`` up to 1.3."""

RENAMES: dict[Name, Name] = {
    ("sklearn.compose._column_transformer", "_RemainderColsList"): (_LEGACY_CLASSES, "RemainderColumns"),
    ("sklearn.linear_model._sgd_fast", "Huber"): (_LEGACY_CLASSES, "huber_loss"),
    **{("sklearn.linear_model._sgd_fast", old): (_LOSSES, new) for old, new in _SGD_LOSSES.items()},
    **{("sklearn.ensemble._gb_losses", name): (_LEGACY_CLASSES, name) for name in BOOSTING_LOSSES},
    **{(_LOSSES, f"__pyx_unpickle_{name}"): (_LEGACY_CLASSES, "compiled_loss") for name in _CYTHON_LOSSES},
}
"""By a name in a file, the name of the object that is created."""

LEGACY_TYPES = tuple(f"{_LEGACY_CLASSES}.{name}" for name in ("RemainderColumns", *BOOSTING_LOSSES))
"""Types of this package that a skops file can name after the renaming; they hold data and compute nothing."""


def current_name(module: str, name: str) -> Name:
    """Return the current place of a name of an older file; the same name if it is unchanged."""
    current_module = _MOVED_MODULES.get(module, module)
    if current_module == _NUMPY_1_CORE or current_module.startswith(_NUMPY_1_CORE + "."):
        current_module = "numpy._core" + current_module.removeprefix(_NUMPY_1_CORE)
    return RENAMES.get((current_module, name), (current_module, name))
