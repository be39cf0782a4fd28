"""The catalogue, one entry from fit to document, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from benchmarks.judge.__main__ import RESULTS, main
from benchmarks.judge.catalogue.entries import entries, select_names
from benchmarks.judge.catalogue.recipes import TARGETS, entry
from benchmarks.judge.catalogue.tables import NAMES, table
from benchmarks.judge.classes import class_names
from benchmarks.judge.run import judge_entry, line, run
from benchmarks.process import BenchmarkError

NEW_MIN = 160
"""The minimum number of pipelines in addition to the zoo's."""


def test_the_catalogue_is_large_and_builds() -> None:
    """The catalogue has enough entries in addition to the zoo, and each installed entry can be built."""
    new = [entry_ for entry_ in entries().values() if entry_.group != "zoo"]
    assert len(new) >= NEW_MIN
    assert {entry_.group for entry_ in new} == set(NAMES)
    for entry_ in new:
        if not entry_.missing_modules():
            assert hasattr(entry_.build(), "fit"), entry_.name


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_the_same_each_time(name: str) -> None:
    """The same seed gives the same values, and the targets are columns."""
    frame = table(name)
    pd.testing.assert_frame_equal(frame, table.__wrapped__(name))
    assert set(TARGETS[name]) <= set(frame.columns)


def test_names_are_selected_by_group_or_part() -> None:
    """A word selects a group or a part of names; a word without a match is an error that lists the groups."""
    assert set(select_names(["heart"])) == {name for name in entries() if "heart" in name.lower()}
    with pytest.raises(BenchmarkError, match="give a group"):
        select_names(["nothing like it"])


def test_an_entry_is_judged_from_fit_to_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes results, document and picture, and resumes from the results."""
    json, docs = tmp_path / "judge.json", tmp_path / "docs" / "judge.md"
    docs.parent.mkdir()
    options = ["--only", "insurance: numbers → DecisionTree", "--json", str(json), "--docs", str(docs)]
    assert main(options) == 0
    assert "1 pipelines: 1 equal" in capsys.readouterr().out
    (result,) = RESULTS.validate_json(json.read_bytes())
    assert result.judgement is not None
    assert result.classes == ("DecisionTreeRegressor",)
    text = docs.read_text(encoding="utf-8")
    assert "| insurance: numbers → DecisionTree | equal |" in text
    assert (docs.parent / "images" / "judge.png").stat().st_size > 1_000
    assert main([*options, "--resume"]) == 0
    assert "[1/1]" not in capsys.readouterr().err


def test_outcomes_without_a_graph_have_a_reason() -> None:
    """An entry that is refused, not installed or not fitted has an outcome with its reason."""
    refusal = judge_entry(
        entry("insurance", "angles", lambda: KNeighborsRegressor(metric="cosine"), columns=["age", "children"])
    )
    assert refusal.outcome == "refused"
    absent = judge_entry(entry("insurance", "absent", LinearRegression, needs=("no_such_module",)))
    assert absent.outcome == "skipped"
    unfit = judge_entry(entry("insurance", "texts", LinearRegression))
    assert unfit.outcome == "skipped"
    assert "cannot be fitted" in line(unfit)


def test_an_error_of_another_kind_is_a_raw_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not Tabento's own is a raw error, with its class and message."""

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("benchmarks.import_way.export_pipeline", fails)
    result = judge_entry(entry("insurance", "constant", DummyRegressor, columns=["age"]))
    assert result.outcome == "raw error"
    assert "ZeroDivisionError: by zero" in result.words


def test_known_results_are_not_judged_again() -> None:
    """A known result is returned unchanged."""
    name = "insurance: numbers → DecisionTree"
    (first,) = run([name], 1, lambda _: None)
    messages: list[str] = []
    assert run([name], 1, messages.append, known_results=[first]) == [first]
    assert not messages


def test_class_names_are_those_that_the_owner_wrote() -> None:
    """The names contain wrappers and their inner estimators, but not the trees of a forest."""
    pipeline = entries()["titanic: usual columns → soft voting"].build()
    names = class_names(pipeline)
    assert {"Pipeline", "VotingClassifier", "RandomForestClassifier", "OneHotEncoder", "SimpleImputer"} <= set(names)
    assert "DecisionTreeClassifier" not in names
    assert np.array_equal(names, sorted(names))


def test_wrong_arguments_end_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments end with exit code 2 and a message."""
    foreign = tmp_path / "other.json"
    foreign.write_text('{"machine": 1}')
    for options, words in (
        (["--jobs", "0"], "at least 1"),
        (["--resume"], "needs --json"),
        (["--only", "nothing like it"], "give a group"),
        (["--from-json", str(foreign)], "no results of the judge"),
    ):
        assert main(options) == 2
        assert words in capsys.readouterr().err
