"""A column that is dropped otherwise becomes a feature for an evaluation."""

from __future__ import annotations

import pandas as pd
import pytest

from training.config import ConfigError, ModelConfig
from training.studies.evaluation.variants import CATEGORIES_MAX, add_columns, infer_feature


def test_dropped_column_becomes_a_feature(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The column is last in the config and in the decisions, and is no longer dropped."""
    config, decisions = add_columns(orchard, orchard.decisions(), ("hint",), trees)
    assert [feature.name for feature in config.features] == [*(f.name for f in orchard.features), "hint"]
    assert decisions.columns == (*orchard.decisions().columns, "hint")
    assert not config.drop
    assert orchard.drop, "the config itself stays as it is"


def test_column_that_is_not_dropped_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The error names the key, the column and the columns that exist."""
    with pytest.raises(ConfigError, match=r"evaluation.also_with: .*'age'.*\['hint'\]"):
        add_columns(orchard, orchard.decisions(), ("age",), trees)


def test_column_that_the_data_lacks_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The error names the missing column."""
    with pytest.raises(ConfigError, match="the data has no column 'hint'"):
        add_columns(orchard, orchard.decisions(), ("hint",), trees.drop(columns="hint"))


def test_type_follows_from_the_cells() -> None:
    """Numbers, truth values and texts become features of their type, nullable if a cell is missing."""
    number = infer_feature("a", pd.Series([1, 2.5, None]))
    boolean = infer_feature("b", pd.Series([True, False]))
    text = infer_feature("c", pd.Series(["y", "x", None, "y"], dtype=object))
    assert (number.type, number.nullable) == ("number", True)
    assert (boolean.type, boolean.nullable) == ("boolean", False)
    assert (text.type, text.categories, text.nullable) == ("category", ("x", "y"), True)


def test_identifier_is_refused() -> None:
    """A column with a different text in nearly every row is refused."""
    names = pd.Series([f"name {number}" for number in range(CATEGORIES_MAX + 1)], dtype=object)
    with pytest.raises(ConfigError, match="looks like an identifier"):
        infer_feature("Surname", names)
