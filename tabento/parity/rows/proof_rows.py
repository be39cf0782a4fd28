"""All kinds of hostile rows of a proof that a client can send."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.export.graph.graph import Graph
from tabento.parity.rows.boundaries import boundary_rows
from tabento.parity.rows.hostile_rows import Rows, hostile_rows, keeps_contract
from tabento.parity.rows.neighbour_rows import neighbour_rows
from tabento.parity.rows.thresholds import thresholds_of
from tabento.tables.frames import to_frame


def proof_rows(
    pipeline: Any, contract: Contract, plain: Graph | None, packed: NDArray[np.float64], max_rows: int
) -> list[Rows]:
    """Return the rows that a proof compares in addition to the test part, by kind.

    Args:
        pipeline: fitted.
        contract: the columns; rows that it refuses are not included.
        plain: the pipeline as the converters write it; None if the export refuses it, then fewer kinds of rows are made.
        packed: the test part, float64 of shape (N, F), N at least 1.
        max_rows: the approximate maximum number of rows, including the test part.
    """
    thresholds = [] if plain is None else thresholds_of(plain)
    kinds = hostile_rows(pipeline, contract, packed, thresholds, max(max_rows - len(packed), max_rows // 2))
    if plain is not None:
        neighbours = neighbour_rows(pipeline, contract, packed, plain.steps, max_rows // 5)
        kinds += [neighbours] if len(neighbours.packed) else []
        boundary = boundary_rows(pipeline, contract, plain, packed, max_rows)
        kinds.append(Rows("boundary", boundary, to_frame(boundary, contract)))
    return [rows.select(np.flatnonzero(keeps_contract(rows.packed, contract))) for rows in kinds]
