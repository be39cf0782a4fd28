"""The answers of fitted encoders to each value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from tabento.export import ExportError
from tabento.export.converters.preprocessing.encoder_answers import codes_of, query_encoder
from tabento.export.graph.values import Columns, NanCodes
from tabento.export.graph.writer import GraphWriter
from tests.tabento.export.tables import category, contract_of, number, write_transformer

CONTRACT = contract_of(category("kind", "x", "y", "?"), number("n"))
CODES = {"x": 0.0, "y": 1.0, "?": 2.0}


def _writer() -> GraphWriter:
    return GraphWriter(
        write_transformer(
            OrdinalEncoder().fit(pd.DataFrame({"kind": ["x", "y", "?"]})), contract_of(CONTRACT.features[0])
        )[0],
        CONTRACT,
    )


def test_answers_to_known_and_unknown_values() -> None:
    """Each column has the encoder's answers to known values, to any other value, and to missing ones."""
    frame = pd.DataFrame({"kind": pd.Series(["x", "?", None, "x"], dtype=object), "n": [0.5, 2.0, np.nan, 2.0]})
    encoder = OneHotEncoder(handle_unknown="ignore", drop="first").fit(frame)
    columns = Columns("rows", (CODES, None), ("kind", "n"))
    kind, n = query_encoder(_writer(), encoder, columns, encoder._n_features_outs, raises=False)
    assert kind.codes.tolist()[:2] == [2.0, 0.0]
    assert np.isnan(kind.codes[2])
    assert kind.known.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert n.codes.tolist()[:2] == [0.5, 2.0]
    assert n.known.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert kind.unknown is not None
    assert not kind.unknown.any()


def test_values_that_no_row_holds_are_left_out() -> None:
    """NaN of an encoder is omitted if a missing category is None, unless a step replaces it by NaN."""
    frame = pd.DataFrame({"kind": pd.Series(["x", np.nan], dtype=object)})
    encoder = OrdinalEncoder(encoded_missing_value=-5).fit(frame)
    for codes, count in ((CODES, 1), (NanCodes(CODES), 2)):
        (answer,) = query_encoder(_writer(), encoder, Columns("rows", (codes,), ("kind",)), [1], raises=True)
        assert len(answer.codes) == count
        assert answer.unknown is None


def test_what_the_contract_does_not_list_is_refused() -> None:
    """The error names the column and the unlisted value."""
    with pytest.raises(ExportError, match=r"'kind' knows 'z'"):
        codes_of(_writer(), ["x", "z"], CODES, "kind")
    with pytest.raises(ExportError, match=r"'n' knows the string 'x'"):
        codes_of(_writer(), [1.0, "x"], None, "n")
    assert codes_of(_writer(), [True, 7], None, "n").tolist() == [1.0, 7.0]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pd.to_datetime(["2024-01-01", "2024-02-01"]), r"knows dates \(datetime64"),
        (np.array([1, 2**53 + 1]), r"knows 9007199254740993, and numbers beyond 2\^53 are rounded"),
    ],
    ids=["dates", "large integers"],
)
def test_values_that_change_on_their_way_are_refused(values: Any, reason: str) -> None:
    """Dates and large integers are refused, because a row of doubles cannot hold them."""
    encoder = OneHotEncoder(handle_unknown="ignore").fit(pd.DataFrame({"n": values}))
    with pytest.raises(ExportError, match=reason):
        query_encoder(_writer(), encoder, Columns("rows", (None,), ("n",)), encoder._n_features_outs, raises=False)
