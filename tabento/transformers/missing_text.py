"""Missing text as NaN: the step between the service's frames and a pipeline that was fitted on NaN.

``tabento.tables.frames.to_frame`` has ``None`` for missing text. pandas reads a CSV file with NaN, and encoders and imputers of
scikit-learn distinguish the two. In the graph both are equal, so this step adds no operation there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class MissingText(TransformerMixin, BaseEstimator):
    """Replaces None by NaN in some columns of text; the other columns do not change.

    Args:
        columns: the names of the columns.
    """

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Store the columns of a frame; no other values are learned.

        Raises:
            ValueError: a column of ``columns`` is missing.
        """
        names = [str(name) for name in X.columns]
        unknown = [name for name in self.columns if name not in names]
        if unknown:
            raise ValueError(f"expected the columns {list(self.columns)}, got none for {unknown}; there are {names}")
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with NaN for None in ``columns``; the frame itself does not change.

        Raises:
            NotFittedError: ``fit`` was not called.
        """
        check_is_fitted(self)
        changed = {}
        for name in self.columns:
            values = X[name].to_numpy(dtype=object, copy=True)
            values[X[name].isna().to_numpy()] = np.nan
            changed[name] = pd.Series(values, index=X.index, dtype=object)
        return X.assign(**changed)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns, which stay as they are."""
        check_is_fitted(self)
        names: NDArray[np.object_] = self.feature_names_in_
        return names
