"""A contestant's run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.league import worker
from benchmarks.league.case import Case
from benchmarks.league.contestants import CONTESTANTS, ENVIRONMENTS, ConvertedPipeline, NotForItError
from benchmarks.league.result import Outcome
from tests.benchmarks.league.conftest import BINARY, NUMBER

MadeCases = tuple[dict[str, Case], dict[str, Outcome], Path]
REQUIREMENTS = Path(worker.__file__).parent / "requirements"


def _honest(case: Case) -> ConvertedPipeline:
    def answer(frame: object) -> tuple[object, object]:
        predicted = case.pipeline.predict(frame)
        return predicted, case.pipeline.predict_proba(frame) if case.probabilities else None

    return ConvertedPipeline(lambda frame: frame, answer, is_whole=True)  # type: ignore[arg-type]


def _crashing(case: Case) -> ConvertedPipeline:
    if case.classes is None:
        os._exit(7)
    raise NotForItError("it takes numbers only")


def _raising(case: Case) -> ConvertedPipeline:
    def answer(frame: object) -> tuple[object, object]:
        raise KeyError("lost")

    return ConvertedPipeline(lambda frame: frame, answer, is_whole=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("contestant", "expected"),
    [
        (_honest, {NUMBER: ("exact", True), BINARY: ("exact", True)}),
        (
            _crashing,
            {NUMBER: ("failed", "its process ended with code 7"), BINARY: ("refused", "it takes numbers only")},
        ),
        (_raising, {NUMBER: ("failed", "KeyError: 'lost'"), BINARY: ("failed", "KeyError: 'lost'")}),
    ],
)
def test_every_case_has_an_outcome(
    made_cases: MadeCases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contestant: Callable[[Case], ConvertedPipeline],
    expected: dict[str, tuple[str, object]],
) -> None:
    """A converted case is compared, an error or crash is recorded, and the other cases continue."""
    monkeypatch.setitem(CONTESTANTS, "skl2onnx", contestant)
    worker.main("skl2onnx", made_cases[2], tmp_path / "out.jsonl", timed=False)
    outcomes = {
        outcome["case"]: outcome for outcome in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    }
    assert {name: (field, outcomes[name][field]) for name, (field, _) in expected.items()} == expected


def test_both_are_timed(made_cases: MadeCases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timed outcome has the contestant's and Tabento's microseconds for one row and for a hundred."""
    monkeypatch.setitem(CONTESTANTS, "skl2onnx", _honest)
    monkeypatch.setattr(worker, "ROUNDS", 1)
    outcome = worker.run_case("skl2onnx", made_cases[0][NUMBER], timed=True)
    for figure in (outcome.us_1, outcome.us_100, outcome.tabento_us_1, outcome.tabento_us_100):
        assert figure is not None
        assert np.isfinite(figure)


def test_every_contestant_has_an_environment() -> None:
    """Each contestant names a file of pinned requirements."""
    for name in CONTESTANTS:
        lines = (REQUIREMENTS / f"{ENVIRONMENTS[name]}.txt").read_text().splitlines()
        assert lines
        assert all("==" in line for line in lines)
