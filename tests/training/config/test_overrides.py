"""Any value of a config can be set on the command line, and a fault of it names the option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.config import ConfigError, load_config

CONFIG = Path(__file__).parents[3] / "configs" / "churn.yaml"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("estimator.members.0.params.n_estimators=20", "estimator.members.0.params.n_estimators", 20),
        ("features.Age.maximum=100", "features.3.maximum", 100.0),
        ("features.0.unit = marks", "features.0.unit", "marks"),
        ("split.seed=7", "split.seed", 7),
        ("title=a: b=c".replace(": ", "="), "title", "a=b=c"),
        ("description='one: two'", "description", "one: two"),
        ("synthetic=", "synthetic", None),
        ("card.limits=[one, two]", "card.limits", ["one", "two"]),
        ("slo={p99_ms: 20}", "slo.p99_ms", 20.0),
        ("target.classes.1.label=Yes", "target.classes.1.label", "Yes"),
    ],
)
def test_a_value_of_the_command_line_is_used(override: str, path: str, value: object) -> None:
    """Keys, positions and names lead to the value, which is read like a value in the file."""
    index: Any = load_config(
        CONFIG, overrides=[override] if "label" not in override else [override, "target.classes.0.label=No"]
    ).model_dump(mode="json")
    for part in path.split("."):
        index = index[int(part) if part.isdecimal() else part]
    assert index == value


def test_the_last_of_two_overrides_is_used() -> None:
    """Overrides are applied in their order, a later one inside an earlier one."""
    config = load_config(CONFIG, overrides=["split.seed=1", "split.seed=2", "slo={}", "slo.p99_ms=3"])
    assert (config.split.seed, config.slo.p99_ms) == (2, 3.0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("split.seed", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("split..seed=3", "expected KEY=VALUE"),
        ("split.seed=[1", r"'\[1' is not valid YAML"),
        ("split.seed=&a [*a]", "refers to itself"),
        ("name.first=x", "name is 'churn', which holds no other values"),
        ("features.age.maximum=3", r"features has no item 'age'; did you mean Age\?"),
        ("features.99.maximum=3", "features has no item '99'"),
        ("split.seeds=3", r"--set split\.seeds"),
        ("split.test_size=two", r"--set split\.test_size.*'two'"),
        ("gate.slices.columns=[Surname]", r"--set gate\.slices\.columns"),
    ],
)
def test_a_wrong_override_is_refused_with_the_option(override: str, message: str) -> None:
    """The error of a mistyped option, key or value names the option and not a line of the file."""
    with pytest.raises(ConfigError, match=message):
        load_config(CONFIG, overrides=[override])


def test_the_file_stays_as_it_is() -> None:
    """An override is valid for one call."""
    load_config(CONFIG, overrides=["split.seed=1"])
    assert load_config(CONFIG).split.seed == 42
