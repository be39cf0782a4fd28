"""Identifiers are found at each place where Python binds a name."""

from __future__ import annotations

import ast
from pathlib import PurePath

import pytest

from tools.plain_english.identifiers import Identifier, identifiers, module_identifier, normalized

SOURCE = """
import numpy as array_library
class Batch:
    size: int
    limit = 3
    def add(self, row, *rows, flag=False, **options):
        self.total = row
async def run(first, /, second):
    for index, (left, right) in enumerate([]):
        pass
    with open("f") as file:
        pass
    try:
        pass
    except ValueError as error:
        pass
    if (match := second):
        key = lambda value: value
    match second:
        case {"a": number, **remainder}:
            pass
        case [head, *tail]:
            pass
    return [cell for cell in first]
"""


def test_every_binding_is_an_identifier() -> None:
    """Imports, classes, functions, parameters and each kind of assignment yield their names with their kinds."""
    kinds = {identifier.name: identifier.kind for identifier in identifiers(ast.parse(SOURCE))}
    assert kinds == {
        "array_library": "variable",
        "Batch": "class",
        "size": "attribute",
        "limit": "attribute",
        "add": "method",
        "row": "parameter",
        "rows": "parameter",
        "flag": "parameter",
        "options": "parameter",
        "total": "attribute",
        "run": "function",
        "first": "parameter",
        "second": "parameter",
        **dict.fromkeys(["index", "left", "right", "file", "error", "match", "key", "number"], "variable"),
        **dict.fromkeys(["remainder", "head", "tail", "cell"], "variable"),
        "value": "parameter",
    }


def test_a_name_that_is_only_read_is_not_a_definition() -> None:
    """Calls, reads and keyword arguments define no name."""
    assert list(identifiers(ast.parse("print(given, found.told, asked=said)"))) == []


def test_an_identifier_knows_its_line() -> None:
    """A parameter on the third line has line 3."""
    assert Identifier("given", "parameter", 3) in list(identifiers(ast.parse("def run(\n    row,\n    given,\n): ...")))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("_given", "given"),
        ("PART_WAYS", "part_ways"),
        ("_PartWays", "part_ways"),
        ("Tried", "tried"),
        ("READ_X", "read_x"),
    ],
)
def test_a_key_has_lower_case_and_no_outer_underscore(name: str, key: str) -> None:
    """The tables list one spelling of a name for constants, classes, private and public names."""
    assert normalized(name) == key


def test_a_package_is_named_by_its_folder() -> None:
    """The module of ``__init__.py`` has the name of the folder, any other file that of the file."""
    assert module_identifier(PurePath("tabento/parity/__init__.py")).name == "parity"
    assert module_identifier(PurePath("tabento/parity/tried.py")).name == "tried"
