"""The fast way of decoding takes what is right and leaves the rest to the careful way."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.codec.decode import Decoder
from serving.codec.rows import Rows
from serving.errors import ServingError
from tabento.bundle.contract import Contract, Feature, Output
from tests.bundles import TREE, orchard_contract
from tests.examples import examples
from tests.serving.codec.strategies import almost_right_bodies

CONTRACT = orchard_contract()
DECODER = Decoder(CONTRACT, max_rows=5)


def _values(rows: Rows) -> list[float]:
    return list(struct.unpack(f"={len(rows.data) // 8}d", rows.data))


def test_one_object_becomes_one_row() -> None:
    """Values travel in the contract's order, categories as indices, null and absent as NaN."""
    rows = DECODER.decode(json.dumps(TREE).encode())
    assert rows.single
    assert rows.count == 1
    values = _values(rows)
    assert values[:3] == [12.0, 3.5, 4.25]
    assert math.isnan(values[3])
    assert values[4:] == [1.0, 1.0, 0.0]
    absent = {key: value for key, value in TREE.items() if key != "slope"}
    assert DECODER.decode(json.dumps(absent).encode()).data == rows.data


def test_many_rows_keep_their_order() -> None:
    """Rows of ``instances`` come out in the order in which they were sent."""
    body = json.dumps({"instances": [{**TREE, "age": age} for age in (5, 3, 4)]}).encode()
    rows = DECODER.decode(body)
    assert not rows.single
    assert _values(rows)[:: len(CONTRACT.features)] == [5.0, 3.0, 4.0]


def test_keys_may_stand_in_any_order() -> None:
    """JSON objects have no order, and the key ``instances`` may be preceded by white space."""
    row = dict(reversed(TREE.items()))
    assert DECODER.decode(json.dumps(row).encode()).data == DECODER.decode(json.dumps(TREE).encode()).data
    assert DECODER.decode(b" " * 200 + json.dumps({"instances": [row]}).encode()).count == 1


def test_numbers_keep_every_digit() -> None:
    """A float64 that a client wrote with all its digits is the float64 that the model gets."""
    width = 0.1 + 0.2 + 3
    rows = DECODER.decode(json.dumps({**TREE, "crown width": width}).encode())
    assert _values(rows)[1] == width


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({**TREE, "sort": "cox"}).encode(),
        json.dumps({**TREE, "soil": "moon dust"}).encode(),
        json.dumps(TREE).replace("COX", "\\u0043OX").encode(),
        json.dumps({**TREE, "soil": 'a "quoted" soil'}).encode(),
    ],
)
def test_the_unusual_but_right_is_taken(body: bytes) -> None:
    """Another letter case, a category to ignore and escapes are right, whichever way decodes them."""
    assert DECODER.decode(body).count == 1


def test_an_unknown_category_to_ignore_travels_as_minus_one() -> None:
    """It equals no known category, so that none is true of the row."""
    assert _values(DECODER.decode(json.dumps({**TREE, "soil": "moon dust"}).encode()))[-1] == -1.0


@pytest.mark.parametrize("soil", [None, "clay", 'a\\"b'])
def test_a_repeated_key_is_never_plain(soil: str | None) -> None:
    """The quotation marks of a second key give it away, even where the parser would keep the last value silently."""
    text = json.dumps({**TREE, "soil": soil})
    for second in ('"age": 12', '"soil": null', '"soil": "loam"', '"slope": 1'):
        assert DECODER.decode_plain(f"{text[:-1]}, {second}}}".encode()) is None


def test_integers_beyond_float64_are_left_to_the_careful_way() -> None:
    """With a range beyond 2^53 the fast way cannot know that an integer survived as it was written."""
    feature = Feature(name="a", type="number", minimum=0, maximum=1e30)
    contract = Contract(
        name="m", title="", description="", task="regression", features=(feature,), output=Output(name="y")
    )
    decoder = Decoder(contract, max_rows=1)
    assert decoder.decode(b'{"a": 18014398509481984}').count == 1
    with pytest.raises(ServingError, match="18014398509481985"):
        decoder.decode(b'{"a": 18014398509481985}')


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode), almost_right_bodies()))
def test_no_body_breaks_the_decoder(body: bytes) -> None:
    """Any bytes give rows or an error of ours whose envelope can be encoded."""
    try:
        assert DECODER.decode(body).count >= 1
    except ServingError as error:
        assert 400 <= error.status < 500
        assert json.loads(error.body("id"))["error"]["code"] == error.code


def test_models_with_the_same_fields_share_the_compiled_decoders() -> None:
    """Another range, or another limit of rows, has decoders of its own; very wide rows are not kept."""
    first, second = Decoder(CONTRACT, max_rows=5), Decoder(CONTRACT.model_copy(update={"name": "pear"}), max_rows=5)
    assert first._decode_row is second._decode_row
    assert Decoder(CONTRACT, max_rows=6)._decode_row is not first._decode_row
    features = [*CONTRACT.features[1:], CONTRACT.features[0].model_copy(update={"minimum": -7})]
    assert Decoder(CONTRACT.model_copy(update={"features": features}), 5)._decode_row is not first._decode_row
    wide = CONTRACT.model_copy(update={"features": [Feature(name=f"f{i}", type="number") for i in range(300)]})
    assert Decoder(wide, 5)._decode_row is not Decoder(wide, 5)._decode_row


def test_a_closed_decoder_still_decodes() -> None:
    """It refers to itself no more, and reads rows one by one."""
    decoder = Decoder(CONTRACT, max_rows=5)
    decoder.close()
    body = json.dumps({"instances": [TREE, TREE]}).encode()
    assert decoder.decode(body + b" " * 300_000).data == DECODER.decode(body).data
