"""The text of a config file: what each value is, and in which line it stands.

YAML is read as its version 1.2 has it, so that few plain words are more than text: ``true``, ``false``, ``null``, ``~``
and numbers. ``Yes``, ``no``, ``on``, ``08``, ``1_000``, ``12:30`` and dates are the text that they look like; a key that
wants a truth value or a number takes them all the same where they are one. Keys are text always.
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

Path_ = tuple[str | int, ...]
"""Where a value is: the keys and positions that lead to it."""
VALUES_MAX = 200_000
"""A config with more values than this comes of references that repeat each other."""


if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """A reader of YAML 1.2: it composes nodes, and knows the core schema's plain words."""

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
    """A list that knows the positions which its items had in the file, also when others were taken out."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.positions = list(range(len(items)))

    def take_out(self, position: int) -> None:
        """Remove the item at a position of the list as it is now."""
        del self[position]
        del self.positions[position]


@dataclass(frozen=True)
class Place:
    """Where a value stands."""

    line: int
    """The line of its key, or of its item in a list; the first is 1."""
    text: str | None
    """What stands there if it is one word or a quoted text."""
    plain: bool
    """Whether it stands without quotes."""


@dataclass(eq=False)
class ConfigText:
    """A config file's content with the place of each value."""

    path: Path | None = None
    """The file; None for a config that was made by code."""
    data: Any = None
    """Mappings, ``Items`` and scalars."""
    places: dict[Path_, Place] = field(default_factory=dict)
    repeated: list[tuple[Path_, int, int]] = field(default_factory=list)
    """Keys that appear twice, with the lines of the first and of the second."""
    overrides: dict[Path_, str] = field(default_factory=dict)
    """Values that the command line gave, with the option that did."""

    def __eq__(self, other: object) -> bool:
        """Say that configs are equal whatever files they were read from."""
        return isinstance(other, ConfigText)

    __hash__ = None  # type: ignore[assignment]

    def line(self, path: Path_) -> int | None:
        """Return the line of a value, or of the nearest one around it that is there; None without a file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]].line
        return 1 if self.path is not None else None

    def where(self, path: Path_) -> str:
        """Return ``file:line`` of a value, the option that gave it, or nothing without a file."""
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
        raise ConfigError(_in_words(path, content, error)) from error
    if node is not None:
        if _size(node, {}) > VALUES_MAX:
            raise ConfigError(
                f"{path}: a reference (`*name`) leads to itself, or there are more than {VALUES_MAX:,} values. Write the"
                " values out."
            )
        text.data = _Builder(text).build(node, ())
    return text


def _size(node: Any, sizes: dict[int, float]) -> float:
    """Return how many values a node stands for with all references written out; infinitely many if it holds itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        sizes[id(node)] = 1 + sum(_size(part, sizes) for part in inner)
    return sizes[id(node)]


def read_value(content: str) -> Any:
    """Return the value of one YAML text, read as values in a config are; nothing is null.

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
    """Makes values of nodes and notes their places."""

    def __init__(self, text: ConfigText) -> None:
        self._text = text

    def build(self, node: Any, path: Path_) -> Any:
        """Return the value of a node."""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            for place, item in enumerate(node.value):
                self._note((*path, place), item, item)
            return Items([self.build(item, (*path, place)) for place, item in enumerate(node.value)])
        return _scalar(node)

    def _mapping(self, node: Any, path: Path_) -> dict[str, Any]:
        data: dict[str, Any] = {}
        own: dict[str, int] = {}
        for key_node, value_node, merged in _pairs(node):
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(_scalar_text(key_node))
            line = key_node.start_mark.line + 1
            if merged and key in data:
                continue
            if key in own:
                self._text.repeated.append(((*path, key), own[key], line))
            if not merged:
                own[key] = line
            self._note((*path, key), key_node, value_node)
            data[key] = self.build(value_node, (*path, key))
        return data

    def _note(self, path: Path_, mark: Any, node: Any) -> None:
        scalar = isinstance(node, yaml.ScalarNode)
        text, plain = (node.value, not node.style) if scalar else (None, False)
        self._text.places[path] = Place(mark.start_mark.line + 1, text, plain)


def _pairs(node: Any) -> Iterator[tuple[Any, Any, bool]]:
    """Yield keys and values, those of ``<<: *name`` last, as they count less."""
    merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
    yield from ((key, value, False) for key, value in node.value if key.tag != "tag:yaml.org,2002:merge")
    for value in merged:
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if isinstance(source, yaml.MappingNode):
                yield from ((key, inner, True) for key, inner, _ in _pairs(source))


def _scalar_text(node: Any) -> str:
    return f"({node.id} at line {node.start_mark.line + 1})"


def _scalar(node: Any) -> Any:
    """Return the value of a scalar; one with a tag of its own, such as ``!!int``, is the text that stands there."""
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


def _in_words(path: Path, content: str, error: yaml.YAMLError) -> str:
    """Say where YAML cannot be read, what stands there, and what most often helps."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None)))) or str(error)
    if mark is None:
        return f"{path} is not valid YAML: {problem}"
    lines = content.splitlines()
    number = min(mark.line, max(len(lines) - 1, 0))
    line = lines[number] if lines else ""
    before = lines[number - 1] if number else ""
    if line[: len(line) - len(line.lstrip())].count("\t") or before[: len(before) - len(before.lstrip())].count("\t"):
        remedy = "A line is indented with a tab: YAML takes spaces only."
    elif re.search(r":\s[^'\"{\[]*:\s", line):
        remedy = "A text with a colon and a blank in it needs quotes, as in `description: 'one: two'`."
    elif re.search(r"[:\[,]\s*[-?]\s*([,\]]|$)", line):
        remedy = "A `-` or `?` that stands alone needs quotes, as in ['-', '?']."
    elif re.search(r"[:\[{,-]\s*[@`%]", line):
        remedy = "A text that begins with this character needs quotes."
    else:
        remedy = "Look at the indentation, the quotes and the brackets there and in the line before."
    shown = line.strip()
    return f"{path}:{number + 1} is not valid YAML: {problem}. The line is `{shown[:120]}`. {remedy}"
