"""A config that an import has write_config can be trained, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabento.bundle.contract import Feature, Output, OutputTarget
from training.config import ConfigError, load_config
from training.stages.adoption.config import build_config, default_gate, render_config


def write_config(folder: Path, output: Output, **replacements: str) -> Path:
    """Write a config as an import does, with some texts replaced."""
    features = (
        Feature(name="mass", type="number", nullable=True, minimum=0, maximum=9),
        Feature(name="veins", type="integer", minimum=0, maximum=4),
        Feature(name="hull", type="category", categories=("Öl", "grp"), unknown="ignore"),
    )
    config = build_config(
        name="stones", title="Stones", description="d", p99_ms=7, output=output, features=features, gate=default_gate(7)
    )
    text = render_config(config, {}, "stones.skops")
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "stones.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_regression_can_be_trained(tmp_path: Path) -> None:
    """Name, unit, columns, limits and latency limit equal those of the import."""
    config = load_config(write_config(tmp_path, Output(name="price", unit="€")))
    assert (config.task, config.target.name, config.target.unit) == ("regression", "price", "€")
    assert config.slo.p99_ms == 7
    assert config.gate == default_gate(7)
    assert [feature.name for feature in config.features] == ["mass", "veins", "hull"]
    assert config.features[2].unknown == "ignore"


@pytest.mark.parametrize("classes", [("late", "on time"), (1, 2, 3), (False, True), ("1", "2")])
def test_classification_can_be_trained(classes: tuple[str | int | bool, ...], tmp_path: Path) -> None:
    """The labels keep their types and their order."""
    config = load_config(write_config(tmp_path, Output(name="kind", classes=classes, probabilities=True)))
    assert config.task == "classification"
    assert [repr(label) for label in config.contract().output.classes or ()] == [repr(label) for label in classes]


def test_import_without_probabilities_can_be_trained(tmp_path: Path) -> None:
    """A trained classification always answers probabilities."""
    output = Output(name="kind", classes=("a", "b"), probabilities=False)
    assert load_config(write_config(tmp_path, output)).contract().output.probabilities


def test_threshold_of_an_import_is_a_fixed_decision(tmp_path: Path) -> None:
    """A user chose the threshold, so training does not choose another."""
    output = Output(name="kind", classes=("a", "b"), probabilities=True, threshold=0.3)
    decision = load_config(write_config(tmp_path, output)).decision
    assert (decision.by, decision.threshold) == ("fixed", 0.3)


def test_fault_has_the_line_of_the_file(tmp_path: Path) -> None:
    """Faults have the lines of the file, also in a renamed section."""
    path = write_config(tmp_path, Output(name="price"), **{"type: integer": "type: intger"})
    line = path.read_text(encoding="utf-8").splitlines().index("    type: intger") + 1
    with pytest.raises(ConfigError, match=f"line {line}|:{line}"):
        load_config(path)
    with pytest.raises(ConfigError, match="colour"):
        load_config(write_config(tmp_path, Output(name="price"), **{"  name: price": "  name: price\n  colour: red"}))


def test_keys_of_training_can_be_added(tmp_path: Path) -> None:
    """An estimator can be added to the keys of an import."""
    path = write_config(tmp_path, Output(name="price"))
    path.write_text(path.read_text(encoding="utf-8") + "estimator:\n  kind: ridge\n", encoding="utf-8")
    assert load_config(path).estimator.kind == "ridge"


def test_several_answers_cannot_be_trained(tmp_path: Path) -> None:
    """Several answers are refused before any data is read, because training fits one."""
    output = Output(name="prediction", targets=(OutputTarget(name="price", unit="€"), OutputTarget(name="age")))
    with pytest.raises(ConfigError, match=r"several answers under `output.targets`, and training fits one"):
        load_config(write_config(tmp_path, output))
