"""Checks between the parts of a config. Each part has checked itself before.

Every function takes the whole config and yields each disagreement: its place, the key, the value and the allowed values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tabento.bundle.contract import INTERVAL_GROUP_TYPES, Feature, timestamp_seconds
from tabento.bundle.format import TERMS_LIMIT
from training.config.estimator import KINDS_OF_ONE_TASK, Estimator
from training.config.faults import ConfigFault, did_you_mean
from training.config.study import METRICS, REPORTED
from training.config.text import KeyPath
from training.config.types import Kind, Task

if TYPE_CHECKING:
    from training.config.model import ModelConfig


def disagreements(config: ModelConfig) -> Iterator[ConfigFault]:
    """Yield each pair of values in a config that contradict each other."""
    yield from _target(config)
    yield from _names(config)
    yield from _columns(config)
    yield from _dates(config)
    yield from _texts(config)
    yield from _task(config)
    yield from _invariances(config)
    yield from _intervals(config)


def _target(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that the target has the keys of classes only if the task is a classification."""
    target = config.target
    if config.task == "regression":
        for key in ("classes", "positive", "ranking"):
            if getattr(target, key):
                message = f"target.{key}: goes with `task: classification` and only with it, got task 'regression'"
                yield ConfigFault(("target", key), message)
    elif target.unit is not None or target.minimum is not None or target.maximum is not None:
        message = "target: `unit`, `minimum` and `maximum` go with a regression, got task 'classification'"
        yield ConfigFault(("target",), message)


def _intervals(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that intervals are asked of a regression and sets of a classification, and that the feature of groups has an order."""
    if config.intervals is not None and config.task != "regression":
        message = "intervals: goes with a regression, got task 'classification': use `sets`"
        yield ConfigFault(("intervals",), message)
    if config.sets is not None and config.task != "classification":
        yield ConfigFault(("sets",), "sets: goes with a classification, got task 'regression': use `intervals`")
    by = config.intervals.by if config.intervals is not None else None
    names = [column.name for column in config.features if column.type in INTERVAL_GROUP_TYPES]
    if by is not None and by not in names:
        message = (
            f"intervals.by: expected a feature of type {', '.join(INTERVAL_GROUP_TYPES)}, got {by!r}; there are"
            f" {sorted(names)}{did_you_mean(by, names)}"
        )
        yield ConfigFault(("intervals", "by"), message)


def _names(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that each column has one role and that the names of derived features are new."""
    feature_names = [feature.name for feature in config.features]
    used_columns = {*feature_names, config.target.name, *(identifier.name for identifier in config.identifiers)}
    for column in config.drop:
        if column in used_columns:
            message = f"drop: {column!r} is also a feature, an identifier or the target; it cannot be both"
            yield ConfigFault(("drop", column), message)
    for index, column in enumerate(config.evaluation.also_with):
        if column not in config.drop:
            message = (
                f"evaluation.also_with: {column!r} is not dropped, so there is nothing to compare; `drop` has"
                f" {sorted(config.drop)}{did_you_mean(column, config.drop)}"
            )
            yield ConfigFault(("evaluation", "also_with", index), message)
    all_columns = [
        *feature_names,
        config.target.name,
        *config.drop,
        *(identifier.name for identifier in config.identifiers),
    ]
    for column in config.card.sensitive:
        if column not in all_columns:
            message = (
                f"card.sensitive: {column!r} is not a column of this model; there are {sorted(all_columns)}"
                f"{did_you_mean(column, all_columns)}"
            )
            yield ConfigFault(("card", "sensitive", column), message)
    names = [ratio.name for ratio in config.derived.ratios]
    if len(set(names)) != len(names) or set(names) & set(feature_names):
        yield ConfigFault(("derived", "ratios"), f"derived.ratios: the names {names} must be new and distinct")
    used_names = {*feature_names, *names}
    for index, dates in enumerate(config.derived.dates):
        repeated_names = used_names.intersection(dates.names())
        if repeated_names:
            message = (
                f"derived.dates: {min(repeated_names)!r} is already a feature; the name of a part consists of its column and"
                " its own name"
            )
            yield ConfigFault(("derived", "dates", index), message)
        used_names.update(dates.names())
    if config.synthetic is not None:
        generated_columns = [column.name for column in config.synthetic.columns]
        for name in (*feature_names, config.target.name):
            if generated_columns.count(name) != 1:
                message = f"synthetic.columns: {name!r} must be listed exactly once, it is listed {generated_columns.count(name)} times"
                yield ConfigFault(("synthetic", "columns"), message)


def _columns(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that each key that names a column names a column of the right type."""
    feature_names = [feature.name for feature in config.features]
    numeric_names = [feature.name for feature in config.features if feature.type in ("number", "integer")]
    for path, name in _numeric_columns(config):
        key = ".".join(str(part) for part in path if isinstance(part, str))
        key = key.removesuffix(".feature")
        allowed_names = [*numeric_names, config.target.name] if key.startswith("split") else numeric_names
        if name not in allowed_names:
            message = f"{key}: {name!r} is not a numeric feature; there are {sorted(allowed_names)}{did_you_mean(name, allowed_names)}"
            yield ConfigFault(path, message)
    for path, name in _features(config):
        key = ".".join(str(part) for part in path if isinstance(part, str)).removesuffix(".feature")
        if name not in feature_names:
            message = f"{key}: {name!r} is not a feature; there are {sorted(feature_names)}{did_you_mean(name, feature_names)}"
            yield ConfigFault(path, message)


def _numeric_columns(config: ModelConfig) -> Iterator[tuple[KeyPath, str]]:
    for index, ratio in enumerate(config.derived.ratios):
        for key in ("numerator", "denominator"):
            yield ("derived", "ratios", index, key), getattr(ratio, key)
    if config.derived.clusters:
        for index, name in enumerate(config.derived.clusters.columns):
            yield ("derived", "clusters", "columns", index), name
    for index, custom in enumerate(config.derived.custom):
        for position, name in enumerate(custom.columns):
            yield ("derived", "custom", index, "columns", position), name
    if config.split.stratify:
        yield ("split", "stratify", "column"), config.split.stratify.column
    for index, item in enumerate(config.gate.directions):
        yield ("gate", "directions", index, "feature"), item.feature


def _features(config: ModelConfig) -> Iterator[tuple[KeyPath, str]]:
    for index, name in enumerate((config.gate.slices and config.gate.slices.columns) or ()):
        yield ("gate", "slices", "columns", index), name
    for index, item in enumerate(config.gate.invariances):
        yield ("gate", "invariances", index, "feature"), item.feature


def _derived_once(
    config: ModelConfig, derivation: tuple[str, str, list[str]], remedy: str, paste: str
) -> Iterator[ConfigFault]:
    """Yield the errors of features of a type that the model sees only through derived features.

    Args:
        config: the whole config.
        derivation: the type of the features, the key under ``derived``, and the columns that are named there.
        remedy: the remedy for a column that is named twice.
        paste: the line that derives features of ``{name}``.
    """
    kind, key, derived = derivation
    features_of_type = [feature.name for feature in config.features if feature.type == kind]
    for index, name in enumerate(derived):
        path = ("derived", key, index, "column")
        if name not in features_of_type:
            message = f"derived.{key}.column: {name!r} is not a {kind}; there are {features_of_type}{did_you_mean(name, features_of_type)}"
            yield ConfigFault(path, message)
        elif name in derived[:index]:
            yield ConfigFault(path, f"derived.{key}.column: {name!r} appears twice; {remedy}")
    for index, feature in enumerate(config.features):
        if feature.type == kind and feature.name not in derived:
            message = (
                f"features: {feature.name!r} is a {kind} that the model cannot use directly; add"
                f" `{paste.format(name=feature.name)}` under `derived`, or put it under `drop`"
            )
            yield ConfigFault(("features", index), message)


def _dates(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that each timestamp lists once which of its parts the model sees."""
    derived = [dates.column for dates in config.derived.dates]
    yield from _derived_once(
        config,
        ("timestamp", "dates", derived),
        "list all parts in one place",
        "dates: [{{column: {name}, parts: [year, month, weekday, hour]}}]",
    )


def _texts(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that each text has one entry that selects the words that the model sees."""
    derived = [terms.column for terms in config.derived.texts]
    yield from _derived_once(
        config,
        ("text", "texts", derived),
        "write one entry for it",
        "texts: [{{column: {name}, max_features: 1000}}]",
    )
    for index, feature in enumerate(config.features):
        if feature.type == "text" and feature.nullable:
            message = (
                f"features: {feature.name!r} is a text, which cannot be null: an empty text means that there is no text"
            )
            yield ConfigFault(("features", index, "nullable"), message)
    total = sum(terms.max_features for terms in config.derived.texts)
    if total > TERMS_LIMIT:
        message = f"derived.texts: {total:,} words in total are too many; a model takes up to {TERMS_LIMIT:,}"
        yield ConfigFault(("derived", "texts"), message)


def _task(config: ModelConfig) -> Iterator[ConfigFault]:
    """Check that estimators and metrics fit the task."""
    # Classes that are taken from the data are counted later, when they are known.
    classes = len(config.target.classes or (0, 1)) if config.task == "classification" else 0
    if config.task == "classification" and config.estimator.target != "identity":
        yield ConfigFault(("estimator", "target"), "estimator.target: a scale goes with a regression")
    if config.task == "regression" and config.gate.calibration is not None:
        yield ConfigFault(("gate", "calibration"), "gate.calibration: probabilities go with a classification")
    if config.decision.by != "most_probable" and classes != 2:
        yield ConfigFault(("decision",), "decision: a threshold goes with two classes")
    if config.gate.directions and classes not in (0, 2):
        message = "gate.directions: an answer rises or falls only if it is a number or one of two classes"
        yield ConfigFault(("gate", "directions"), message)
    for path, kind in _kinds(config):
        task = KINDS_OF_ONE_TASK.get(kind, config.task)
        if task != config.task:
            key = ".".join(str(part) for part in path)
            if path[:2] == ("selection", "kinds"):
                key = "selection.kinds"
            yield ConfigFault(path, f"{key}: {kind!r} goes with a {task}, not with a {config.task}")
    for path, metric, allowed_metrics in _metrics(config):
        if metric not in allowed_metrics[config.task]:
            key = "gate.metrics" if path[:2] == ("gate", "metrics") else ".".join(str(part) for part in path)
            message = f"{key}: {metric!r} is not a metric of a {config.task}; there are {allowed_metrics[config.task]}"
            yield ConfigFault(path, message)


def _kinds(config: ModelConfig) -> Iterator[tuple[KeyPath, Kind]]:
    yield from _kinds_of(("estimator",), config.estimator)
    for index, kind in enumerate(config.selection.kinds or ()):
        yield ("selection", "kinds", index), kind
    for index, candidate in enumerate(config.selection.candidates):
        yield from _kinds_of(("selection", "candidates", index, "estimator"), candidate.estimator)
    for index, grid in enumerate(config.selection.grids):
        yield ("selection", "grids", index, "kind"), grid.kind


def _kinds_of(path: KeyPath, estimator: Estimator) -> Iterator[tuple[KeyPath, Kind]]:
    yield (*path, "kind"), estimator.kind
    for index, member in enumerate(estimator.members):
        yield (*path, "members", index, "kind"), member.kind
    if estimator.final is not None:
        yield (*path, "final", "kind"), estimator.final.kind


def _metrics(config: ModelConfig) -> Iterator[tuple[KeyPath, str, Mapping[Task, tuple[str, ...]]]]:
    """Yield where a metric is named, the metric, and which metrics may be named there."""
    if config.selection.metric is not None:
        yield ("selection", "metric"), config.selection.metric, METRICS
    for metric in config.gate.metrics:
        yield ("gate", "metrics", metric), metric, REPORTED
    if config.gate.champion is not None and config.gate.champion.metric is not None:
        yield ("gate", "champion", "metric"), config.gate.champion.metric, METRICS


def _invariances(config: ModelConfig) -> Iterator[ConfigFault]:
    """The values that an invariance puts in are values that the feature takes."""
    features = {feature.name: feature for feature in config.features}
    for index, item in enumerate(config.gate.invariances):
        feature = features.get(item.feature)
        for position, value in enumerate(item.changes if feature is not None else ()):
            if feature is not None and not _takes(feature, value):
                message = f"gate.invariances: {item.feature!r} takes {feature.expected()}, got {value!r}"
                yield ConfigFault(("gate", "invariances", index, "changes", position), message)


def _takes(feature: Feature, value: float | str | bool) -> bool:
    if feature.type == "category":
        return isinstance(value, str) and (
            feature.unknown == "ignore" or feature.normalise(value) in (feature.categories or ())
        )
    if feature.type == "boolean":
        return isinstance(value, bool)
    if feature.type == "text":
        return isinstance(value, str) and feature.takes_text(value)
    if feature.type == "timestamp":
        seconds = timestamp_seconds(value) if isinstance(value, str) else None
        return seconds is not None and feature.lower <= seconds <= feature.upper
    number = not isinstance(value, str | bool) and feature.lower <= value <= feature.upper
    return number and (feature.type == "number" or float(value).is_integer())
