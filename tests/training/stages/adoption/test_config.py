"""The config of an import: written to be read, by people and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Feature, Output
from training.config import ConfigError
from training.stages.adoption.config import (
    ImportConfig,
    build_config,
    default_gate,
    fitted_to,
    load_import_config,
    render_config,
    write_config,
)

FEATURES = (
    Feature(name="crown width", type="number", minimum=0, maximum=1e22, nullable=True, unit="m"),
    Feature(name="yes", type="category", categories=("no", "01", "", "ä: #", "null"), unknown="ignore"),
    Feature(name="old", type="boolean"),
    Feature(name="n", type="integer", minimum=-(2**53), required=True),
)


def config_of(**changes: Any) -> ImportConfig:
    """A config with everything that is hard to write down."""
    values = {
        "name": "m",
        "title": "M: the #1",
        "description": "Two\nlines, and 'quotes'.",
        "p99_ms": 5.0,
        "output": Output(name="y", unit="€"),
        "features": FEATURES,
        "gate": default_gate(5.0),
    }
    return build_config(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"intervals": {"coverage": 0.9}}, "intervals"),
        ({"sets": {}}, "sets"),
        (
            {"output": {"name": "y", "interval": {"coverage": 0.9, "groups": [{"lower": [-1], "upper": [1]}]}}},
            r"output\.interval",
        ),
        ({"output": {"name": "y", "prediction_set": {}}}, r"output\.prediction_set"),
    ],
)
def test_intervals_of_an_import_are_refused(changes: dict[str, Any], key: str) -> None:
    """An imported pipeline cannot be calibrated, and the message says how to get intervals."""
    with pytest.raises(
        ConfigError, match=f"{key}: an imported pipeline has no prediction intervals .* `tabento train`"
    ):
        config_of(**changes)


@pytest.mark.parametrize(
    "config",
    [
        config_of(),
        config_of(output=Output(name="y", classes=("no", "yes", "1"), probabilities=True)),
        config_of(output=Output(name="y", classes=(1, 2))),
        config_of(output=Output(name="y", classes=(False, True))),
    ],
)
def test_what_is_written_is_read_back(config: ImportConfig, tmp_path: Path) -> None:
    """Each value and each type survives the file."""
    path = tmp_path / "model.yaml"
    write_config(path, config, {"old": "the sample has true in 50%"}, "model.skops")
    reloaded = load_import_config(path)
    assert reloaded == config
    assert [type(label) for label in reloaded.output.classes or ()] == [
        type(label) for label in config.output.classes or ()
    ]


def test_comments_explain(tmp_path: Path) -> None:
    """A comment above each feature summarises its values in the sample, and each section explains its keys."""
    text = render_config(config_of(), {"old": "the sample has true in 50%"}, "model.skops (sha256 abc…)")
    lines = text.splitlines()
    assert lines[lines.index("  - name: old") - 1] == "  # the sample has true in 50%"
    assert text.startswith("# How Tabento serves model.skops (sha256 abc…).")
    assert max(map(len, lines)) <= 120
    for key in ("nullable", "unknown", "minimum", "gate", "p99_ms"):
        assert f"{key}:" in text


def test_file_is_never_written_over(tmp_path: Path) -> None:
    """An edited file is not overwritten; a missing folder is an error."""
    path = tmp_path / "model.yaml"
    path.write_text("edited", encoding="utf-8")
    with pytest.raises(AdoptionError, match="cannot be written"):
        write_config(path, config_of(), {}, "x")
    assert path.read_text(encoding="utf-8") == "edited"
    with pytest.raises(AdoptionError, match="Choose another --config"):
        write_config(tmp_path / "nowhere" / "model.yaml", config_of(), {}, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: m\nname: m\n", "appears twice"),
        ("- a\n", "must hold keys and values"),
        ("name: m\n", "title: missing"),
        ("nam: m\n", "nam: unknown key"),
    ],
)
def test_faults_of_a_file_are_told(text: str, message: str, tmp_path: Path) -> None:
    """By key."""
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_import_config(tmp_path / "model.yaml")


def test_impossible_config_is_told() -> None:
    """A name that the store does not take, and a target among the features."""
    with pytest.raises(ConfigError, match="name: got 'No'"):
        config_of(name="No")
    with pytest.raises(ConfigError, match="leaks the answer"):
        config_of(output=Output(name="old"))


def test_features_follow_the_pipeline(tmp_path: Path) -> None:
    """Their order is the pipeline's, whatever the file's."""
    names = [feature.name for feature in FEATURES[::-1]]
    fitted = fitted_to(config_of(), names, Output(name="y"), tmp_path)
    assert [feature.name for feature in fitted.features] == names


@pytest.mark.parametrize(
    ("edited", "pipelines", "message"),
    [
        (
            Output(name="y", classes=(0, 1)),
            Output(name="y", classes=(False, True)),
            r"has \[False, True\]; got \[0, 1\]",
        ),
        (Output(name="y", classes=("b", "a")), Output(name="y", classes=("a", "b")), "output.classes"),
        (Output(name="y"), Output(name="y", classes=("a", "b")), "got none"),
        (
            Output(name="y", classes=("a", "b"), probabilities=True),
            Output(name="y", classes=("a", "b")),
            "output.probabilities: the pipeline gives none",
        ),
    ],
)
def test_answer_must_be_the_pipelines(edited: Output, pipelines: Output, message: str, tmp_path: Path) -> None:
    """The same labels, in the same order, of the same types."""
    names = [feature.name for feature in FEATURES]
    with pytest.raises(AdoptionError, match=message):
        fitted_to(config_of(output=edited), names, pipelines, tmp_path)


def test_probabilities_may_be_left_out(tmp_path: Path) -> None:
    """A person may want the label only."""
    names = [feature.name for feature in FEATURES]
    edited = config_of(output=Output(name="y", classes=("a", "b")))
    fitted = fitted_to(edited, names, Output(name="y", classes=("a", "b"), probabilities=True), tmp_path)
    assert not fitted.output.probabilities
