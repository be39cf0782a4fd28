"""Identifiers on the plain way: checked, kept apart from the numbers, repeated in the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.codec.decode import Decoder
from serving.codec.identify import IdentifyingDecoder, decoder_of
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.store import read_bundle
from tests.bundles import TAGGED_TREE, TREE, orchard_contract, tagged_contract, write_bundle

PLAIN = Decoder(orchard_contract(), 3)
TAGGED = decoder_of(tagged_contract(), 3)


def test_a_contract_without_identifiers_has_a_decoder_without_them() -> None:
    """A contract without identifiers has a decoder without them."""
    assert type(decoder_of(orchard_contract(), 3)) is Decoder
    assert type(TAGGED) is IdentifyingDecoder


def test_the_model_gets_the_numbers_only() -> None:
    """The bytes of a row are those of the row without identifiers."""
    expected = PLAIN.decode_plain(json.dumps(TREE).encode())
    rows = TAGGED.decode_plain(json.dumps(TAGGED_TREE).encode())
    assert expected is not None
    assert rows is not None
    assert (rows.data, rows.count, rows.single) == (expected.data, 1, True)
    assert expected.identifiers == b""


@pytest.mark.parametrize(
    "changes", [{"tag": "t1"}, {"tag": 1}, {"100% owner": ""}, {"100% owner": 2**53}, {"100% owner": "a\tb"}]
)
def test_a_wrong_identifier_is_not_plain(changes: dict[str, object]) -> None:
    """The careful decoder names its fault."""
    assert TAGGED.decode_plain(json.dumps(TAGGED_TREE | changes).encode()) is None


def test_a_repeated_identifier_is_not_plain() -> None:
    """The quotation marks of a second key give it away."""
    assert TAGGED.decode_plain(json.dumps(TAGGED_TREE).encode()[:-1] + b', "tag": "T13"}') is None


def test_callers_within_the_process_get_identifiers_too(tmp_path: Path) -> None:
    """The same answer as over HTTP; the bundle's examples were given identifiers that fit."""
    bundle = read_bundle(write_bundle(tmp_path / "b", tagged_contract()), "orchard:v1")
    assert bundle.examples[0]["tag"] == "T0"
    model = ServedModel(bundle, ServingSettings(unknown_fields="ignore"))
    single_row = model.predict(json.dumps(TAGGED_TREE | {"other": 1}).encode())
    assert single_row["identifiers"] == {"tag": "T12", "100% owner": None}
    batch_rows = model.predict(json.dumps({"instances": [TAGGED_TREE, TAGGED_TREE | {"tag": "T3"}]}).encode())
    assert [item["tag"] for item in batch_rows["identifiers"]] == ["T12", "T3"]
    assert batch_rows["predictions"] == [single_row["prediction"]] * 2
