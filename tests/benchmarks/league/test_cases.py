"""Cases of the league."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.league.case import Case
from benchmarks.league.result import Outcome
from tests.benchmarks.league.conftest import BINARY, NUMBER


def test_a_case_holds_rows_and_answers(made_cases: tuple[dict[str, Case], dict[str, Outcome], Path]) -> None:
    """Plain rows are first, and the expected answers equal the answers of the stored pipeline."""
    cases, outcomes, _ = made_cases
    case = cases[NUMBER]
    assert 0 < case.plain < len(case.frame)
    assert case.classes is None
    np.testing.assert_array_equal(case.pipeline.predict(case.frame), case.expected[:, 0])
    assert cases[BINARY].classes == (False, True)
    assert cases[BINARY].expected.shape[1] == 3
    assert case.graph is not None
    assert outcomes[NUMBER].exact
    assert outcomes[BINARY].exact
