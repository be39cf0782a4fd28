"""The config as commented YAML."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from training.commands.init.decision import Decision
from training.commands.init.target import TargetDecision
from training.commands.init.writing import Draft, permuted_limit, render
from training.config import ModelConfig

TARGET = TargetDecision(
    "classification",
    {"name": "Churn", "classes": [{"value": "No", "label": "No"}, {"value": "Yes", "label": "Yes"}], "positive": "Yes"},
    "2 classes",
    (),
    0.2,
)
COLUMNS = (
    Decision("tenure", {"name": "tenure", "type": "integer", "minimum": 0.0, "maximum": 110.0}, "0 to 72"),
    Decision("id", None, "An identifier: it names rows."),
)
DRAFT = Draft("telco", "telco.csv", 7_043, 22, TARGET, COLUMNS, ("Look at this.",))


def test_what_is_written_reads_back() -> None:
    """Quotes keep Yes and No text, whole numbers have no point, and the config is valid."""
    text = render(DRAFT)
    data = yaml.safe_load(text)
    assert data["target"]["positive"] == "Yes"
    assert data["drop"] == {"id": "An identifier: it names rows."}
    assert "maximum: 110}" in text
    config = ModelConfig.model_validate(data)
    assert (config.name, config.task, config.duplicates) == ("telco", "classification", "keep")


def test_each_decision_has_a_comment() -> None:
    """Doubts stand at the top, what the data shows above each column, counts at the switches."""
    text = render(DRAFT)
    assert "# Not sure, please look:\n# - Look at this.\n" in text
    assert "  # 0 to 72.\n  - {name: tenure" in text
    assert "# 22 rows equal an earlier one" in text
    assert "'Yes' is 20.0% of the rows" in text


@pytest.mark.parametrize(
    "text",
    ["a: b", "# no comment", "- x", "line\nend", "tab\t", "\u2028", "é ü 漢字 🎉", "Yes", "08", "1e3", "null", "{a}", "'q'", "x" * 3_000, "\x85", "\ufeff", "a\x0bb"],
)  # fmt: skip
def test_odd_texts_survive(text: str) -> None:
    """Whatever a file holds: names, values and comments cannot break the YAML."""
    entry: dict[str, Any] = {
        "name": "c",
        "type": "category",
        "categories": [text],
        "nullable": True,
        "missing": ["", " "],
    }
    draft = replace(
        DRAFT,
        source=text,
        columns=(Decision("c", entry, text), Decision(text, None, text)),
        doubts=(text,),
    )
    data = yaml.safe_load(render(draft))
    assert data["features"] == [entry]
    assert data["drop"] == {text: text}


@pytest.mark.parametrize("text", ["-1e-05", "1e3", "08", "1:30", "0x1F", "1_000", "~", "+5", ".5"])
def test_text_that_looks_like_a_number_is_quoted(text: str) -> None:
    """Whatever a reader of YAML takes for a number: a label of text stays text."""
    assert f"{{name: c, type: category, categories: ['{text}']}}" in render(
        replace(DRAFT, columns=(Decision("c", {"name": "c", "type": "category", "categories": [text]}, ""),))
    )


def test_numbers_read_back_exactly() -> None:
    """Huge and tiny ends of ranges are numbers to YAML, too."""
    entry = {"name": "c", "type": "number", "minimum": -1e30, "maximum": 5e-7}
    data = yaml.safe_load(render(replace(DRAFT, columns=(Decision("c", entry, ""),))))
    assert data["features"] == [entry]


def test_regression_needs_less() -> None:
    """Numbers have no decision and no classes."""
    target = TargetDecision("regression", {"name": "price", "minimum": 0.0, "maximum": 9.5}, "numbers")
    text = render(replace(DRAFT, target=target, columns=COLUMNS[:1], doubts=(), duplicates=0))
    data = yaml.safe_load(text)
    assert data["target"] == {"name": "price", "minimum": 0, "maximum": 9.5}
    assert not {"decision", "drop"} & set(data)
    assert "Not sure" not in text
    assert "No row equals another" in text


@pytest.mark.parametrize(
    ("rows", "rarest_share", "limit"),
    [(7_000, 0.25, 0.1), (10**7, None, 0.1), (891, 0.4, 0.1), (100, 0.25, 0.3), (5_000, 0.01, 0.3), (60, 0.05, 0.45)],
)
def test_chance_has_room_with_few_rows_of_a_class(rows: int, rarest_share: float | None, limit: float) -> None:
    """The gate's probe on permuted targets must not fail by chance: four standard deviations."""
    assert permuted_limit(rows, rarest_share) == limit


def test_gate_judges_what_a_newcomer_can_keep() -> None:
    """Parts of the rows are shown, one row has 30% of the promise, and chance has room."""
    small_draft = replace(DRAFT, rows=100, target=replace(TARGET, rarest_share=0.25))
    config = ModelConfig.model_validate(yaml.safe_load(render(small_draft)))
    assert config.gate.slices is not None
    assert config.gate.slices.worse_max is None
    assert config.gate.single_row_p99_us_max == 3_000
    assert config.gate.leakage is not None
    assert (config.gate.leakage.permuted_target_max, config.gate.leakage.single_feature_max) == (0.3, 0.95)
    assert "permuted" not in render(DRAFT)
