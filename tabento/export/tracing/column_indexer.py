"""Indexers of symbolic frames: ``frame.loc`` and ``frame.iloc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tabento.export.tracing.symbols import TraceError

if TYPE_CHECKING:
    from tabento.export.tracing.frames import Frame


class ColumnIndexer:
    """Indexer ``frame.loc`` or ``frame.iloc``: all rows of some columns."""

    def __init__(self, frame: Frame, *, by_name: bool) -> None:
        self._frame, self._by_name = frame, by_name

    def _columns(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[0], slice) or key[0] != slice(None):
            raise TraceError("selects rows", "np.where, which keeps every row")
        names = list(self._frame.columns)
        if not self._by_name:
            names_of_key = np.array(names, dtype=object)[key[1]]
            return list(names_of_key) if isinstance(names_of_key, np.ndarray) else names_of_key
        if isinstance(key[1], slice):
            ends = [None if end is None else names.index(end) for end in (key[1].start, key[1].stop)]
            return names[ends[0] : None if ends[1] is None else ends[1] + 1]
        return key[1]

    def __getitem__(self, key: Any) -> Any:
        return self._frame[self._columns(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._frame[self._columns(key)] = value
