"""Types that a skops file may create without consent, beyond those that skops trusts: each was reviewed.

A type is here if creating it, and giving it any state that a file can hold, runs no code of the file, reads and writes
no file, and cannot make a later prediction read memory that is not its own: it is a type of NumPy that only describes
memory, or a class of scikit-learn written in Python that holds values and other estimators, each of which is judged by
itself. Score functions are here because only ``fit`` calls them.

Not here are ``sklearn.tree._tree.Tree`` and the nodes of histogram gradient boosting, which follow indices of the file
without checking them, nor trees of neighbours and splines, whose compiled code does the same.
"""

from __future__ import annotations

HARMLESS_TYPES = (
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.feature_selection._univariate_selection.r_regression",
    "sklearn.impute._iterative.IterativeImputer",
    "sklearn.impute._iterative._ImputerTriplet",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
)
"""Full names, as skops lists them. A new one goes in with a look at its code, and at what skops calls when it loads it."""
