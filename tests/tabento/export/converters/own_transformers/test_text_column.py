"""Text columns: a frame of one column becomes a series; any other frame is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tabento.transformers.text_column import TextColumn
from tests.tabento.export.tables import category, contract_of, write_transformer

CONTRACT = contract_of(category("kind", "x", "y"), category("sort", "p"))


def test_one_column_becomes_a_series() -> None:
    """The column stays the same value of the graph and is marked as a series, which text vectorizers require."""
    contract = contract_of(CONTRACT.features[0])
    graph, columns = write_transformer(TextColumn().fit(to_frame(np.zeros((2, 1)), contract)), contract)
    assert (columns.series, columns.width, list(graph.nodes)) == (True, 1, [])


def test_two_columns_are_refused() -> None:
    """Two columns cannot become one series."""
    transformer = TextColumn().fit(to_frame(np.zeros((2, 1)), contract_of(CONTRACT.features[0])))
    with pytest.raises(ExportError, match="takes one column and gets 2"):
        write_transformer(transformer, CONTRACT)
