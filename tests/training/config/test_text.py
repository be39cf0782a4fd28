"""The text of a config: words that YAML 1.1 converts stay text, and every value has its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.config import ConfigError
from training.config.text import ConfigText, read_text


def read(tmp_path: Path, content: str) -> ConfigText:
    """Read a file with some content."""
    path = tmp_path / "config.yaml"
    path.write_text(content, encoding="utf-8")
    return read_text(path)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        *[
            (word, word)
            for word in ("Yes", "no", "NO", "on", "Off", "y", "08", "007", "1_000", "12:30", "0x1F", "0o17")
        ],
        *[(word, word) for word in ("2020-01-01", "2020-01-01T10:00:00", "'1'", "=", "N/A", "?x")],
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("7", 7),
        ("-3", -3),
        ("0", 0),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", float("-inf")),
    ],
)
def test_only_few_plain_words_are_not_text(tmp_path: Path, literal: str, value: Any) -> None:
    """Only true, false, null and numbers in the usual form are converted; any other word is text."""
    value = read(tmp_path, f"a: {literal}\n").data["a"]
    expected = literal.strip("'") if isinstance(value, str) else value
    assert (type(value), value) == (type(expected), expected)


def test_keys_are_text(tmp_path: Path) -> None:
    """A column can have the name 1, on or ~."""
    assert list(read(tmp_path, "1: a\non: b\n~: c\n2.50: d\n").data) == ["1", "on", "~", "2.50"]


def test_every_value_has_its_line(tmp_path: Path) -> None:
    """Keys, items of lists and values of one line have lines; a missing value has the line of the value around it."""
    text = read(tmp_path, "a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n")
    lines = {path: place.line for path, place in text.places.items()}
    assert lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4, ("b", 1, "d"): 5}
    assert text.line(("b", 1, "e", 7)) == 4
    assert text.where(("nowhere",)).endswith("config.yaml:1")
    assert ConfigText().where(("a",)) == ""


def test_references_and_merged_keys_are_read(tmp_path: Path) -> None:
    """A key takes precedence over the same key of `<<`."""
    assert read(tmp_path, "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: *x\n").data["d"] == {"b": 3, "c": 2}


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """A byte order mark, which some editors write, is not part of the first key."""
    assert read(tmp_path, "\ufeffname: a\n").data == {"name": "a"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a:\n\tb: 1\n", r"config\.yaml:2 is not valid YAML.*indented with a tab: YAML takes spaces only"),
        ("a: one: two\n", r"config\.yaml:1 .*A text with a colon and a blank in it needs quotes"),
        ("a: 1\nb: %x\n", r"config\.yaml:2 .*A text that begins with this character needs quotes"),
        ("a: [?, x]\n", r"config\.yaml:1 .*A single `-` or `\?` needs quotes"),
        ("a: [1\nb: 2\n", r"config\.yaml:2 .*the brackets"),
        ("a: &x [*x]\n", r"config\.yaml: a reference .* leads to itself"),
        ("a: *x\n", "undefined alias"),
        ("a: \x07\n", "control characters"),
        ("a: 1\n---\nb: 2\n", r"config\.yaml:2 .*single document"),
    ],
)
def test_file_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    """The error shows the line and the most likely remedy."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, content)


def test_references_that_repeat_each_other_are_refused(tmp_path: Path) -> None:
    """Nine lines of references can expand to a thousand million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{row}: &a{row} [{', '.join([f'*a{row - 1}'] * 10)}]" for row in range(1, 8)]
    with pytest.raises(ConfigError, match="more than 200,000 values"):
        read(tmp_path, "\n".join(lines))


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """The error has a remedy."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"a: \xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_text(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    """A folder cannot be read as a config."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_text(tmp_path)
