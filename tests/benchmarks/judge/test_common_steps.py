"""The fifty most used steps: each name is unique and in the catalogue."""

from __future__ import annotations

import importlib.util

from benchmarks.judge.catalogue.entries import entries
from benchmarks.judge.classes import class_names
from benchmarks.judge.common_steps import FIFTY, proven_line, tally
from benchmarks.judge.judgement import Result


def _result(outcome: str, *classes: str) -> Result:
    return Result.model_validate({"name": "a", "group": "b", "outcome": outcome, "classes": classes})


def test_there_are_fifty_most_used_first() -> None:
    """The list has fifty different names, sorted by the number of files."""
    assert len({step.name for step in FIFTY}) == len(FIFTY) == 50
    counts = [step.files for step in FIFTY]
    assert counts == sorted(counts, reverse=True)


def test_a_step_is_proven_if_a_pipeline_with_it_is() -> None:
    """The outcomes equal and knife edge are proven; a refusal is not."""
    results = [_result("equal", "PCA", "Ridge"), _result("refused", "PCA", "SVC"), _result("knife edge", "SVR")]
    counted = {step.name: (proven, total) for step, proven, total in tally(results)}
    assert (counted["PCA"], counted["SVC"], counted["SVR"]) == ((1, 2), (0, 1), (1, 1))
    assert proven_line(results).startswith("proven: 3 of 50")


def test_each_of_the_fifty_is_in_the_catalogue() -> None:
    """Each of the fifty is in an entry of the catalogue, if its library is installed."""
    names: set[str] = set()
    for entry in entries().values():
        if entry.group != "zoo" and not entry.missing_modules():
            names |= set(class_names(entry.build()))
    absent = {"imblearn.Pipeline": "imblearn", "CatBoostClassifier": "catboost"}
    expected = {step.name for step in FIFTY if importlib.util.find_spec(absent.get(step.name, "sklearn")) is not None}
    assert not expected - names
