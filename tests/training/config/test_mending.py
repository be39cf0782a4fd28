"""All faults of a config are reported in one error, each with its line, without faults that only follow from others."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.config import ConfigError, ModelConfig, load_config

GOOD = """\
name: telco
target: {name: Churn, classes: [No, Yes]}
features:
  - {name: tenure, type: integer, minimum: 0}
  - {name: gender, type: category, categories: [Female, Male]}
  - {name: Charges, type: number}
drop: {customerID: An identifier.}
"""


def load(tmp_path: Path, content: str) -> ModelConfig:
    """Load a config with some content."""
    path = tmp_path / "telco.yaml"
    path.write_text(content, encoding="utf-8")
    return load_config(path)


def fault_lines(tmp_path: Path, content: str) -> list[str]:
    """Return the fault_lines of the error, without the path and the first line."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, content)
    return [line.strip().replace(f"{tmp_path}/", "") for line in str(error.value).splitlines()[1:]]


def usable(tmp_path: Path, content: str) -> ModelConfig | None:
    """Return the usable part of a broken config."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, content)
    faults: ModelConfig | None = error.value.usable
    return faults


def test_names_are_checked_although_other_parts_are_broken(tmp_path: Path) -> None:
    """A bound with a wrong type does not hide columns that do not exist: all are reported in one run, in their order."""
    content = GOOD.replace("minimum: 0", "minimun: 0") + (
        "split: {test_size: 20, stratify: {column: Tenure, edges: [1]}}\n"
        "gate:\n"
        "  slices: {columns: [Gender]}\n"
        "  directions:\n"
        "    - {feature: tenure, add: 1, answer: up}\n"
        "    - {feature: charge, add: 1, answer: rises}\n"
        "card: {sensitive: {sex: A trait., customerID: Dropped.}}\n"
    )
    faults = fault_lines(tmp_path, content)
    assert [line.partition(" ")[0] for line in faults] == [f"telco.yaml:{row}:" for row in (4, 8, 8, 10, 12, 13, 14)]
    assert "did you mean `minimum`? Write `minimum: 0`" in faults[0]
    assert "did you mean 'tenure'?" in "".join(faults[1:3])
    assert "gate.slices.columns: 'Gender' is not a feature" in faults[3]
    assert (
        "gate.directions: 'charge' is not a numeric feature; there are ['Charges', 'tenure']; did you mean" in faults[5]
    )
    assert "card.sensitive: 'sex' is not a column of this model" in faults[6]


def test_positions_are_those_of_the_file(tmp_path: Path) -> None:
    """After a broken item of a list was removed, the next item still has its own line and number."""
    content = GOOD + (
        "gate:\n"
        "  directions:\n"
        "    - {feature: tenure}\n"
        "    - {feature: tenure, add: 1, answer: rises}\n"
        "    - {feature: nothing, add: 1, answer: falls}\n"
    )
    faults = fault_lines(tmp_path, content)
    assert [line.partition(" ")[0] for line in faults] == ["telco.yaml:10:", "telco.yaml:12:"]


def test_a_broken_feature_keeps_its_name(tmp_path: Path) -> None:
    """References to the name of a broken feature are not reported as faults."""
    faults = fault_lines(
        tmp_path, GOOD.replace("type: integer", "type: integral") + "gate: {slices: {columns: [tenure]}}\n"
    )
    assert len(faults) == 1
    assert "features.0.type: got 'integral'" in faults[0]
    assert "write `type: integer`" in faults[0]


def test_a_repeated_key_is_reported_with_other_faults(tmp_path: Path) -> None:
    """The message names both lines."""
    faults = fault_lines(tmp_path, GOOD + "seed: 1\nseed: x\n")
    assert len(faults) == 2
    assert any("the key 'seed' appears twice, in line 8 and in line 9" in line for line in faults)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: telco\n", "", "name: missing; add it, as in `name: my_model`"),
        ("name: telco", "name: Telco Churn", "name: got 'Telco Churn'"),
        ("target: {name: Churn, classes: [No, Yes]}", "target: Churn", "target: got 'Churn'"),
        ("target: {name: Churn, classes: [No, Yes]}", "target: {name: Churn}", "task: missing; add it"),
        ("minimum: 0", "minimum: '0,5'", "write `minimum: 0.5`"),
        ("minimum: 0", "minimum: ~", None),
        ("minimum: 0", "nullable: ja", "write true or false"),
        ("[Female, Male]", "[Female, ~]", "a text '~' needs quotes"),
        ("[Female, Male]", "Female", "write a list, as in [a, b]"),
        ("{customerID: An identifier.}", "[customerID]", "write keys with values"),
        ("features:", "feature:", "did you mean `features`?"),
        ("drop:", "estimator: {kind: lightgb}\ndrop:", "write `kind: lightgbm`"),
        (
            "drop:",
            "gate: {metrics: {auc: {at_least: 1}}}\ndrop:",
            "gate.metrics: 'auc' is not allowed here; did you mean 'roc_auc'?",
        ),
        ("drop:", "splitt: {}\ndrop:", "did you mean `split`?"),
        ("drop:", "zzzz: {}\ndrop:", "remove it or correct its name; here can be name, title"),
    ],
)
def test_each_fault_has_a_remedy(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    """The message has the correct text if it can be derived."""
    content = GOOD.replace(old, new)
    if message is None:
        load(tmp_path, content)
    else:
        assert message in "\n".join(fault_lines(tmp_path, content))


def test_words_of_yaml_stay_text(tmp_path: Path) -> None:
    """Categories and class values that YAML 1.1 reads as another type stay as they are written."""
    content = GOOD.replace("[Female, Male]", "[Yes, NO, on, 08, 1_000, 1e3, 12:30, 2020-01-01, 1, 1.50, true]")
    config = load(tmp_path, content.replace("drop: {customerID", "drop: {1: x, customerID"))
    expected = ("Yes", "NO", "on", "08", "1_000", "1e3", "12:30", "2020-01-01", "1", "1.50", "true")
    assert config.features[1].categories == expected
    assert [item.value for item in config.target.classes or ()] == ["No", "Yes"]
    assert list(config.drop) == ["1", "customerID"]


def test_booleans_of_keys_can_be_words(tmp_path: Path) -> None:
    """`nullable: yes` is a boolean, because the key expects one."""
    config = load(tmp_path, GOOD.replace("type: number", "type: number, nullable: yes, required: no"))
    assert (config.features[2].nullable, config.features[2].required) == (True, False)


def test_usable_part_describes_the_data(tmp_path: Path) -> None:
    """The data can be checked although the gate is broken; a broken feature accepts any value."""
    faults = usable(tmp_path, GOOD.replace("minimum: 0", "minimum: x") + "gate: {metrics: 3}\n")
    assert faults is not None
    assert [feature.name for feature in faults.features] == ["tenure", "gender", "Charges"]
    assert faults.features[0].minimum is None
    assert faults.drop == {"customerID": "An identifier."}


def test_usable_part_is_none_if_the_columns_are_not_known(tmp_path: Path) -> None:
    """Without readable columns there is no usable part."""
    assert usable(tmp_path, "name: telco\ntarget: {name: y, unit: kg}\nfeatures: 3\n") is None


def test_texts_copied_from_another_config_are_reported(tmp_path: Path) -> None:
    """A card that describes other data is reported with its lines; equal texts of configs with the same target are not."""
    card = "card:\n  collection: The rows are block groups of the census of 1990.\n"
    (tmp_path / "houses.yaml").write_text(GOOD.replace("telco", "houses").replace("Churn", "price") + card)
    path = tmp_path / "telco.yaml"
    path.write_text(GOOD + card)
    warnings: list[str] = []
    load_config(path, warnings.append)
    (warning,) = warnings
    assert "card.collection (line 9): word for word as in houses.yaml, which is about other data" in warning
    (tmp_path / "houses.yaml").write_text(GOOD.replace("telco", "telco_next") + card)
    load_config(path, warnings.append)
    assert len(warnings) == 1
