"""The identifiers that a Python file defines: its own name, classes, functions, parameters, variables and attributes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

Kind = Literal["module", "class", "function", "method", "parameter", "variable", "attribute"]

CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name at the place of its definition."""

    name: str
    kind: Kind
    line: int

    @property
    def key(self) -> str:
        """The name as the tables list it: lower case, words joined by underscores, no underscore at either end."""
        return normalized(self.name)


def normalized(name: str) -> str:
    """Return a name in lower case with underscores: ``_PartWays`` and ``PART_WAYS`` become ``part_ways``."""
    stripped = name.strip("_")
    if not stripped.isupper():
        stripped = CAMEL_CASE.sub("_", stripped)
    return stripped.lower()


def module_identifier(path: PurePath) -> Identifier:
    """Return the name that a file gives to its module; ``__init__.py`` gives that of its folder."""
    return Identifier(path.parent.name if path.name == "__init__.py" else path.stem, "module", 1)


def identifiers(tree: ast.AST, *, in_class: bool = False) -> Iterator[Identifier]:
    """Yield each definition below a node of a syntax tree, in the order of the file.

    A name that is assigned twice is yielded twice. A parameter ``self`` or ``cls`` is not yielded.

    Args:
        tree: the node.
        in_class: whether the node is the body of a class, so that its variables are attributes.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                yield Identifier(node.id, "attribute" if in_class else "variable", node.lineno)
        elif isinstance(node, ast.Constant | ast.Load):
            continue
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Identifier(node.name, "method" if in_class else "function", node.lineno)
            yield from identifiers(node)
        elif isinstance(node, ast.ClassDef):
            yield Identifier(node.name, "class", node.lineno)
            yield from identifiers(node, in_class=True)
        else:
            yield from _defined_by(node)
            yield from identifiers(node, in_class=in_class)


def _defined_by(node: ast.AST) -> Iterator[Identifier]:
    """Yield the names that a node defines itself, without those of its children."""
    if isinstance(node, ast.Attribute):
        if isinstance(node.ctx, ast.Store):
            yield Identifier(node.attr, "attribute", node.lineno)
    elif isinstance(node, ast.arg):
        if node.arg not in ("self", "cls"):
            yield Identifier(node.arg, "parameter", node.lineno)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name is not None:
            yield Identifier(node.name, "variable", node.lineno)
    elif isinstance(node, ast.MatchMapping):
        if node.rest is not None:
            yield Identifier(node.rest, "variable", node.lineno)
    elif isinstance(node, ast.alias) and node.asname is not None:
        yield Identifier(node.asname, "variable", node.lineno)
