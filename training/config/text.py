"""The text of a config file: the values, each with its line.

YAML is read by the rules of its version 1.2, in which only ``true``, ``false``, ``null``, ``~`` and numbers are not text.
``Yes``, ``no``, ``on``, ``08``, ``1_000``, ``12:30`` and dates are text; a key that expects a boolean or a number accepts
them anyway if they can be converted. Keys are always text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from training.config.types import ConfigError

KeyPath = tuple[str | int, ...]
"""The place of a value: the keys and positions that lead to it."""
VALUES_MAX = 200_000
"""The largest number of values; only references that repeat each other give more."""


if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """A reader of YAML 1.2 that composes nodes and resolves the plain words of the core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _words, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_words})$"), list(_first))


class Items(list[Any]):
    """A list that stores the positions of its items in the file, also after items were removed."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.positions = list(range(len(items)))

    def take_out(self, position: int) -> None:
        """Remove the item at a position of the list as it is now."""
        del self[position]
        del self.positions[position]


@dataclass(frozen=True)
class Place:
    """The place of a value in a file."""

    line: int
    """The line of its key, or of its item in a list; the first is 1."""
    text: str | None
    """The text of the value if it is a scalar."""
    plain: bool
    """Whether the value has no quotes."""


@dataclass(eq=False)
class ConfigText:
    """A config file's content with the place of each value."""

    path: Path | None = None
    """The file; None for a config that code created."""
    data: Any = None
    """Mappings, ``Items`` and scalars."""
    places: dict[KeyPath, Place] = field(default_factory=dict)
    repeated: list[tuple[KeyPath, int, int]] = field(default_factory=list)
    """Keys that appear twice, with the lines of the first and of the second."""
    overrides: dict[KeyPath, str] = field(default_factory=dict)
    """The option of each value that the command line set."""

    def __eq__(self, other: object) -> bool:
        """Return True for any other text: configs are equal regardless of the files that they were read from."""
        return isinstance(other, ConfigText)

    __hash__ = None  # type: ignore[assignment]

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a value, or of the innermost existing value around it; None without a file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]].line
        return 1 if self.path is not None else None

    def where(self, path: KeyPath) -> str:
        """Return ``file:line`` of a value or the option that set it; empty without a file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        return "" if self.path is None else f"{self.path}:{self.line(path)}"


def read_text(path: Path) -> ConfigText:
    """Read a YAML file.

    Raises:
        ConfigError: the file is missing, cannot be read, is not valid YAML or refers to itself; with the line.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"there is no config {path}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid YAML: it is not UTF-8 ({error}). Save it as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Expected a config in YAML.") from error
    text = ConfigText(path)
    try:
        node = yaml.compose(content, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax_message(path, content, error)) from error
    if node is not None:
        if _size(node, {}) > VALUES_MAX:
            raise ConfigError(
                f"{path}: a reference (`*name`) leads to itself, or there are more than {VALUES_MAX:,} values. Write the"
                " values out."
            )
        text.data = _Builder(text).build(node, ())
    return text


def _size(node: Any, sizes: dict[int, float]) -> float:
    """Return the number of values of a node with all references expanded; infinity if it contains itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        sizes[id(node)] = 1 + sum(_size(part, sizes) for part in inner)
    return sizes[id(node)]


def read_value(content: str) -> Any:
    """Return the value of one YAML text, read by the rules of a config; an empty text is null.

    Raises:
        yaml.YAMLError: it is not valid YAML.
        ConfigError: it refers to itself.
    """
    node = yaml.compose(content, Loader=_Loader)
    if node is None:
        return None
    if _size(node, {}) > VALUES_MAX:
        raise ConfigError(
            f"{content!r} refers to itself, or has more than {VALUES_MAX:,} values. Write the values out."
        )
    return _Builder(ConfigText()).build(node, ())


class _Builder:
    """A converter of nodes to values that records their places."""

    def __init__(self, text: ConfigText) -> None:
        self._text = text

    def build(self, node: Any, path: KeyPath) -> Any:
        """Return the value of a node."""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._note((*path, index), item, item)
            return Items([self.build(item, (*path, index)) for index, item in enumerate(node.value)])
        return _scalar(node)

    def _mapping(self, node: Any, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines_of_keys: dict[str, int] = {}
        for key_node, value_node, merged in _pairs(node):
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(_scalar_text(key_node))
            line = key_node.start_mark.line + 1
            if merged and key in data:
                continue
            if key in lines_of_keys:
                self._text.repeated.append(((*path, key), lines_of_keys[key], line))
            if not merged:
                lines_of_keys[key] = line
            self._note((*path, key), key_node, value_node)
            data[key] = self.build(value_node, (*path, key))
        return data

    def _note(self, path: KeyPath, mark: Any, node: Any) -> None:
        scalar = isinstance(node, yaml.ScalarNode)
        text, plain = (node.value, not node.style) if scalar else (None, False)
        self._text.places[path] = Place(mark.start_mark.line + 1, text, plain)


def _pairs(node: Any) -> Iterator[tuple[Any, Any, bool]]:
    """Yield keys and values; the keys of ``<<: *name`` are last, because other keys take precedence over them."""
    merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
    yield from ((key, value, False) for key, value in node.value if key.tag != "tag:yaml.org,2002:merge")
    for value in merged:
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if isinstance(source, yaml.MappingNode):
                yield from ((key, inner, True) for key, inner, _ in _pairs(source))


def _scalar_text(node: Any) -> str:
    return f"({node.id} at line {node.start_mark.line + 1})"


def _scalar(node: Any) -> Any:
    """Return the value of a scalar; a scalar with an explicit tag, such as ``!!int``, is its text."""
    kind, text = node.tag.rpartition(":")[2], node.value
    if node.style:
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text) if len(text) <= 300 else text
    if kind == "float":
        return float(re.sub(r"^([-+]?)\.(?=[a-zA-Z])", r"\1", text))
    return text


def _syntax_message(path: Path, content: str, error: yaml.YAMLError) -> str:
    """Return a message with the line that is not valid YAML, its text and the most likely remedy."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))) or str(error)
    if mark is None:
        return f"{path} is not valid YAML: {problem}"
    lines = content.splitlines()
    number = min(mark.line, max(len(lines) - 1, 0))
    line = lines[number] if lines else ""
    previous_line = lines[number - 1] if number else ""
    if line[: len(line) - len(line.lstrip())].count("\t") or previous_line[
        : len(previous_line) - len(previous_line.lstrip())
    ].count("\t"):
        remedy = "A line is indented with a tab: YAML takes spaces only."
    elif re.search(r":\s[^'\"{\[]*:\s", line):
        remedy = "A text with a colon and a blank in it needs quotes, as in `description: 'one: two'`."
    elif re.search(r"[:\[,]\s*[-?]\s*([,\]]|$)", line):
        remedy = "A single `-` or `?` needs quotes, as in ['-', '?']."
    elif re.search(r"[:\[{,-]\s*[@`%]", line):
        remedy = "A text that begins with this character needs quotes."
    else:
        remedy = "Look at the indentation, the quotes and the brackets there and in the line before."
    return f"{path}:{number + 1} is not valid YAML: {problem}. The line is `{line.strip()[:120]}`. {remedy}"
