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
from benchmarks.league.contestants import CONTESTANTS, ENVIRONMENTS, Converted, NotForItError
from benchmarks.league.result import Outcome
from tests.benchmarks.league.conftest import BINARY, NUMBER

Made = tuple[dict[str, Case], dict[str, Outcome], Path]
REQUIREMENTS = Path(worker.__file__).parent / "requirements"


def _honest(case: Case) -> Converted:
    def ask(frame: object) -> tuple[object, object]:
        given = case.pipeline.predict(frame)
        return given, case.pipeline.predict_proba(frame) if case.probabilities else None

    return Converted(lambda frame: frame, ask, whole=True)  # type: ignore[arg-type]


def _crashing(case: Case) -> Converted:
    if case.classes is None:
        os._exit(7)
    raise NotForItError("it takes numbers only")


def _raising(case: Case) -> Converted:
    def ask(frame: object) -> tuple[object, object]:
        raise KeyError("lost")

    return Converted(lambda frame: frame, ask, whole=False)  # type: ignore[arg-type]


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
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contestant: Callable[[Case], Converted],
    expected: dict[str, tuple[str, object]],
) -> None:
    """What converts is compared, what raises or crashes is told, and the other cases go on."""
    monkeypatch.setitem(CONTESTANTS, "skl2onnx", contestant)
    worker.main("skl2onnx", made[2], tmp_path / "out.jsonl", timed=False)
    found = {one["case"]: one for one in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert {name: (field, found[name][field]) for name, (field, _) in expected.items()} == expected


def test_both_are_timed(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timed outcome has the contestant's and Tabento's microseconds for one row and for a hundred."""
    monkeypatch.setitem(CONTESTANTS, "skl2onnx", _honest)
    monkeypatch.setattr(worker, "ROUNDS", 1)
    found = worker.run_case("skl2onnx", made[0][NUMBER], timed=True)
    for figure in (found.us_1, found.us_100, found.tabento_us_1, found.tabento_us_100):
        assert figure is not None
        assert np.isfinite(figure)


def test_every_contestant_has_an_environment() -> None:
    """Each contestant names a file of pinned requirements."""
    for name in CONTESTANTS:
        lines = (REQUIREMENTS / f"{ENVIRONMENTS[name]}.txt").read_text().splitlines()
        assert lines
        assert all("==" in line for line in lines)
