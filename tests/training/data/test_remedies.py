"""Lines to paste into the config, for data that is right if the config is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabento.tables.faults import DataError
from training.config import ModelConfig, load_config
from training.data.validation import validate

ROWS = 60


def remedies(column: dict[str, Any], cells: list[Any], **changes: Any) -> list[str]:
    """Return the remedies for a table with one column of some cells, repeated to enough rows."""
    config = ModelConfig.model_validate(
        {"name": "one", "target": {"name": "y", "unit": "kg"}, "features": [{"name": "x", **column}], **changes}
    )
    repeated = (cells * ROWS)[: max(ROWS, len(cells))]
    frame = pd.DataFrame({"x": pd.Series(repeated, dtype=object), "y": range(len(repeated))})
    with pytest.raises(DataError) as error:
        validate(frame, config)
    message = str(error.value)
    _, _, pasted = message.partition("write into the config:\n")
    return [line.strip() for line in pasted.splitlines()[:-1]]


@pytest.mark.parametrize(
    ("column", "cells", "line"),
    [
        ({"type": "number"}, ["1", "N/A", " "], "- {name: x, type: number, nullable: true, missing: [N/A, ' ']}"),
        ({"type": "integer"}, [1, 2.5], "- {name: x, type: number}"),
        ({"type": "number", "minimum": 0}, [-2.5, 1], "- {name: x, type: number, minimum: -2.5}"),
        ({"type": "number", "exclusive_minimum": 0}, [0, 1], "- {name: x, type: number, minimum: 0}"),
        ({"type": "number"}, ["a", "b"], "- {name: x, type: category, categories: [a, b]}"),
        ({"type": "boolean"}, ["yes", "maybe"], "- {name: x, type: category, categories: [maybe, 'yes']}"),
        ({"type": "boolean"}, ["yes", "?"], "- {name: x, type: boolean, nullable: true, missing: ['?']}"),
        ({"type": "boolean"}, [0, 2], "- {name: x, type: integer}"),
        (
            {"type": "category", "categories": ["a"]},
            ["a", None],
            "- {name: x, type: category, categories: [a], nullable: true}",
        ),
        (
            {"type": "category", "categories": ["a"]},
            [f"c{row}" for row in range(ROWS)],
            "- {name: x, type: category, categories: from_data, unknown: ignore}",
        ),
        (
            {"type": "category", "categories": ["08"]},
            ["08", "1e3", "No"],
            "- {name: x, type: category, categories: [08, 1e3, 'No']}",
        ),
    ],
)
def test_remedy_is_a_feature_that_accepts_the_cells(
    column: dict[str, Any], cells: list[Any], line: str, tmp_path: Path
) -> None:
    """The remedy is a whole line of a feature that accepts the cells."""
    assert remedies(column, cells) == [line]
    path = tmp_path / "one.yaml"
    path.write_text(f"name: one\ntarget: {{name: y, unit: kg}}\nfeatures:\n  {line}\n", encoding="utf-8")
    repeated = (cells * ROWS)[: max(ROWS, len(cells))]
    frame = pd.DataFrame({"x": pd.Series(repeated, dtype=object), "y": range(len(repeated))})
    assert len(validate(frame, load_config(path))) == len(frame)


def test_decimal_commas_do_not_become_categories() -> None:
    """The remedy is a remark, because no key of the config reads decimal commas."""
    (line,) = remedies({"type": "number"}, ["1,5", "2,75", "1.000,5"])
    assert "have a decimal comma, as in '1,5'" in line


def test_range_of_the_target_and_repeated_rows() -> None:
    """Both have a key at the top level of the config."""
    target = {"name": "y", "minimum": 5, "maximum": 40}
    assert remedies({"type": "number"}, [1, 2], target=target) == ["minimum: 0", "maximum: 59"]
    (line,) = remedies({"type": "number"}, [None, 1, 1], duplicates="refuse")
    assert line.startswith("- {name: x, type: number, nullable: true}")
