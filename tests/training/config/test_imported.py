"""A config that an import has written is one of training, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle.contract import Feature, Output, OutputTarget
from training.adoption.config import default_gate, made_config, rendered
from training.config import ConfigError, load_config


def written(folder: Path, output: Output, **more: str) -> Path:
    """Write a config as an import does, with keys of its text changed."""
    features = (
        Feature(name="mass", type="number", nullable=True, minimum=0, maximum=9),
        Feature(name="veins", type="integer", minimum=0, maximum=4),
        Feature(name="hull", type="category", categories=("Öl", "grp"), unknown="ignore"),
    )
    config = made_config(
        name="stones", title="Stones", description="d", p99_ms=7, output=output, features=features, gate=default_gate(7)
    )
    text = rendered(config, {}, "stones.skops")
    for old, new in more.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "stones.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_regression_can_be_trained(tmp_path: Path) -> None:
    """Name, unit, columns, limits and promise are those of the import."""
    config = load_config(written(tmp_path, Output(name="price", unit="€")))
    assert (config.task, config.target.name, config.target.unit) == ("regression", "price", "€")
    assert config.slo.p99_ms == 7
    assert config.gate == default_gate(7)
    assert [feature.name for feature in config.features] == ["mass", "veins", "hull"]
    assert config.features[2].unknown == "ignore"


@pytest.mark.parametrize("classes", [("late", "on time"), (1, 2, 3), (False, True), ("1", "2")])
def test_classification_can_be_trained(classes: tuple[str | int | bool, ...], tmp_path: Path) -> None:
    """The labels keep their types and their order."""
    config = load_config(written(tmp_path, Output(name="kind", classes=classes, probabilities=True)))
    assert config.task == "classification"
    assert [repr(label) for label in config.contract().output.classes or ()] == [repr(label) for label in classes]


def test_label_alone_is_no_obstacle(tmp_path: Path) -> None:
    """Training answers probabilities always."""
    output = Output(name="kind", classes=("a", "b"), probabilities=False)
    assert load_config(written(tmp_path, output)).contract().output.probabilities


def test_threshold_of_an_import_is_a_fixed_decision(tmp_path: Path) -> None:
    """It was chosen by a person, so it is not chosen again."""
    output = Output(name="kind", classes=("a", "b"), probabilities=True, threshold=0.3)
    decision = load_config(written(tmp_path, output)).decision
    assert (decision.by, decision.threshold) == ("fixed", 0.3)


def test_fault_is_told_with_its_line(tmp_path: Path) -> None:
    """Lines are those of the file, also where a section was renamed."""
    path = written(tmp_path, Output(name="price"), **{"type: integer": "type: intger"})
    line = path.read_text(encoding="utf-8").splitlines().index("    type: intger") + 1
    with pytest.raises(ConfigError, match=f"line {line}|:{line}"):
        load_config(path)
    with pytest.raises(ConfigError, match="colour"):
        load_config(written(tmp_path, Output(name="price"), **{"  name: price": "  name: price\n  colour: red"}))


def test_keys_of_training_may_be_added(tmp_path: Path) -> None:
    """An estimator, for instance; what an import says stays beside it."""
    path = written(tmp_path, Output(name="price"))
    path.write_text(path.read_text(encoding="utf-8") + "estimator:\n  kind: ridge\n", encoding="utf-8")
    assert load_config(path).estimator.kind == "ridge"


def test_several_answers_cannot_be_trained(tmp_path: Path) -> None:
    """Training fits one: it is told before anything is read."""
    output = Output(name="prediction", targets=(OutputTarget(name="price", unit="€"), OutputTarget(name="age")))
    with pytest.raises(ConfigError, match=r"several answers under `output.targets`, and training fits one"):
        load_config(written(tmp_path, output))
