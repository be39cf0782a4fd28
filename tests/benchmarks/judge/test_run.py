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
from benchmarks.judge.catalogue.entries import chosen, entries
from benchmarks.judge.catalogue.recipes import TARGETS, entry
from benchmarks.judge.catalogue.tables import NAMES, table
from benchmarks.judge.classes import class_names
from benchmarks.judge.run import judge_entry, line, run
from benchmarks.process import BenchmarkError

NEW_MIN = 160
"""How many pipelines besides the zoo's the catalogue has at least."""


def test_the_catalogue_is_large_and_builds() -> None:
    """Besides the zoo there are more than enough entries, and each of them that is installed can be built."""
    new = [one for one in entries().values() if one.group != "zoo"]
    assert len(new) >= NEW_MIN
    assert {one.group for one in new} == set(NAMES)
    for one in new:
        if not one.missing_modules():
            assert hasattr(one.build(), "fit"), one.name


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_the_same_each_time(name: str) -> None:
    """The same seed gives the same values, and the target is a column."""
    made = table(name)
    pd.testing.assert_frame_equal(made, table.__wrapped__(name))
    assert set(TARGETS[name]) <= set(made.columns)


def test_chosen_takes_groups_and_parts_of_names() -> None:
    """A word that fits nothing is an error that lists the groups."""
    assert set(chosen(["heart"])) == {name for name in entries() if "heart" in name.lower()}
    with pytest.raises(BenchmarkError, match="give a group"):
        chosen(["nothing like it"])


def test_an_entry_is_judged_from_fit_to_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes figures, document and picture, and resumes from the figures."""
    json, docs = tmp_path / "judge.json", tmp_path / "docs" / "judge.md"
    docs.parent.mkdir()
    given = ["--only", "insurance: numbers → DecisionTree", "--json", str(json), "--docs", str(docs)]
    assert main(given) == 0
    assert "1 pipelines: 1 equal" in capsys.readouterr().out
    (result,) = RESULTS.validate_json(json.read_bytes())
    assert result.judgement is not None
    assert result.classes == ("DecisionTreeRegressor",)
    text = docs.read_text(encoding="utf-8")
    assert "| insurance: numbers → DecisionTree | equal |" in text
    assert (docs.parent / "images" / "judge.png").stat().st_size > 1_000
    assert main([*given, "--resume"]) == 0
    assert "[1/1]" not in capsys.readouterr().err


def test_outcomes_without_a_graph_are_told() -> None:
    """A refusal names its step, what is not installed is skipped, and what cannot be fitted is told."""
    refused = judge_entry(
        entry("insurance", "angles", lambda: KNeighborsRegressor(metric="cosine"), columns=["age", "children"])
    )
    assert refused.outcome == "refused"
    absent = judge_entry(entry("insurance", "absent", LinearRegression, needs=("no_such_module",)))
    assert absent.outcome == "skipped"
    unfit = judge_entry(entry("insurance", "texts", LinearRegression))
    assert unfit.outcome == "skipped"
    assert "cannot be fitted" in line(unfit)


def test_an_error_without_words_is_a_raw_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told with its place."""

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("benchmarks.import_way.export_pipeline", fails)
    found = judge_entry(entry("insurance", "constant", DummyRegressor, columns=["age"]))
    assert found.outcome == "raw error"
    assert "ZeroDivisionError: by zero" in found.words


def test_known_results_are_not_judged_again() -> None:
    """They come back as they are."""
    name = "insurance: numbers → DecisionTree"
    (first,) = run([name], 1, lambda _: None)
    told: list[str] = []
    assert run([name], 1, told.append, known=[first]) == [first]
    assert not told


def test_class_names_are_those_that_the_owner_wrote() -> None:
    """A forest is a forest, not its trees; wrappers and what they hold are named."""
    one = entries()["titanic: usual columns → soft voting"].build()
    names = class_names(one)
    assert {"Pipeline", "VotingClassifier", "RandomForestClassifier", "OneHotEncoder", "SimpleImputer"} <= set(names)
    assert "DecisionTreeClassifier" not in names
    assert np.array_equal(names, sorted(names))


def test_a_command_that_cannot_run_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 2, and nothing is judged."""
    foreign = tmp_path / "other.json"
    foreign.write_text('{"machine": 1}')
    for given, words in (
        (["--jobs", "0"], "at least 1"),
        (["--resume"], "goes with --json"),
        (["--only", "nothing like it"], "give a group"),
        (["--from-json", str(foreign)], "no results of the judge"),
    ):
        assert main(given) == 2
        assert words in capsys.readouterr().err
