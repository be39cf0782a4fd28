"""A column that is dropped otherwise becomes a feature for an evaluation."""

from __future__ import annotations

import pandas as pd
import pytest

from training.config import ConfigError, ModelConfig
from training.evaluation.variants import CATEGORIES_MAX, feature_of, with_columns


def test_dropped_column_becomes_a_feature(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The column stands behind the others, in the config and in the decisions, and is no longer dropped."""
    config, decisions = with_columns(orchard, orchard.decisions(), ("hint",), trees)
    assert [feature.name for feature in config.features] == [*(f.name for f in orchard.features), "hint"]
    assert decisions.columns == (*orchard.decisions().columns, "hint")
    assert not config.drop
    assert orchard.drop, "the config itself stays as it is"


def test_column_that_is_not_dropped_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The error names the key, the column and what there is."""
    with pytest.raises(ConfigError, match=r"evaluation.also_with: .*'age'.*\['hint'\]"):
        with_columns(orchard, orchard.decisions(), ("age",), trees)


def test_column_that_the_data_lacks_is_refused(orchard: ModelConfig, trees: pd.DataFrame) -> None:
    """The error says which column is not there."""
    with pytest.raises(ConfigError, match="the data has no column 'hint'"):
        with_columns(orchard, orchard.decisions(), ("hint",), trees.drop(columns="hint"))


def test_type_follows_from_the_cells() -> None:
    """Numbers, truth values and texts become features of their type, nullable where a cell is missing."""
    number = feature_of("a", pd.Series([1, 2.5, None]))
    boolean = feature_of("b", pd.Series([True, False]))
    text = feature_of("c", pd.Series(["y", "x", None, "y"], dtype=object))
    assert (number.type, number.nullable) == ("number", True)
    assert (boolean.type, boolean.nullable) == ("boolean", False)
    assert (text.type, text.categories, text.nullable) == ("category", ("x", "y"), True)


def test_identifier_is_refused() -> None:
    """A text for nearly every row would be learned by heart."""
    names = pd.Series([f"name {number}" for number in range(CATEGORIES_MAX + 1)], dtype=object)
    with pytest.raises(ConfigError, match="looks like an identifier"):
        feature_of("Surname", names)
