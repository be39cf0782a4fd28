"""docs/export.md is correct: its code runs, and it names the classes that the export converts."""

from __future__ import annotations

import importlib.util
import re

import pytest

from benchmarks.process import ROOT
from tabento.export import registry
from tabento.export.registry import CLASSIFIERS, OTHER_LIBRARIES, REGRESSORS, TRANSFORMERS, register_library
from tabento.parity import BATCH_SIZES, LIMIT, MAX_ROWS

GUIDE = ROOT / "docs" / "export.md"
REFUSED_CLASSES = {"LocalOutlierFactor"}
"""Classes that are registered so that they are refused with a reason."""


def _register_everything() -> None:
    for library in OTHER_LIBRARIES:
        if importlib.util.find_spec(library) is not None:
            register_library(library)


def _names() -> set[str]:
    """Return the names of the classes that can be exported, without those of optional libraries."""
    kinds = {*TRANSFORMERS, *REGRESSORS, *CLASSIFIERS}
    names = {kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] in ("sklearn", "tabento")}
    return names - REFUSED_CLASSES


def test_code_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block of Python runs, in sequence in one namespace; no branch differs after the custom classes."""
    for table in ("TRANSFORMERS", "REGRESSORS", "CLASSIFIERS"):
        monkeypatch.setattr(registry, table, dict(getattr(registry, table)))
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    namespace: dict[str, object] = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), namespace)  # noqa: S102 - the code of the document under test
    first, function, method, last = (line.split() for line in capsys.readouterr().out.splitlines())
    assert int(first[0]) >= 500
    assert max(float(first[1]), float(function[1])) < 1e-12
    assert (method[1], last[1]) == ("0", "0")


def test_guide_names_every_class_that_converts() -> None:
    """The guide names every class with a converter, and no other class; a star names a family."""
    _register_everything()
    text = GUIDE.read_text(encoding="utf-8").partition("## What converts")[2].partition("## What is refused")[0]
    listed_names = re.findall(r"`(\w+)(\*?)", text)
    names = {name for name, star in listed_names if not star}
    stems = tuple(name for name, star in listed_names if star)
    assert not {name for name in _names() if name not in names and not name.startswith(stems)}
    registered = {kind.__name__ for kind in {*TRANSFORMERS, *REGRESSORS, *CLASSIFIERS}} - REFUSED_CLASSES
    assert not {name for name in names if name[0].isupper() and name not in registered}


def test_guide_states_the_limits_of_the_proof() -> None:
    """The guide's batch sizes, number of rows and limits equal the constants of the code."""
    text = " ".join(GUIDE.read_text(encoding="utf-8").split())
    sizes = [f"{size:,}" for size in BATCH_SIZES]
    assert f"batches of {', '.join(sizes[:-1])} and {sizes[-1]}" in text
    assert f"About {MAX_ROWS:,} rows" in text
    assert f"{LIMIT:g}".replace("e-09", "e-9") in text
