"""The check: refused names among the definitions of Python files, refused phrases in all prose."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath

from tools.plain_english.files import quotes_phrases
from tools.plain_english.identifiers import Identifier, identifiers, module_identifier
from tools.plain_english.names import NAMES
from tools.plain_english.phrases import PHRASES
from tools.plain_english.prose import Passage, document_passages, python_passages


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A refused name or phrase at a place in a file."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        """Return the line that the lint prints."""
        return f"{self.file}:{self.line}: {self.message}"


def check_file(file: Path, root: Path) -> list[Finding]:
    """Return the findings in one file, in the order of its lines.

    Args:
        file: relative to the root.
        root: the checkout.

    Raises:
        SyntaxError: a Python file cannot be parsed.
        UnicodeDecodeError: the file is not UTF-8.
    """
    text = (root / file).read_text(encoding="utf-8")
    return sorted(set(check_text(file, text)))


def check_text(file: Path, text: str) -> Iterator[Finding]:
    """Yield the findings in the content of a file; the file's name decides how it is read."""
    if file.suffix == ".py":
        tree = ast.parse(text, str(file))
        for line, message in refused_names(chain([module_identifier(file)], identifiers(tree))):
            yield Finding(file, line, message)
        passages = python_passages(tree, text)
    else:
        passages = document_passages(PurePath(file), text)
    if not quotes_phrases(file):
        for line, message in refused_phrases(passages):
            yield Finding(file, line, message)


def refused_names(defined: Iterable[Identifier]) -> Iterator[tuple[int, str]]:
    """Yield the line and the message of each definition that has a refused name."""
    for identifier in defined:
        rule = NAMES.get(identifier.key)
        if rule is not None and identifier.kind in rule.kinds:
            yield identifier.line, f"{identifier.kind} {identifier.name!r} is not a name; use {rule.advice}"


def refused_phrases(passages: Iterable[Passage]) -> Iterator[tuple[int, str]]:
    """Yield the line and the message of each refused phrase."""
    for passage in passages:
        for rule in PHRASES:
            for match in rule.pattern.finditer(passage.text):
                line = passage.line + passage.text.count("\n", 0, match.start())
                words = " ".join(match.group().split())
                yield line, f'{passage.source} says "{words}"; write {rule.advice}'
