"""The sentences of the checkout: docstrings, comments and messages of Python files, documents, comments of other files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

Source = Literal["docstring", "comment", "message", "document"]

_TOKEN = re.compile(
    r"""(?:\"\"\".*?(?<!\\)(?:\\\\)*\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<comment>\#[^\n]*)""",
    re.DOTALL,
)
_CODE = re.compile(r"```.*?```|``[^`]*``|`[^`\n]*`", re.DOTALL)
_INDENTATION = re.compile(r"\n[ \t]+")
_NO_BREAK = re.compile(r"[^\n]")
_LINE_COMMENT = re.compile(r"(?m)(?<!\S)#(?!!)[^\n]*")
_QUESTION_HEADING = re.compile(r"(?m)^#+ (?:What|Where|How|Who|Why)\b.*$")
_DIRECTIVE = re.compile(r"#\s*(type:|noqa|fmt:|pragma|ruff:|mypy:|pylint:)[^\n#]*")
DOCUMENTS = (".md", ".j2", ".html")
COMMENTED = (".yaml", ".yml", ".toml", ".sh", ".example", ".cfg", ".ini")
COMMENTED_NAMES = ("Makefile", ".gitignore", ".dockerignore", ".bentoignore")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of prose, without indentation. Code between backticks is blanked; line breaks are those of the file."""

    text: str
    source: Source
    line: int
    """The line of the file with which it begins, from 1."""


def without_code(text: str) -> str:
    """Return a text without indentation and with blanks in place of the code between backticks; line breaks stay."""
    return _CODE.sub(lambda match: _NO_BREAK.sub(" ", match.group()), _INDENTATION.sub("\n", text))


def python_passages(tree: ast.Module, text: str) -> Iterator[Passage]:
    """Yield the docstrings, messages and comments of a Python file.

    A message is a string with a blank in it. An f-string is one message with ``…`` in place of each value. A string below
    an assignment is the docstring of the assigned name, as documentation tools read it.

    Args:
        tree: the file's syntax tree.
        text: the file's content.
    """
    yield from _strings(tree)
    yield from _comments(text)


def _strings(tree: ast.AST) -> Iterator[Passage]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                yield Passage(without_code(node.value.value), "docstring", node.lineno)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and " " in node.value:
                yield Passage(without_code(node.value), "message", node.lineno)
        elif isinstance(node, ast.JoinedStr):
            pieces = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield Passage(without_code("".join(map(str, pieces))), "message", node.lineno)
        elif not isinstance(node, ast.Name | ast.Load | ast.Store):
            yield from _strings(node)


def _comments(text: str) -> Iterator[Passage]:
    """Yield comments; those on lines that follow each other are one passage."""
    begin, collected, last = 0, [""], -1
    line, position = 1, 0
    for match in _TOKEN.finditer(text):
        if match["comment"] is None:
            continue
        line += text.count("\n", position, match.start())
        position = match.start()
        if line != last + 1:
            if last > 0:
                yield Passage(without_code("\n".join(collected)), "comment", begin)
            begin, collected = line, []
        collected.append(_DIRECTIVE.sub("", match["comment"]).lstrip("# "))
        last = line
    if last > 0:
        yield Passage(without_code("\n".join(collected)), "comment", begin)


def document_passages(path: PurePath, text: str) -> Iterator[Passage]:
    """Yield the prose of a file that is not Python: a document as a whole, of a settings file or a script its comments.

    A heading that is a question without its mark ("What is measured") is not prose.
    """
    if path.suffix in DOCUMENTS:
        yield Passage(without_code(_QUESTION_HEADING.sub("", text)), "document", 1)
    elif path.suffix in COMMENTED or path.name in COMMENTED_NAMES:
        for match in _LINE_COMMENT.finditer(text):
            yield Passage(without_code(match.group().lstrip("# ")), "comment", text.count("\n", 0, match.start()) + 1)
