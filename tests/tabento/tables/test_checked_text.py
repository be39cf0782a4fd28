"""Text is read once, block by block, and bytes that are not text are refused with their position."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import lzma
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.tables.checked_text import HEAD_BYTES, CheckedText
from tabento.tables.faults import DataError

ROWS = "sort,apples\nCox,40\nnaïve,41\n日本,42\n"


def checked_text(content: bytes) -> CheckedText:
    """Return the text of these bytes."""
    return CheckedText(io.BytesIO(content), "trees.csv")


def long_text(rows: int) -> str:
    """Return a text of several blocks."""
    return "a,b\n" + "".join(f"{row},é{row}\n" for row in range(rows))


def zip_archive(content: bytes) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("trees.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096, -1, None])
def test_the_text_is_read_whole_by_blocks_of_any_size(size: int | None) -> None:
    """Characters of several bytes are preserved between two blocks, and only the last read is empty."""
    text = checked_text(ROWS.encode())
    parts = []
    while part := text.read(size):
        parts.append(part)
    assert "".join(parts) == text.head == ROWS
    assert size is None or size < 0 or all(len(part) <= size for part in parts)
    assert text.readable()


def test_text_after_the_head_is_read() -> None:
    """The text after the checked beginning follows it."""
    full_text = long_text(200_000)
    assert len(full_text) > HEAD_BYTES
    text = checked_text(full_text.encode())
    parts = []
    while part := text.read(100_003):
        parts.append(part)
    assert "".join(parts) == full_text
    assert full_text.startswith(text.head)
    assert text.sha256 == hashlib.sha256(full_text.encode()).hexdigest()
    assert checked_text(full_text.encode()).read() == full_text


def test_a_byte_order_mark_is_not_text_but_is_part_of_the_checksum() -> None:
    """The checksum is the checksum of the file."""
    content = ROWS.encode("utf-8-sig")
    text = checked_text(content)
    assert text.read() == ROWS
    assert text.sha256 == hashlib.sha256(content).hexdigest()


_CELL = st.text(st.sampled_from('ab,"\n\r é'), max_size=6)


@given(st.lists(st.lists(_CELL, min_size=1, max_size=4), min_size=1, max_size=6), st.integers(1, 9))
def test_commas_between_values_are_counted(rows: list[list[str]], size: int) -> None:
    """Commas within quotes belong to a value, regardless of the limits of the blocks."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["head"], *rows])
    text = checked_text(buffer.getvalue().encode())
    while text.read(size):
        pass
    assert text.commas == sum(len(row) - 1 for row in rows)


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        (ROWS.encode("utf-16"), "UTF-16.*Save it as UTF-8"),
        (b"\xfe\xff" + ROWS.encode("utf-16-be"), "UTF-16"),
        (ROWS.encode("utf-32"), "UTF-32"),
        (gzip.compress(ROWS.encode()), "a gzip archive.*Unpack it"),
        (bz2.compress(ROWS.encode()), "a bzip2 archive"),
        (lzma.compress(ROWS.encode()), "an xz archive"),
        (zip_archive(ROWS.encode()), "a zip archive or a spreadsheet"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
    ],
)
def test_another_format_is_named(content: bytes, file_format: str) -> None:
    """The error about an archive in place of a file names the format and no wrong byte."""
    with pytest.raises(DataError, match=rf"trees\.csv: expected a CSV file in UTF-8, got {file_format}"):
        checked_text(content)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\n"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    """A file of blanks only is empty."""
    with pytest.raises(DataError, match=r"trees\.csv is empty: expected a CSV file with a header and rows"):
        checked_text(content)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("rows", [0, 200_000])
def test_a_wrong_byte_is_shown_with_its_place(mark: bytes, rows: int) -> None:
    """The error has the byte, its position, its line and the text before it, also far down a long file."""
    before = mark + long_text(rows).encode()
    content = before + b"x,caf" + b"\xe9\n"
    with pytest.raises(DataError) as error:
        checked_text(content).read()
    assert str(error.value) == (
        f"trees.csv: expected UTF-8, got byte 0xe9 at {len(before) + 5}, in line {rows + 2:,} after 'x,caf'."
        " If it is Latin-1 or Windows-1252, save it as UTF-8; else get a sound copy."
    )
    assert content[len(before) + 5] == 0xE9


def test_a_character_cut_at_the_end_is_refused() -> None:
    """A file that ends within a character is truncated."""
    text = checked_text((long_text(200_000) + "é").encode()[:-1])
    with pytest.raises(DataError, match=r"got byte 0xc3 at \d+, in line 200,002\."):
        text.read()


def test_a_nul_byte_is_refused_with_its_place() -> None:
    """Without this check the parser would end the value there silently."""
    with pytest.raises(DataError, match=r"trees\.csv: expected text, got a NUL byte at 13 in line 3\. .* or UTF-16"):
        checked_text(b"a,b\nCox,401\nB\0skoop,2\n")
    with pytest.raises(DataError, match=r"NUL byte at 1 in line 1"):
        checked_text("a,b\n1,2\n".encode("utf-16-le"))
