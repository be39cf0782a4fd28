"""Decoding for contracts with texts: the numbers of a text travel behind those of the features, and work is bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from runners.errors import RunnerError
from serving.codec.identify import decoder_of
from serving.codec.slices import SLICE_UNITS, WorkMeter, run_steps
from serving.codec.text_decoder import TextDecoder
from serving.errors import InvalidError, MalformedError
from serving.model import ServedModel
from serving.routes.openapi import build_openapi
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract, Feature, Identifier, Output
from tabento.bundle.store import read_bundle
from tabento.bundle.terms import Analysis
from tabento.bundle.texts import TEXTS_KEY, TextBlock, Texts, texts_metadata
from tests.bundles import linear_model, write_bundle

CONTRACT = Contract(
    name="m",
    title="M",
    description="",
    task="regression",
    features=(
        Feature(name="stars", type="number", nullable=True),
        Feature(name="review", type="text", maximum_length=2_000),
    ),
    output=Output(name="y"),
)
WORDS = Analysis(token_pattern=r"(?u)\b\w\w+\b")
TEXTS = Texts(
    unicode="15",
    blocks=(
        TextBlock(column=1, analysis=WORDS, width=3, terms=("bad", "good", "straße"), weights=("l1",)),
        TextBlock(column=1, analysis=Analysis(analyzer="char", ngram_range=(1, 2)), width=2),
    ),
)


def decoder(contract: Contract = CONTRACT) -> TextDecoder:
    """Return the decoder of a contract with texts."""
    decoder_rows = decoder_of(contract, 5, texts=TEXTS)
    assert isinstance(decoder_rows, TextDecoder)
    return decoder_rows


def numbers(body: Any) -> np.ndarray[Any, Any]:
    """Decode a body and return its rows, shape (N, 7)."""
    rows = decoder().decode(body if isinstance(body, bytes) else json.dumps(body).encode())
    return np.frombuffer(rows.data).reshape(rows.count, 7)


def test_terms_stand_behind_the_features() -> None:
    """A row: its number, 0 for the text, the words by their share, the hashed characters."""
    (row,) = numbers({"review": "Good, good BAD other", "stars": 4})
    assert row[:5].tolist() == [4.0, 0.0, 1 / 3, 2 / 3, 0.0]
    assert row[5:].sum() == 20 + 19
    (empty,) = numbers({"review": "", "stars": None})
    np.testing.assert_array_equal(empty, [np.nan, 0, 0, 0, 0, 0, 0])


def test_many_rows_of_any_spelling_are_decoded() -> None:
    """Escapes, blanks, brackets in a text, and bodies that are longer than one call reads."""
    texts = ["good", 'a "quoted" } ] { good', "STRAßE \U0001f34f\n", "bad " * 450, ""]
    for ascii_only in (True, False):
        body = json.dumps({"instances": [{"stars": 1, "review": text} for text in texts]}, ensure_ascii=ascii_only)
        fault_details = numbers(body.encode())
        assert fault_details[:, 2:5].tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("text", ["x" * 2_001, 5, None, True, ["good"], {"a": 1}])
def test_what_is_no_text_of_the_contract_is_named(text: Any) -> None:
    """A text that is too long, null, and other JSON values are faults of the field."""
    with pytest.raises(InvalidError) as raised:
        numbers({"instances": [{"stars": 1, "review": "good"}, {"stars": 1, "review": text}]})
    (detail,) = raised.value.details
    assert (detail.row, detail.field) == (1, "review")
    assert detail.expected == "a text of at most 2000 characters"


def test_a_lone_surrogate_is_refused() -> None:
    """JSON's escapes allow it, UTF-8 does not, and hashes are made of UTF-8."""
    with pytest.raises(InvalidError, match="a text of at most 2000 characters"):
        numbers(b'{"stars": 1, "review": "good \\ud800"}')
    with pytest.raises(MalformedError, match="not UTF-8"):
        numbers(b'{"stars": 1, "review": "good \xed\xa0\x80"}')


def test_identifiers_travel_behind_the_terms() -> None:
    """The answer repeats them, and the model gets the same numbers as without."""
    tagged = CONTRACT.model_copy(update={"identifiers": (Identifier(name="id"),)})
    single = decoder(tagged).decode(b'{"stars": 1, "review": "good", "id": 7}')
    batch = decoder(tagged).decode(
        b'{"instances": [{"stars": 1, "review": "good", "id": "a"}, {"stars": 2, "review": "", "id": 8}]}'
    )
    assert single.data == batch.data[: len(single.data)] == decoder().decode(b'{"stars": 1, "review": "good"}').data
    assert (single.identifiers, batch.identifiers) == (b'{"id":7}', b'[{"id":"a"},{"id":8}]')


def test_no_text_is_split_on_the_plain_way() -> None:
    """The event loop gets its turn between pieces of one long text; the work grows with the text."""
    assert decoder().decode_plain(b'{"stars": 1, "review": "good"}') is None
    units = []
    for length in (200, 2_000):
        meter = WorkMeter()
        body = json.dumps({"stars": 1, "review": "ab" * (length // 2)}).encode()
        pieces = 0
        steps = decoder().careful.steps(body, meter)
        before = 0
        while True:
            try:
                next(steps)
            except StopIteration:
                break
            pieces += 1
            assert meter.units - before < 3 * SLICE_UNITS
            before = meter.units
        units.append(meter.units)
    assert pieces > 1
    assert 5 * units[0] < units[1] < 20 * units[0]


def test_too_many_rows_are_refused_before_they_are_split() -> None:
    """The limit of rows holds for texts as for all else."""
    with pytest.raises(InvalidError, match="a list of more than 5"):
        run_steps(decoder().decode_steps(json.dumps({"instances": [{"stars": 1, "review": "a"}] * 6}).encode()))


def served_model(folder: Path, *, column: int = 1, width: int = 3, max_rows: int = 1_000) -> ServedModel:
    """Return a small model whose graph adds up 1, 2, 3, … times the numbers of a row."""
    block = TextBlock(column=column, analysis=WORDS, width=width)
    model = linear_model(2 + width)
    model.metadata_props.append(onnx.StringStringEntryProto(key=TEXTS_KEY, value=texts_metadata((block,))))
    folder = write_bundle(folder, CONTRACT, model, [{"stars": 1, "review": "good words"}])
    settings = ServingSettings.model_construct(max_rows=max_rows, onnx_threads=1)
    return ServedModel(read_bundle(folder, "m:1"), settings)


def test_a_model_with_texts_answers(tmp_path: Path) -> None:
    """From JSON to a number: 2 · stars … the words by their hash, and fewer rows where they would take much memory."""
    model = served_model(tmp_path / "m", width=1)
    assert model.predict(b'{"stars": 4, "review": "good Good words"}')["prediction"] == 1 * 4 + 3 * 3
    assert model.max_rows == 1_000
    wide = served_model(tmp_path / "w", width=9_000)
    assert wide.max_rows == 444
    assert wide.options.max_queue_rows == 8 * 4_000_000 // 9_002
    properties = build_openapi(wide.bundle, ServingSettings.model_construct(), wide.max_rows)["components"]["schemas"]
    assert properties["Batch"]["properties"]["instances"]["maxItems"] == 444
    assert properties["Row"]["properties"]["review"] == {"type": "string", "maxLength": 2_000}


def test_a_graph_that_splits_a_number_is_refused(tmp_path: Path) -> None:
    """Graph and contract have to agree on what is a text."""
    with pytest.raises(RunnerError, match="splits 'stars', which the contract says is of the type number"):
        served_model(tmp_path / "m", column=0)
