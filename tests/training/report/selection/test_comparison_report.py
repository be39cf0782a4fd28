"""The comparison's table, text and figures say all that was found and nothing else."""

from __future__ import annotations

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from tests.training.studies.selection.synthetic_candidates import make_candidate
from training.report.selection.comparison_report import (
    budget_text,
    comparison_content,
    conclusion_text,
    render_comparison,
    table_rows,
)
from training.studies.selection.choice import Choice, choose
from training.studies.selection.comparison import ComparedCandidate, sort_by_score

BASELINE = make_candidate("dummy", [20, 20], train=20, status="baseline", reason="the baseline")
BEST = make_candidate("forest", [3, 5], train=1.0, mib=9)
FRUGAL = make_candidate("line", [4.5, 4.5], train=4.4, mib=0.1)
SLOW = make_candidate("slow", [1, 1], status="over budget", reason="one row takes 900 µs, allowed 300", us=900)
NOT_EXPORTABLE = make_candidate("odd", [2, 2], status="not exportable", reason="step 'model': no tree|like it")
LATE = ComparedCandidate(make_candidate("late", [1]).candidate, "not begun", "the minutes were over")
ALL = [BASELINE, BEST, FRUGAL, SLOW, NOT_EXPORTABLE, LATE]


def _choice() -> Choice:
    return choose(ALL, "rmse")


def test_best_candidates_are_first() -> None:
    """Candidates with scores are sorted by them, the other candidates follow."""
    assert [item.name for item in sort_by_score(ALL, "rmse")] == ["slow", "odd", "forest", "line", "dummy", "late"]


def test_table_shows_training_and_validation_scores() -> None:
    """A row has both means with spread, cost and status."""
    table = {row[0].split()[0]: row for row in table_rows(ALL, _choice(), "rmse")}
    assert table["forest"][1:4] == ("1", "4", "1.4142")
    assert table["forest"][-1] == "chosen"
    assert table["line"][-1] == "simplest within 1 se"
    assert table["slow"][-1] == "over budget"
    assert table["late"][1:-1] == ("–",) * 8


def test_overfitting_is_named_in_the_table() -> None:
    """A gap of a fifth of the gain is only a number, a larger gap is called overfitting."""
    gapped = make_candidate("memory", [10, 10], train=0.0)
    table = {row[0].split()[0]: row for row in table_rows([BASELINE, BEST, gapped], choose([BEST], "rmse"), "rmse")}
    assert table["forest"][4] == "19%"
    assert table["memory"][4] == "100% overfits"


def test_conclusion_has_the_reason_against_the_simplest() -> None:
    """The candidate of the one-standard-error rule is named with the reason why it is not chosen."""
    text = conclusion_text(_choice(), "rmse")
    assert "Chosen: forest" in text
    assert "line" in text
    assert "not chosen" in text
    assert "It is also the smallest graph within one standard error." in conclusion_text(choose([BEST], "rmse"), "rmse")


def test_markdown_explains_candidates_that_cannot_win() -> None:
    """Candidates that cannot win are listed with their reasons; a bar does not break the table."""
    text = render_comparison(orchard_config(), ALL, _choice(), "rmse", 400)
    assert "- odd: not exportable; step 'model': no tree|like it" in text
    assert "- slow: over budget; one row takes 900 µs, allowed 300" in text
    assert "- late: not begun; the minutes were over" in text
    assert "400 training rows" in text
    assert "decision threshold" not in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == len(ALL) + 2
    assert len({line.count(" |") for line in lines}) == 1


def test_markdown_states_that_the_threshold_is_chosen_later() -> None:
    """If a threshold will be chosen, the table states that it is omitted."""
    best = make_candidate("forest", [0.7, 0.8], metric="roc_auc")
    text = render_comparison(seedling_config(), [best], choose([best], "roc_auc"), "roc_auc", 400)
    assert "decision threshold is chosen after the fit" in text


def test_json_has_every_fold() -> None:
    """The JSON file has all metrics of all folds and the names of the compared candidates."""
    content = comparison_content(orchard_config(), ALL, _choice(), "rmse")
    assert content["chosen"] == "forest"
    assert content["simplest_within_one_standard_error"] == "line"
    assert content["compared"] == ["dummy", "forest", "line", "slow", "odd"]
    assert content["not_begun"] == ["late"]
    entries = {entry["name"]: entry for entry in content["candidates"]}
    assert entries["forest"]["folds"]["valid"] == [{"rmse": 3}, {"rmse": 5}]
    assert entries["forest"]["scores"]["mean"] == 4
    assert "cost" not in entries["odd"]
    assert "folds" not in entries["late"]


def test_limits_are_listed() -> None:
    """The budget is a text of all limits."""
    assert budget_text(orchard_config()) == "one row ≤ 300 µs, graph ≤ 64 MiB"
    none = {"single_row_us_max": None, "batch_us_max": None, "model_mib_max": None}
    assert budget_text(orchard_config(selection=none)) == "no limit"
