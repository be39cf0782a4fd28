"""Parts of a config that are taken from the data: classes of all rows, categories of the training part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabento.tables.faults import DataError
from training.config import ConfigError, ModelConfig
from training.data.classes import positive_of
from training.data.resolve import with_categories, with_classes
from training.data.split import split
from training.data.validation import validate

ROWS = 200


def config(**changes: Any) -> ModelConfig:
    """Return a config with all possible parts taken from the data."""
    content = {
        "name": "taxi",
        "task": "classification",
        "target": {"name": "tipped"},
        "features": [
            {"name": "km", "type": "number", "minimum": 0, "maximum": 100},
            {"name": "zone", "type": "category", "categories": "from_data", "min_frequency": 10, "case": "upper"},
        ],
    }
    return ModelConfig.model_validate({**content, **changes})


def rides(seed: int = 1) -> pd.DataFrame:
    """Return rides in which the zones A and B are frequent, and many other zones are rare."""
    generator = np.random.default_rng(seed)
    zone = np.where(generator.random(ROWS) < 0.9, generator.choice(["a", "B"], ROWS), "")
    rare = [f"rare{place}" for place in range(ROWS)]
    return pd.DataFrame(
        {
            "km": generator.random(ROWS) * 50,
            "zone": [name or rare[place] for place, name in enumerate(zone)],
            "tipped": np.where(generator.random(ROWS) < 0.3, "Yes", "No"),
        }
    )


def resolve(declared: ModelConfig, frame: pd.DataFrame) -> tuple[ModelConfig, list[str]]:
    """Return the results of validation and split of a config, and the warnings."""
    warnings: list[str] = []
    resolved_config = with_classes(declared, frame, warnings.append)
    return split(validate(frame, resolved_config), resolved_config).config, warnings


def test_contract_has_the_values_of_the_data() -> None:
    """The contract has frequent categories in its letter case, and the classes with the positive one second."""
    resolved_config, warnings = resolve(config(), rides())
    assert resolved_config.features[1].categories == ("A", "B")
    assert resolved_config.contract().output.classes == ("No", "Yes")
    assert not resolved_config.is_open
    (warning,) = warnings
    assert "add `positive: Yes` below `target:`" in warning


def test_contract_of_an_open_config_is_refused() -> None:
    """A contract with unknown parts is an error that names them."""
    with pytest.raises(ConfigError, match=r"target\.classes and the categories of 'zone' are taken from the data"):
        config().contract()


def test_categories_are_those_of_the_training_part() -> None:
    """A value that is frequent only in the test part stays unknown, so that nothing leaks from it."""
    resolved_config = with_classes(config(), rides(), print)
    frame = validate(rides(), resolved_config)
    train = frame.head(100).assign(zone=["A"] * 91 + ["B"] * 9)
    assert with_categories(resolved_config, train).features[1].categories == ("A",)


def test_missing_texts_are_not_categories() -> None:
    """Texts of a missing value are not learned as values."""
    zone = {"name": "zone", "type": "category", "categories": "from_data", "nullable": True, "missing": ["?"]}
    frame = rides().assign(zone=lambda rows: rows["zone"].where(rows["km"] > 20, "?"))
    resolved_config, _ = resolve(config(features=[{"name": "km", "type": "number"}, zone]), frame)
    assert "?" not in (resolved_config.features[1].categories or ())


def test_column_without_a_frequent_value_is_refused() -> None:
    """The message has the largest count and the key to change."""
    resolved_config = with_classes(config(), rides(), print)
    frame = validate(rides(), resolved_config).assign(zone=[f"z{row % 50}" for row in range(ROWS)])
    with pytest.raises(
        DataError, match="zone: expected a value with at least 10 training rows; the most frequent has 4"
    ):
        with_categories(resolved_config, frame)


def test_named_positive_class_is_used() -> None:
    """A named positive class is used without a warning, regardless of the words."""
    resolved_config, warnings = resolve(config(target={"name": "tipped", "positive": "No"}), rides())
    assert resolved_config.contract().output.classes == ("Yes", "No")
    assert warnings == []


@pytest.mark.parametrize(
    ("labels", "counts", "positive"),
    [
        (["No", "Yes"], [5, 95], "Yes"),
        ([0, 1], [5, 95], 1),
        ([False, True], [5, 95], True),
        (["0", "1"], [5, 95], "1"),
        (["leaves", "stays"], [5, 95], "leaves"),
        (["leaves", "stays"], [95, 5], "stays"),
        (["leaves", "stays"], [50, 50], "stays"),
        (["N", "unknown"], [50, 5], "unknown"),
    ],
)
def test_positive_class_follows_words_or_is_the_rarer_one(labels: list[Any], counts: list[int], positive: Any) -> None:
    """Of two equally frequent labels without such words the second is positive."""
    assert positive_of(labels, counts)[0] == positive


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["Yes"] * ROWS, "expected a target with 2 to 50 classes.*got 1 distinct value. Give rows"),
        ([str(row) for row in range(ROWS)], "got 200 distinct values. Write `task: regression`"),
    ],
)
def test_target_with_too_few_or_many_values_is_refused(cells: list[str], message: str) -> None:
    """One class cannot be learned; hundreds are a number or an identifier."""
    with pytest.raises(DataError, match=message):
        with_classes(config(), rides().assign(tipped=cells), print)


def test_number_beyond_every_float_is_a_text_label() -> None:
    """Such a number is answered as text, because readers of JSON round it."""
    frame = rides().assign(tipped=pd.Series([10**400, 0] * (ROWS // 2), dtype=object))
    resolved_config, _ = resolve(config(), frame.assign(tipped=frame["tipped"].map(str)))
    assert resolved_config.contract().output.classes == ("0", "1" + "0" * 400)
    with pytest.raises(DataError, match="tipped"):
        resolve(config(target={"name": "tipped", "classes": [0, 1]}), frame)


def test_target_that_is_missing_is_named() -> None:
    """The message names the missing target, as for a target with listed classes."""
    with pytest.raises(DataError, match="no column 'tipped', the target"):
        with_classes(config(), rides().drop(columns="tipped"), print)


def test_classes_that_contradict_the_config_are_refused() -> None:
    """A threshold needs two classes, and the data has three."""
    declared = config(decision={"by": "f1"})
    frame = rides().assign(tipped=["a", "b", *["c"] * (ROWS - 2)])
    with pytest.raises(ConfigError, match="a threshold goes with two classes"):
        with_classes(declared, frame, print)
