"""The hostile rows of a proof: all kinds of them, as far as a client may send them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract
from training.export.graph import Graph
from training.frames import to_frame
from training.parity.boundaries import boundary_rows
from training.parity.cuts import cuts_of
from training.parity.hostile_rows import Rows, hostile_rows, keeps_contract
from training.parity.neighbour_rows import neighbour_rows


def proof_rows(
    pipeline: Any, contract: Contract, plain: Graph | None, packed: NDArray[np.float64], max_rows: int
) -> list[Rows]:
    """Return the rows beside the test part that a proof compares, kind by kind.

    Args:
        pipeline: fitted.
        contract: the columns; rows that it refuses are left out.
        plain: the pipeline as the converters write it; None for one that is refused, of which less is known.
        packed: the test part, float64 of shape (N, F), N at least 1.
        max_rows: about how many rows there are at most, the test part included.
    """
    cuts = [] if plain is None else cuts_of(plain)
    found = hostile_rows(pipeline, contract, packed, cuts, max(max_rows - len(packed), max_rows // 2))
    if plain is not None:
        between = neighbour_rows(pipeline, contract, packed, plain.steps, max_rows // 5)
        found += [between] if len(between.packed) else []
        boundary = boundary_rows(pipeline, contract, plain, packed, max_rows)
        found.append(Rows("boundary", boundary, to_frame(boundary, contract)))
    return [rows.select(np.flatnonzero(keeps_contract(rows.packed, contract))) for rows in found]
