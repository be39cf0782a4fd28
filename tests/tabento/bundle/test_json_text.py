"""JSON text of files and checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tabento.bundle.json_text import canonical_json, json_text


def test_text_is_indented_and_ends_with_a_line_break() -> None:
    """Keys keep their order, letters outside ASCII are written as they are."""
    assert json_text({"b": "ü", "a": [1, None]}) == '{\n  "b": "ü",\n  "a": [\n    1,\n    null\n  ]\n}\n'
    assert json_text({"b": 1}, indent=1) == '{\n "b": 1\n}\n'


def test_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    """Two mappings with the same content have the same canonical text, without blanks."""
    assert canonical_json({"b": 1, "a": "ü"}) == canonical_json({"a": "ü", "b": 1}) == '{"a":"ü","b":1}'


@pytest.mark.parametrize("write", [json_text, canonical_json])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_json_does_not_have_is_refused(write: Callable[[Any], str], number: float) -> None:
    """NaN and infinity are errors, since many readers of JSON refuse them."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"a": number})
