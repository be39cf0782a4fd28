"""The fifty most used steps: named once, each in the catalogue."""

from __future__ import annotations

import importlib.util

from benchmarks.judge.catalogue.entries import entries
from benchmarks.judge.classes import class_names
from benchmarks.judge.common_steps import FIFTY, proven_line, tally
from benchmarks.judge.judgement import Result


def _result(outcome: str, *classes: str) -> Result:
    return Result.model_validate({"name": "a", "group": "b", "outcome": outcome, "classes": classes})


def test_there_are_fifty_most_used_first() -> None:
    """Each is named once."""
    assert len({step.name for step in FIFTY}) == len(FIFTY) == 50
    counts = [step.files for step in FIFTY]
    assert counts == sorted(counts, reverse=True)


def test_a_step_is_proven_if_a_pipeline_with_it_is() -> None:
    """Equal and knife edge count; refusals do not."""
    results = [_result("equal", "PCA", "Ridge"), _result("refused", "PCA", "SVC"), _result("knife edge", "SVR")]
    counted = {step.name: (proven, held) for step, proven, held in tally(results)}
    assert (counted["PCA"], counted["SVC"], counted["SVR"]) == ((1, 2), (0, 1), (1, 1))
    assert proven_line(results).startswith("proven: 3 of 50")


def test_each_of_the_fifty_is_in_the_catalogue() -> None:
    """As far as its library is installed, some entry holds it."""
    held: set[str] = set()
    for entry in entries().values():
        if entry.group != "zoo" and not entry.missing_modules():
            held |= set(class_names(entry.build()))
    absent = {"imblearn.Pipeline": "imblearn", "CatBoostClassifier": "catboost"}
    wanted = {step.name for step in FIFTY if importlib.util.find_spec(absent.get(step.name, "sklearn")) is not None}
    assert not wanted - held
