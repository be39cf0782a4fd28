"""A config either can be trained or is refused with all of its faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bundles import ORCHARD_CONFIG
from training.config import ConfigError, ModelConfig, load_config

ROOT = Path(__file__).parents[3]


def _load(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> ModelConfig:
    content = yaml.safe_load(ORCHARD_CONFIG.read_text(encoding="utf-8"))
    edit(content)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_valid(path: Path) -> None:
    """Each config in configs/ loads, and its file has the name of its model."""
    if path.stem != "serving":
        assert load_config(path).name == path.stem


def test_the_contract_has_the_public_parts(tmp_path: Path) -> None:
    """Features, target and names are part of the contract; the label limits of training are not."""
    config = _load(tmp_path, lambda content: None)
    contract = config.contract()
    assert contract.feature_names == tuple(feature.name for feature in config.features)
    output_keys = contract.output.model_dump(exclude_defaults=True)
    assert output_keys == {"name": "apples", "unit": "kg", "description": "Apples of one year."}


def _set(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(content: dict[str, Any]) -> None:
        target: Any = content
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set("colour", value="red"), "colour: unknown key .its value is 'red'"),
        (_set("features", 0, "minimun", value=1), r"features\.0\.minimun: unknown key"),
        (_set("split", "test_size", value=1.5), r"split\.test_size: got 1\.5: .* less than 1"),
        (_set("estimator", "kind", value="magic"), r"estimator\.kind: got 'magic': .*'hist_gradient_boosting'"),
        (_set("name", value="No Name"), "No Name|pattern"),
        (lambda content: content.pop("target"), "target: missing; add it"),
        (_set("features", 0, "minimum", value=100), "minimum 100 is above maximum 90"),
        (_set("derived", "ratios", 0, "numerator", value="girth"), "'girth' is not a numeric feature"),
        (_set("derived", "ratios", 0, "name", value="age"), "must be new and distinct"),
        (_set("derived", "clusters", "columns", value=["sort"]), "'sort' is not a numeric feature"),
        (_set("split", "stratify", "column", value="soil"), "'soil' is not a numeric feature"),
        (_set("split", "stratify", "edges", value=[30, 10]), "must ascend"),
        (_set("drop", value={"age": "why"}), "'age' is also a feature"),
        (_set("synthetic", "columns", 0, "name", value="height"), "must be listed exactly once"),
        (_set("synthetic", "columns", 0, "mean", value=3), r"uniform takes \['low', 'high'\]"),
        (_set("synthetic", "columns", 5, "values", value={"COX": -1}), "weights"),
        (_set("synthetic", "columns", 0, value={"name": "age", "draw": "expression"}), "either `value` or `where`"),
        (_set("source", value={"url": "ftp://x", "sha256": "0" * 64}), r"source\.url: got 'ftp://x'"),
        (_set("source", value={"url": "https://x", "sha256": "abc"}), r"source\.sha256: got 'abc'"),
        (_set("slo", "p99_ms", value=0), r"slo\.p99_ms: got 0"),
    ],
)
def test_an_impossible_config_is_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    """The error names the key, the value and the allowed values."""
    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, edit)


def test_all_faults_are_in_one_error(tmp_path: Path) -> None:
    """A config with several faults lists all of them."""

    def edit(content: dict[str, Any]) -> None:
        content["colour"] = "red"
        content["split"]["test_size"] = 2

    with pytest.raises(ConfigError, match=r"(?s)split\.test_size.*colour|colour.*split\.test_size"):
        _load(tmp_path, edit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not valid YAML"),
        ("- a", "must hold keys and values"),
        ("a: 1\na: 2", "'a' appears twice, in line 1 and in line 2"),
        ("", "must hold"),
    ],
)
def test_a_file_that_is_not_a_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Invalid YAML, a list, a repeated key and an empty file have different errors."""
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error shows the requested path."""
    with pytest.raises(ConfigError, match=r"there is no config .*nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml")
