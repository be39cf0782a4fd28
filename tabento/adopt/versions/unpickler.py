"""The unpickler for joblib and pickle files with names of another version of scikit-learn.

Opening a pickle can run any program: the caller has the user's consent. Nothing of scikit-learn or joblib is changed; only
this unpickler looks names up in ``renames`` first.
"""

from __future__ import annotations

import io
from typing import Any

from joblib.numpy_pickle import NumpyUnpickler
from joblib.numpy_pickle_utils import _validate_fileobject_and_memmap

from tabento.adopt.versions.renames import current_name


class RenamingUnpickler(NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler, which finds moved classes."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function that the file names."""
        return super().find_class(*current_name(module, name))


def load_renamed(content: bytes) -> Any:
    """Open a file of ``joblib.dump`` or ``pickle.dump``, compressed or not.

    Raises:
        Exception: any error that a damaged or foreign file causes.
    """
    with _validate_fileobject_and_memmap(io.BytesIO(content), "", None) as (stream, _):
        return RenamingUnpickler("", stream, ensure_native_byte_order=True).load()
