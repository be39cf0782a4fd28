"""Two cases of the league with a short fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.league.case import Case, read
from benchmarks.league.cases import make_cases
from benchmarks.league.result import Outcome

BINARY, NUMBER = "StandardScaler → LogisticRegression [binary]", "DecisionTreeRegressor [regression]"


@pytest.fixture(scope="session")
def made_cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Case], dict[str, Outcome], Path]:
    """Return two cases, Tabento's outcomes, and the folder of the cases."""
    folder = tmp_path_factory.mktemp("cases")
    outcomes = make_cases([BINARY, NUMBER], folder, rows=400)
    cases = [read(path) for path in sorted(folder.glob("*.case"))]
    return {case.name: case for case in cases}, {outcome.case: outcome for outcome in outcomes}, folder
