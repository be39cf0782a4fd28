"""The judge is independent: it shares no code with the proof."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.process import ROOT

FORBIDDEN = ("tabento.parity", "benchmarks.zoo.compare")
JUDGING = ("repeated_answers", "answers", "judge", "judgement", "margins", "rows", "search", "space")
"""The modules that generate rows and decide. The others provide pipelines and report results."""


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_no_module_of_the_judge_imports_the_proof() -> None:
    """No file under benchmarks/judge imports the proof's package or the zoo's comparison."""
    files = sorted((ROOT / "benchmarks" / "judge").rglob("*.py"))
    assert len(files) > 10
    forbidden_imports = [
        f"{path.name} imports {name}"
        for path in files
        for name in _imported_names(ast.parse(path.read_text(encoding="utf-8")))
        if any(f"{name}.".startswith(f"{module}.") for module in FORBIDDEN)
    ]
    assert not forbidden_imports


def test_judging_loads_no_code_of_the_proof() -> None:
    """After the import of the judging modules, no module of the proof is loaded, not even indirectly."""
    imports = "; ".join(f"import benchmarks.judge.{name}" for name in JUDGING)
    code = f"import sys; {imports}; print([name for name in sys.modules if name.startswith({FORBIDDEN!r})])"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
