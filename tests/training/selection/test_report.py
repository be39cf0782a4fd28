"""The comparison's table, text and figures say all that was found and nothing else."""

from __future__ import annotations

from tests.training.orchards import orchard_config
from tests.training.seedlings import seedling_config
from tests.training.selection.made_up import made_up
from training.selection.choice import Choice, choose
from training.selection.compare import Compared
from training.selection.report import as_json, conclusion, figure, limits, markdown, ordered, rows

BASELINE = made_up("dummy", [20, 20], train=20, status="baseline", reason="the baseline")
BEST = made_up("forest", [3, 5], train=1.0, mib=9)
FRUGAL = made_up("line", [4.5, 4.5], train=4.4, mib=0.1)
SLOW = made_up("slow", [1, 1], status="over budget", reason="one row takes 900 µs, allowed 300", us=900)
REFUSED = made_up("odd", [2, 2], status="not exportable", reason="step 'model': no tree|like it")
LATE = Compared(made_up("late", [1]).candidate, "not begun", "the minutes were over")
ALL = [BASELINE, BEST, FRUGAL, SLOW, REFUSED, LATE]


def _choice() -> Choice:
    return choose(ALL, "rmse")


def test_best_stand_first() -> None:
    """Whoever has figures is ordered by them, the others follow."""
    assert [item.name for item in ordered(ALL, "rmse")] == ["slow", "odd", "forest", "line", "dummy", "late"]


def test_table_shows_training_beside_validation() -> None:
    """Both means stand side by side with spread, cost and verdict."""
    table = {row[0].split()[0]: row for row in rows(ALL, _choice(), "rmse")}
    assert table["forest"][1:4] == ("1", "4", "1.4142")
    assert table["forest"][-1] == "chosen"
    assert table["line"][-1] == "simplest within 1 se"
    assert table["slow"][-1] == "over budget"
    assert table["late"][1:-1] == ("–",) * 8


def test_overfitting_is_said_in_words() -> None:
    """A gap of a fifth of the gain is a figure, one of a half is called by its name."""
    gapped = made_up("memory", [10, 10], train=0.0)
    table = {row[0].split()[0]: row for row in rows([BASELINE, BEST, gapped], choose([BEST], "rmse"), "rmse")}
    assert table["forest"][4] == "19%"
    assert table["memory"][4] == "100% overfits"


def test_conclusion_says_why_not_the_simplest() -> None:
    """The more frugal rule's candidate is named with the reason why it is not taken."""
    text = conclusion(_choice(), "rmse")
    assert "Chosen: forest" in text
    assert "line" in text
    assert "not chosen" in text
    assert "smallest graph within one standard error as well" in conclusion(choose([BEST], "rmse"), "rmse")


def test_markdown_explains_whoever_cannot_be_chosen() -> None:
    """Refused, slow and late candidates stand below the table with their reasons; a bar does not break the table."""
    text = markdown(orchard_config(), ALL, _choice(), "rmse", 400)
    assert "- odd: not exportable; step 'model': no tree|like it" in text
    assert "- slow: over budget; one row takes 900 µs, allowed 300" in text
    assert "- late: not begun; the minutes were over" in text
    assert "400 training rows" in text
    assert "decision threshold" not in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == len(ALL) + 2
    assert len({line.count(" |") for line in lines}) == 1


def test_markdown_says_that_the_threshold_comes_later() -> None:
    """Where a threshold will be chosen, the table says that it was left out."""
    best = made_up("forest", [0.7, 0.8], metric="roc_auc")
    text = markdown(seedling_config(), [best], choose([best], "roc_auc"), "roc_auc", 400)
    assert "decision threshold is chosen after the fit" in text


def test_json_has_every_fold() -> None:
    """All figures of all folds are kept, and which candidates were compared."""
    found = as_json(orchard_config(), ALL, _choice(), "rmse")
    assert found["chosen"] == "forest"
    assert found["simplest_within_one_standard_error"] == "line"
    assert found["compared"] == ["dummy", "forest", "line", "slow", "odd"]
    assert found["not_begun"] == ["late"]
    entries = {entry["name"]: entry for entry in found["candidates"]}
    assert entries["forest"]["folds"]["valid"] == [{"rmse": 3}, {"rmse": 5}]
    assert entries["forest"]["scores"]["mean"] == 4
    assert "cost" not in entries["odd"]
    assert "folds" not in entries["late"]


def test_limits_are_said() -> None:
    """The budget stands above the table."""
    assert limits(orchard_config()) == "one row ≤ 300 µs, graph ≤ 64 MiB"
    none = {"single_row_us_max": None, "batch_us_max": None, "model_mib_max": None}
    assert limits(orchard_config(selection=none)) == "no limit"


def test_figures_are_short() -> None:
    """Five significant digits are enough for both a price and a probability."""
    assert figure(39750.26) == "39,750"
    assert figure(0.870312) == "0.87031"
