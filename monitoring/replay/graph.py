"""The graph of a bundle, opened as the service opens it, so it answers with the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.replay.bundles import find_bundle
from monitoring.replay.errors import ReplayError
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.bundle.store import Bundle
from tabento.bundle.texts import Texts, read_texts

Floats = NDArray[np.float64]


class Graph:
    """The graph of a bundle.

    Args:
        bundle: a verified bundle.

    Raises:
        ReplayError: ONNX Runtime cannot load the graph.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        try:
            self._session = open_session(bundle.model_path, log_severity=LOG_ERRORS)
            self.texts: Texts | None = read_texts(self._session.get_modelmeta().custom_metadata_map)
        except Exception as error:  # ONNX Runtime's errors share no public base class
            raise ReplayError(f"the graph of {bundle.tag} cannot be loaded: {error}. Train the model again.") from error
        self.n_terms = 0 if self.texts is None else self.texts.width

    def run(self, rows: Floats) -> Floats:
        """Return the answers to packed rows, of shape (N, W).

        Raises:
            ReplayError: ONNX Runtime fails on these rows.
        """
        try:
            (answers,) = self._session.run([PREDICTION_NAME], {INPUT_NAME: rows})
        except Exception as error:  # see above
            raise ReplayError(f"{self.bundle.tag} fails on {len(rows)} rows: {error}") from error
        return np.asarray(answers, np.float64).reshape(len(rows), -1)


def find_graph(tag_or_folder: str) -> Graph:
    """Return the graph of a bundle in the model store, or of a folder with a bundle's files.

    Raises:
        ReplayError: there is no such bundle, or it was changed.
    """
    return Graph(find_bundle(tag_or_folder))
