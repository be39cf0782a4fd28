"""Packed rows become the service's rows, so that proof and service run the graph on the same rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest

from serving.codec.identify import decoder_of
from tabento.bundle.contract import Contract, Feature, Output
from tabento.bundle.session import open_session
from tabento.bundle.terms import Analysis
from tabento.bundle.texts import TEXTS_KEY, TextBlock, Texts, texts_metadata
from tabento.parity.rows.hostile_texts import HOSTILE_TEXTS
from tabento.tables.frames import to_rows
from tabento.tables.wide_rows import wide_rows
from tests.bundles import linear_model

CONTRACT = Contract(
    name="m",
    title="M",
    description="",
    task="regression",
    features=(Feature(name="review", type="text"), Feature(name="x", type="number", nullable=True)),
    output=Output(name="y"),
)
BLOCKS = (
    TextBlock(column=0, analysis=Analysis(analyzer="char", ngram_range=(1, 2)), width=9, weights=("l2",)),
    TextBlock(column=0, analysis=Analysis(token_pattern=r"\w+"), width=2, terms=("a", "the")),
)


def session_of(width: int, blocks: tuple[TextBlock, ...] = ()) -> Any:
    """Open a small graph, with texts if there are blocks."""
    model = linear_model(width)
    if blocks:
        model.metadata_props.append(onnx.StringStringEntryProto(key=TEXTS_KEY, value=texts_metadata(blocks)))
    return open_session(model.SerializeToString())


def test_rows_are_those_of_the_service() -> None:
    """The decoder makes the same bytes of the same rows in JSON, hostile texts and a missing number included."""
    texts = list(HOSTILE_TEXTS)
    frame = pd.DataFrame({"review": texts, "x": [1.5, *[np.nan] * (len(texts) - 1)]})
    wide = wide_rows(session_of(13, BLOCKS), to_rows(frame, CONTRACT))
    sent = [{"review": text, "x": 1.5 if index == 0 else None} for index, text in enumerate(texts)]
    decoder = decoder_of(CONTRACT, 1_000, texts=Texts(unicode="15", blocks=BLOCKS))
    assert decoder.decode(json.dumps({"instances": sent}).encode()).data == wide.tobytes()


def test_rows_of_a_graph_without_texts_stay() -> None:
    """Only their memory is made contiguous."""
    rows = np.arange(8.0).reshape(2, 4)[:, ::2]
    wide = wide_rows(session_of(2), rows)
    np.testing.assert_array_equal(wide, rows)
    assert wide.flags["C_CONTIGUOUS"]


def test_a_number_that_is_no_text_is_refused() -> None:
    """Rows that were not packed by `to_rows` have no texts."""
    with pytest.raises(ValueError, match="pack rows with `to_rows`"):
        wide_rows(session_of(13, BLOCKS), np.array([[0.5, 1.0]]))
