"""UTF-8 and character positions are right wherever a body is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec import unicode
from serving.codec.slices import WorkMeter, run_steps
from serving.codec.unicode import InvalidUtf8Error, check_utf8, line_and_column

_PIECES = [
    b"a",
    b"\n",
    "é".encode(),
    "日".encode(),
    "😀".encode(),
    b"\xff",
    b"\x80",
    b"\xe2\x82",
    b"\xf0",
    b"\xed\xa0\x80",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join), st.integers(4, 7))
def test_the_first_wrong_byte_is_found(body: bytes, chunk: int) -> None:
    """It is the byte that Python's decoder of the whole body names."""
    try:
        body.decode()
        expected = None
    except UnicodeDecodeError as error:
        expected = error.start
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unicode, "_CHUNK", chunk)
        try:
            run_steps(check_utf8(body, WorkMeter()))
            position = None
        except InvalidUtf8Error as error:
            position = error.position
    assert position == expected


@given(st.text("a\né日😀", max_size=30), st.data(), st.integers(4, 7))
def test_lines_and_columns_count_characters(text: str, data: st.DataObject, chunk: int) -> None:
    """A column is counted from the last line end, in characters."""
    index = data.draw(st.integers(0, len(text)))
    before = text[:index]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unicode, "_CHUNK", chunk)
        error_position = run_steps(line_and_column(text.encode(), len(before.encode()), WorkMeter()))
    assert error_position == (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
