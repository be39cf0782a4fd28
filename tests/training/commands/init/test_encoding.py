"""The encoding of a text file."""

from __future__ import annotations

import io

import pytest

from training.commands.init.encoding import BLOCK_BYTES, UTF_8, detect_encoding

TEXT = "name;city\nZoë;Zürich\n"


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (b"", "UTF-8"),
        (b"plain", "UTF-8"),
        (TEXT.encode(), "UTF-8"),
        (TEXT.encode("utf-8-sig"), "UTF-8"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "UTF-16"),
        (TEXT.encode("utf-16-be"), "UTF-16"),
        (TEXT.encode("utf-32"), "UTF-32"),
        (TEXT.encode("latin-1"), "Latin-1"),
        ("price;€ 5\n“quoted”\n".encode("cp1252"), "Windows-1252"),
        (b"letters \xe9 and \x81\n", "Latin-1"),
    ],
)
def test_encoding_is_found(content: bytes, title: str) -> None:
    """Byte order marks, NUL bytes and bytes that are not UTF-8 tell the encoding."""
    encoding = detect_encoding(io.BytesIO(content))
    assert encoding.title == title
    if title != "Latin-1":
        assert content.decode(encoding.codec) is not None


def test_guess_is_said_to_be_one() -> None:
    """Every byte is a letter in Latin-1, so that it can only be guessed; UTF-8 and UTF-16 are sure."""
    assert detect_encoding(io.BytesIO("Zürich".encode("latin-1"))).is_guess
    assert not detect_encoding(io.BytesIO("Zürich".encode("utf-16"))).is_guess


def test_damaged_utf_8_stays_utf_8() -> None:
    """Behind a valid character of UTF-8, a wrong byte is damage: the reader names its line."""
    assert detect_encoding(io.BytesIO("Zürich\n".encode() + b"\xff\n")) is UTF_8


def test_late_and_split_letters_are_found() -> None:
    """A letter beyond the first block counts, and one that is cut by a block's end is whole."""
    padding = b"a" * (BLOCK_BYTES - 1)
    assert detect_encoding(io.BytesIO(padding + "ü".encode())).title == "UTF-8"
    assert detect_encoding(io.BytesIO(padding + b"aa\xfc")).title == "Latin-1"
