"""A case of the league that is quick to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.league.case import Case, read
from benchmarks.league.cases import make_cases
from benchmarks.league.result import Outcome

BINARY, NUMBER = "StandardScaler → LogisticRegression [binary]", "DecisionTreeRegressor [regression]"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Case], dict[str, Outcome], Path]:
    """Two cases, what Tabento does with them, and their folder."""
    folder = tmp_path_factory.mktemp("cases")
    outcomes = make_cases([BINARY, NUMBER], folder, rows=400)
    cases = [read(path) for path in sorted(folder.glob("*.case"))]
    return {case.name: case for case in cases}, {one.case: one for one in outcomes}, folder
