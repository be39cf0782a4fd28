"""Contradictions between the parts of a config are refused with the key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from training.config import ConfigError, ModelConfig, load_config

CONFIGS = Path(__file__).parents[2] / "configs"
Edit = Callable[[dict[str, Any]], object]


def load_edited(tmp_path: Path, name: str, edit: Edit) -> ModelConfig:
    """Load one of the tests' configs after an edit."""
    content = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    edit(content)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


def put(*path: str | int, value: Any) -> Edit:
    """Return an edit that sets the value at a place."""

    def edit(content: dict[str, Any]) -> None:
        target: Any = content
        for key in path[:-1]:
            target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
        target[path[-1]] = value

    return edit


def classes(*pairs: tuple[Any, Any]) -> Edit:
    """Return an edit that sets the classes of the target: value and label of each."""
    return put("target", "classes", value=[{"value": value, "label": label} for value, label in pairs])


REGRESSION: list[tuple[Edit, str]] = [
    (put("sets", value={"coverage": 0.9}), r"sets: goes with a classification, got task 'regression': use `intervals`"),
    (
        put("intervals", value={"by": "sort"}),
        r"intervals\.by: expected a feature of type number, .*, got 'sort'; there are \['age'",
    ),
    (put("intervals", value={"by": "hight"}), r"got 'hight'.*height"),
    (put("intervals", value={"coverage": 90}), r"intervals\.coverage"),
    (put("task", value="classification"), r"target: `unit`, `minimum` and `maximum` go with a regression"),
    (put("target", "positive", value="x"), r"target\.positive: goes with `task: classification`"),
    (put("target", "ranking", value=True), r"target\.ranking: goes with `task: classification`"),
    (
        put("estimator", "kind", value="logistic_regression"),
        r"estimator\.kind: 'logistic_regression' goes with a class",
    ),
    (
        put("selection", "metric", value="f1"),
        r"selection\.metric: 'f1' is not a metric of a regression; there are .*'rmse'",
    ),
    (put("selection", "kinds", value=["logistic_regression"]), r"selection\.kinds: 'logistic_regression' goes with"),
    (
        put("selection", "candidates", value=[{"name": "a", "estimator": {"kind": "logistic_regression"}}]),
        r"selection\.candidates\.0\.estimator\.kind: 'logistic_regression'",
    ),
    (
        put("selection", "candidates", value=[{"name": "a", "estimator": {"kind": "ridge"}}] * 2),
        r"selection\.candidates: the names \['a', 'a'\] must be distinct",
    ),
    (
        put("gate", "metrics", "roc_auc", value={"at_least": 0.5}),
        r"gate\.metrics: 'roc_auc' is not a metric of a regression",
    ),
    (put("gate", "champion", value={"metric": "f1"}), r"gate\.champion\.metric: 'f1' is not a metric"),
    (put("gate", "calibration", value={"brier_max": 0.1}), r"gate\.calibration: .* go with a classification"),
    (put("gate", "slices", value={"columns": ["girth"]}), r"gate\.slices\.columns: 'girth' is not a feature"),
    (
        put("gate", "directions", value=[{"feature": "sort", "add": 1, "answer": "rises"}]),
        r"gate\.directions: 'sort' is not a numeric feature",
    ),
    (
        put("gate", "invariances", value=[{"feature": "sort", "changes": ["PEAR"]}]),
        r"gate\.invariances: 'sort' takes one of .*'COX', 'GLOSTER', got 'PEAR'",
    ),
    (put("gate", "invariances", value=[{"feature": "pruned", "changes": [3]}]), r"'pruned' takes true or false, got 3"),
    (put("gate", "invariances", value=[{"feature": "age", "changes": [2.5]}]), r"'age' takes an integer .*, got 2\.5"),
    (put("evaluation", "also_with", value=["age"]), r"evaluation\.also_with: 'age' is not dropped"),
    (put("decision", value={"by": "f1"}), "decision: a threshold goes with two classes"),
    (put("sweep", "space", "max_iter", value={"low": 5}), "needs `low` and `high`, or else `choices`"),
    (put("sweep", "space", "max_iter", value={"low": 5, "high": 9, "choices": [1]}), "or else `choices`"),
    (put("sweep", "space", "max_iter", value={"low": 9, "high": 5}), "`low` must be below `high`, got 9 and 5"),
    (put("sweep", "space", "alpha", value={"low": 0, "high": 1, "log": True}), "begins above 0, got low 0"),
    (put("estimator", value={"kind": "voting"}), "`members` go with voting and stack"),
    (put("estimator", value={"kind": "ridge", "members": [{"kind": "ridge"}]}), "`members` go with voting and stack"),
    (
        put("estimator", value={"kind": "voting", "params": {"alpha": 1}, "members": [{"kind": "ridge"}]}),
        r"estimator\.params: a voting has none of its own",
    ),
    (
        put("estimator", value={"kind": "stack", "members": [{"kind": "ridge", "weight": 2}]}),
        "`weight` goes with `kind: voting`, not with 'stack'",
    ),
    (
        put("estimator", value={"kind": "voting", "members": [{"kind": "ridge"}], "final": {"kind": "ridge"}}),
        "`final` goes with `kind: stack`",
    ),
    (
        put("estimator", value={"kind": "stack", "members": [{"kind": "voting"}]}),
        "'voting' cannot be inside another",
    ),
    (
        put("estimator", value={"kind": "stack", "members": [{"kind": "logistic_regression"}]}),
        r"estimator\.members\.0\.kind: 'logistic_regression' goes with a classification",
    ),
]
CLASSIFICATION: list[tuple[Edit, str]] = [
    (put("intervals", value={}), r"intervals: goes with a regression, got task 'classification': use `sets`"),
    (
        put("task", value="regression"),
        r"target\.classes: goes with `task: classification` and only with it, got task 'reg",
    ),
    (put("estimator", "kind", value="ridge"), r"estimator\.kind: 'ridge' goes with a regression"),
    (put("estimator", "target", value="log"), r"estimator\.target: a scale goes with a regression"),
    (put("selection", "metric", value="rmse"), r"selection\.metric: 'rmse' is not a metric of a classification"),
    (put("target", "unit", value="kg"), "`unit`, `minimum` and `maximum` go with a number"),
    (classes(("a", "a"), ("b", "a")), "a label appears twice"),
    (classes(("a", "a"), ("a", "b")), "a value appears twice"),
    (put("target", "positive", value="x"), r"target\.positive: 'x' is none of the labels"),
    (classes(("a", 1), ("b", "x")), "the labels must be of one type"),
    (classes(("a", 0.5), ("b", 1.5)), "a label cannot be a number with a fraction, got 0.5"),
    (classes(("a", "a")), "at least 2 items"),
    (classes(("a", "a"), ("b", "b"), ("c", "c")), "decision: a threshold goes with two classes"),
    (put("decision", value={"by": "cost", "false_positive_cost": 1}), "both costs go with `by: cost`"),
    (put("decision", value={"by": "fixed"}), "`threshold` goes with `by: fixed` and only with it"),
    (put("decision", value={"by": "f1", "threshold": 0.4}), "`threshold` goes with `by: fixed` and only with it"),
]


@pytest.mark.parametrize(("edit", "message"), REGRESSION)
def test_regression_that_disagrees_with_itself_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    """The error names the key, the value and the allowed values."""
    with pytest.raises(ConfigError, match=message):
        load_edited(tmp_path, "orchard", edit)


@pytest.mark.parametrize(("edit", "message"), CLASSIFICATION)
def test_classification_that_disagrees_with_itself_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    """The error names the key, the value and the allowed values."""
    with pytest.raises(ConfigError, match=message):
        load_edited(tmp_path, "seedling", edit)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("orchard", put("gate", "invariances", value=[{"feature": "sort", "changes": ["cox"], "relative_max": 1}])),
        ("orchard", put("gate", "invariances", value=[{"feature": "soil", "changes": ["gravel"]}])),
        ("orchard", put("gate", "invariances", value=[{"feature": "pruned", "changes": [True, False]}])),
        ("orchard", put("evaluation", "also_with", value=["tag"])),
        ("orchard", put("sweep", "space", "max_iter", value={"choices": [5, None, "auto", True]})),
        ("seedling", put("decision", value={"by": "cost", "false_positive_cost": 1, "false_negative_cost": 4})),
        ("seedling", put("gate", "directions", value=[{"feature": "height", "factor": 1.5, "answer": "falls"}])),
    ],
)
def test_consistent_configs_are_accepted(tmp_path: Path, name: str, edit: Edit) -> None:
    """Values close to each refused value are accepted."""
    assert load_edited(tmp_path, name, edit).name == name


def test_contract_of_a_classification_has_labels_and_the_threshold(tmp_path: Path) -> None:
    """The contract has the labels in the config's order, always probabilities, and a threshold only if one was chosen."""
    config = load_edited(tmp_path, "seedling", put("target", "ranking", value=True))
    output = config.contract(threshold=0.25).output
    assert (output.classes, output.probabilities, output.ranking) == (("alive", "died"), True, True)
    assert (output.threshold, config.contract().output.threshold) == (0.25, None)


def test_decisions_default_to_the_config(tmp_path: Path) -> None:
    """Without studies the config's own imputation, clusters, estimator and all of its features are used."""
    decisions = load_edited(tmp_path, "orchard", lambda content: None).decisions()
    assert (decisions.impute, decisions.n_clusters, decisions.columns[0]) == ("mean", 3, "age")
    assert len(decisions.columns) == 7
    assert load_edited(tmp_path, "seedling", lambda content: None).decisions().n_clusters is None


def test_direction_needs_an_answer_that_can_rise(tmp_path: Path) -> None:
    """A direction is refused for three classes, because none of them is the positive class."""

    def edit(content: dict[str, Any]) -> None:
        classes(("alive", "alive"), ("dead", "died"), ("gone", "gone"))(content)
        put("decision", value={})(content)
        put("gate", value={"directions": [{"feature": "height", "add": 1, "answer": "falls"}]})(content)

    with pytest.raises(
        ConfigError, match=r"gate\.directions: an answer rises or falls only if it is a number or one of"
    ):
        load_edited(tmp_path, "seedling", edit)
