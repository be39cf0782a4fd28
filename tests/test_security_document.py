"""SECURITY.md names tests for its claims: each of them exists, and each risk of the OWASP list has its line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
LEAST_TESTS = 40
"""The smallest number of tests that the document names, so that the check reads what it should."""


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_every_named_test_exists() -> None:
    """A renamed or deleted test must not leave a claim without a proof."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCUMENT)
    assert len(set(named)) >= LEAST_TESTS
    missing = [
        f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in _functions(ROOT / path)
    ]
    assert missing == []
    assert DOCUMENT.count("`tests/") == len(named) + 1  # and this file


def test_every_risk_of_the_list_is_answered() -> None:
    """The ten risks of 2023, one line each, with a defence."""
    lines = re.findall(r"^\| \*\*(API\d+)\*\* [A-Z][^|]+\| ([^|]+) \|", DOCUMENT, re.MULTILINE)
    assert [name for name, _ in lines] == [f"API{number}" for number in range(1, 11)]
    assert all(len(defence) > 40 for _, defence in lines)


def test_links_lead_somewhere() -> None:
    """Each relative link points to a file that exists."""
    links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", DOCUMENT)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
