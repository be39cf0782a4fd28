"""What must agree between the parts of a config; each part has looked at itself before.

Every function takes the whole config and raises ``ValueError`` with the key, what came and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundle.contract import Feature
from training.config.estimator import KINDS_OF_ONE_TASK, Estimator
from training.config.study import METRICS
from training.config.types import Kind

if TYPE_CHECKING:
    from training.config.model import ModelConfig


def check_target(config: ModelConfig) -> None:
    """The target has what belongs to classes only where the task is a classification."""
    target = config.target
    if config.task == "regression":
        for key in ("classes", "positive"):
            if getattr(target, key) is not None:
                raise ValueError(
                    f"target.{key}: goes with `task: classification` and only with it, got task 'regression'"
                )
        if target.ranking:
            raise ValueError("target.ranking: goes with `task: classification` and only with it, got task 'regression'")
    elif target.unit is not None or target.minimum is not None or target.maximum is not None:
        raise ValueError("target: `unit`, `minimum` and `maximum` go with a regression, got task 'classification'")


def check_columns(config: ModelConfig) -> None:
    """Every name of a column is one, of the right type."""
    known = [feature.name for feature in config.features]
    numeric = [feature.name for feature in config.features if feature.type in ("number", "integer")]
    for where, name in _numeric_columns(config):
        allowed = [*numeric, config.target.name] if where.startswith("split") else numeric
        if name not in allowed:
            raise ValueError(f"{where}: {name!r} is no numeric feature; there are {sorted(allowed)}")
    for where, name in _features(config):
        if name not in known:
            raise ValueError(f"{where}: {name!r} is no feature; there are {sorted(known)}")
    others = {*known, config.target.name, *(identifier.name for identifier in config.identifiers)}
    for column in config.drop:
        if column in others:
            raise ValueError(f"drop: {column!r} is also a feature, an identifier or the target; it cannot be both")
    for column in config.evaluation.also_with:
        if column not in config.drop:
            raise ValueError(
                f"evaluation.also_with: {column!r} is not dropped, so there is nothing to compare; `drop` has"
                f" {sorted(config.drop)}"
            )
    names = [ratio.name for ratio in config.derived.ratios]
    if len(set(names)) != len(names) or set(names) & set(known):
        raise ValueError(f"derived.ratios: the names {names} must be new and distinct")
    drawn = [column.name for column in config.synthetic.columns] if config.synthetic else []
    for name in (*known, config.target.name) if config.synthetic else ():
        if drawn.count(name) != 1:
            raise ValueError(f"synthetic.columns: {name!r} must be drawn exactly once, is {drawn.count(name)} times")


def _numeric_columns(config: ModelConfig) -> Iterator[tuple[str, str]]:
    for ratio in config.derived.ratios:
        yield from (("derived.ratios", name) for name in (ratio.numerator, ratio.denominator))
    if config.derived.clusters:
        yield from (("derived.clusters.columns", name) for name in config.derived.clusters.columns)
    if config.split.stratify:
        yield "split.stratify.column", config.split.stratify.column
    yield from (("gate.directions", item.feature) for item in config.gate.directions)


def _features(config: ModelConfig) -> Iterator[tuple[str, str]]:
    yield from (("gate.slices.columns", name) for name in (config.gate.slices and config.gate.slices.columns) or ())
    yield from (("gate.invariances", item.feature) for item in config.gate.invariances)


def check_task(config: ModelConfig) -> None:
    """Estimators and metrics are those of the task."""
    if config.task == "classification" and config.estimator.target != "identity":
        raise ValueError("estimator.target: a scale goes with a regression")
    if config.task == "regression" and config.decision.by != "most_probable":
        raise ValueError("decision: a threshold goes with two classes")
    if config.task == "regression" and config.gate.calibration is not None:
        raise ValueError("gate.calibration: probabilities go with a classification")
    # Classes that are taken from the data are counted when they are known.
    if config.decision.by != "most_probable" and len(config.target.classes or (0, 1)) != 2:
        raise ValueError("decision: a threshold goes with two classes")
    if config.gate.directions and len(config.target.classes or (0, 1)) != 2:
        raise ValueError("gate.directions: an answer rises or falls where it is a number or one of two classes")
    for where, kind in _kinds(config):
        task = KINDS_OF_ONE_TASK.get(kind, config.task)
        if task != config.task:
            raise ValueError(f"{where}: {kind!r} goes with a {task}, not with a {config.task}")
    for where, metric in _metrics(config):
        if metric not in METRICS[config.task]:
            raise ValueError(f"{where}: {metric!r} is no metric of a {config.task}; there are {METRICS[config.task]}")


def _kinds(config: ModelConfig) -> Iterator[tuple[str, Kind]]:
    yield from _kinds_of("estimator", config.estimator)
    yield from (("selection.kinds", kind) for kind in config.selection.kinds or ())
    for at, candidate in enumerate(config.selection.candidates):
        yield from _kinds_of(f"selection.candidates.{at}.estimator", candidate.estimator)


def _kinds_of(where: str, estimator: Estimator) -> Iterator[tuple[str, Kind]]:
    yield f"{where}.kind", estimator.kind
    yield from ((f"{where}.members.{at}.kind", member.kind) for at, member in enumerate(estimator.members))
    if estimator.final is not None:
        yield f"{where}.final.kind", estimator.final.kind


def _metrics(config: ModelConfig) -> Iterator[tuple[str, str]]:
    if config.selection.metric is not None:
        yield "selection.metric", config.selection.metric
    yield from (("gate.metrics", metric) for metric in config.gate.metrics)
    if config.gate.champion is not None and config.gate.champion.metric is not None:
        yield "gate.champion.metric", config.gate.champion.metric


def check_invariances(config: ModelConfig) -> None:
    """The values that an invariance puts in are values that the feature takes."""
    features = {feature.name: feature for feature in config.features}
    for item in config.gate.invariances:
        for value in item.changes:
            if not _takes(features[item.feature], value):
                raise ValueError(
                    f"gate.invariances: {item.feature!r} takes {features[item.feature].expected()}, got {value!r}"
                )


def _takes(feature: Feature, value: float | str | bool) -> bool:
    if feature.type == "category":
        return isinstance(value, str) and (
            feature.unknown == "ignore" or feature.normalise(value) in (feature.categories or ())
        )
    if feature.type == "boolean":
        return isinstance(value, bool)
    number = not isinstance(value, str | bool) and feature.lower <= value <= feature.upper
    return number and (feature.type == "number" or float(value).is_integer())
