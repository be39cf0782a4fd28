"""What must agree between the parts of a config; each part has looked at itself before.

Every function takes the whole config and yields each disagreement: its place, the key, what came and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bundle.contract import Feature, timestamp_seconds
from bundle.format import TERMS_LIMIT
from training.config.estimator import KINDS_OF_ONE_TASK, Estimator
from training.config.faults import ConfigFault, did_you_mean
from training.config.study import METRICS, REPORTED
from training.config.text import Path_
from training.config.types import Kind, Task

if TYPE_CHECKING:
    from training.config.model import ModelConfig


def disagreements(config: ModelConfig) -> Iterator[ConfigFault]:
    """Yield all that does not go together in a config."""
    yield from _target(config)
    yield from _names(config)
    yield from _columns(config)
    yield from _dates(config)
    yield from _texts(config)
    yield from _task(config)
    yield from _invariances(config)


def _target(config: ModelConfig) -> Iterator[ConfigFault]:
    """The target has what belongs to classes only if the task is a classification."""
    target = config.target
    if config.task == "regression":
        for key in ("classes", "positive", "ranking"):
            if getattr(target, key):
                said = f"target.{key}: goes with `task: classification` and only with it, got task 'regression'"
                yield ConfigFault(("target", key), said)
    elif target.unit is not None or target.minimum is not None or target.maximum is not None:
        said = "target: `unit`, `minimum` and `maximum` go with a regression, got task 'classification'"
        yield ConfigFault(("target",), said)


def _names(config: ModelConfig) -> Iterator[ConfigFault]:
    """Each column has one part to play, and derived features have names of their own."""
    known = [feature.name for feature in config.features]
    others = {*known, config.target.name, *(identifier.name for identifier in config.identifiers)}
    for column in config.drop:
        if column in others:
            said = f"drop: {column!r} is also a feature, an identifier or the target; it cannot be both"
            yield ConfigFault(("drop", column), said)
    for place, column in enumerate(config.evaluation.also_with):
        if column not in config.drop:
            said = (
                f"evaluation.also_with: {column!r} is not dropped, so there is nothing to compare; `drop` has"
                f" {sorted(config.drop)}{did_you_mean(column, config.drop)}"
            )
            yield ConfigFault(("evaluation", "also_with", place), said)
    everything = [*known, config.target.name, *config.drop, *(identifier.name for identifier in config.identifiers)]
    for column in config.card.sensitive:
        if column not in everything:
            said = (
                f"card.sensitive: {column!r} is no column of this model; there are {sorted(everything)}"
                f"{did_you_mean(column, everything)}"
            )
            yield ConfigFault(("card", "sensitive", column), said)
    names = [ratio.name for ratio in config.derived.ratios]
    if len(set(names)) != len(names) or set(names) & set(known):
        yield ConfigFault(("derived", "ratios"), f"derived.ratios: the names {names} must be new and distinct")
    taken = {*known, *names}
    for place, dates in enumerate(config.derived.dates):
        twice = taken.intersection(dates.names())
        if twice:
            said = (
                f"derived.dates: {min(twice)!r} is already a feature; a part is called by its column and its own name"
            )
            yield ConfigFault(("derived", "dates", place), said)
        taken.update(dates.names())
    if config.synthetic is not None:
        drawn = [column.name for column in config.synthetic.columns]
        for name in (*known, config.target.name):
            if drawn.count(name) != 1:
                said = f"synthetic.columns: {name!r} must be drawn exactly once, is {drawn.count(name)} times"
                yield ConfigFault(("synthetic", "columns"), said)


def _columns(config: ModelConfig) -> Iterator[ConfigFault]:
    """Every name of a column is one, of the right type."""
    known = [feature.name for feature in config.features]
    numeric = [feature.name for feature in config.features if feature.type in ("number", "integer")]
    for path, name in _numeric_columns(config):
        key = ".".join(str(part) for part in path if isinstance(part, str))
        key = key.removesuffix(".feature")
        allowed = [*numeric, config.target.name] if key.startswith("split") else numeric
        if name not in allowed:
            said = f"{key}: {name!r} is no numeric feature; there are {sorted(allowed)}{did_you_mean(name, allowed)}"
            yield ConfigFault(path, said)
    for path, name in _features(config):
        key = ".".join(str(part) for part in path if isinstance(part, str)).removesuffix(".feature")
        if name not in known:
            said = f"{key}: {name!r} is no feature; there are {sorted(known)}{did_you_mean(name, known)}"
            yield ConfigFault(path, said)


def _numeric_columns(config: ModelConfig) -> Iterator[tuple[Path_, str]]:
    for place, ratio in enumerate(config.derived.ratios):
        for key in ("numerator", "denominator"):
            yield ("derived", "ratios", place, key), getattr(ratio, key)
    if config.derived.clusters:
        for place, name in enumerate(config.derived.clusters.columns):
            yield ("derived", "clusters", "columns", place), name
    for place, custom in enumerate(config.derived.custom):
        for position, name in enumerate(custom.columns):
            yield ("derived", "custom", place, "columns", position), name
    if config.split.stratify:
        yield ("split", "stratify", "column"), config.split.stratify.column
    for place, item in enumerate(config.gate.directions):
        yield ("gate", "directions", place, "feature"), item.feature


def _features(config: ModelConfig) -> Iterator[tuple[Path_, str]]:
    for place, name in enumerate((config.gate.slices and config.gate.slices.columns) or ()):
        yield ("gate", "slices", "columns", place), name
    for place, item in enumerate(config.gate.invariances):
        yield ("gate", "invariances", place, "feature"), item.feature


def _derived_once(
    config: ModelConfig, what: tuple[str, str, list[str]], remedy: str, paste: str
) -> Iterator[ConfigFault]:
    """Yield what is wrong with features of a type of which the model sees nothing but what is derived from them.

    Args:
        what: the type of the features, the key under ``derived``, and the columns that are named there.
        remedy: what to do with a column that is named twice.
        paste: the line that derives something of ``{name}``.
    """
    kind, key, derived = what
    known = [feature.name for feature in config.features if feature.type == kind]
    for place, name in enumerate(derived):
        path = ("derived", key, place, "column")
        if name not in known:
            said = f"derived.{key}.column: {name!r} is no {kind}; there are {known}{did_you_mean(name, known)}"
            yield ConfigFault(path, said)
        elif name in derived[:place]:
            yield ConfigFault(path, f"derived.{key}.column: {name!r} appears twice; {remedy}")
    for place, feature in enumerate(config.features):
        if feature.type == kind and feature.name not in derived:
            said = (
                f"features: {feature.name!r} is a {kind} of which the model sees nothing; add"
                f" `{paste.format(name=feature.name)}` under `derived`, or put it under `drop`"
            )
            yield ConfigFault(("features", place), said)


def _dates(config: ModelConfig) -> Iterator[ConfigFault]:
    """Each timestamp says once which of its parts the model sees."""
    derived = [dates.column for dates in config.derived.dates]
    yield from _derived_once(
        config,
        ("timestamp", "dates", derived),
        "list all parts in one place",
        "dates: [{{column: {name}, parts: [year, month, weekday, hour]}}]",
    )


def _texts(config: ModelConfig) -> Iterator[ConfigFault]:
    """Each text says once which of its words the model sees."""
    derived = [terms.column for terms in config.derived.texts]
    yield from _derived_once(
        config,
        ("text", "texts", derived),
        "write one entry for it",
        "texts: [{{column: {name}, max_features: 1000}}]",
    )
    for place, feature in enumerate(config.features):
        if feature.type == "text" and feature.nullable:
            said = (
                f"features: {feature.name!r} is a text, which cannot be null: an empty text says that there is nothing"
            )
            yield ConfigFault(("features", place, "nullable"), said)
    total = sum(terms.max_features for terms in config.derived.texts)
    if total > TERMS_LIMIT:
        said = f"derived.texts: {total:,} words in all are too many; a model takes up to {TERMS_LIMIT:,}"
        yield ConfigFault(("derived", "texts"), said)


def _task(config: ModelConfig) -> Iterator[ConfigFault]:
    """Estimators and metrics are those of the task."""
    # Classes that are taken from the data are counted when they are known.
    classes = len(config.target.classes or (0, 1)) if config.task == "classification" else 0
    if config.task == "classification" and config.estimator.target != "identity":
        yield ConfigFault(("estimator", "target"), "estimator.target: a scale goes with a regression")
    if config.task == "regression" and config.gate.calibration is not None:
        yield ConfigFault(("gate", "calibration"), "gate.calibration: probabilities go with a classification")
    if config.decision.by != "most_probable" and classes != 2:
        yield ConfigFault(("decision",), "decision: a threshold goes with two classes")
    if config.gate.directions and classes not in (0, 2):
        said = "gate.directions: an answer rises or falls where it is a number or one of two classes"
        yield ConfigFault(("gate", "directions"), said)
    for path, kind in _kinds(config):
        task = KINDS_OF_ONE_TASK.get(kind, config.task)
        if task != config.task:
            key = ".".join(str(part) for part in path)
            if path[:2] == ("selection", "kinds"):
                key = "selection.kinds"
            yield ConfigFault(path, f"{key}: {kind!r} goes with a {task}, not with a {config.task}")
    for path, metric, known in _metrics(config):
        if metric not in known[config.task]:
            key = "gate.metrics" if path[:2] == ("gate", "metrics") else ".".join(str(part) for part in path)
            said = f"{key}: {metric!r} is no metric of a {config.task}; there are {known[config.task]}"
            yield ConfigFault(path, said)


def _kinds(config: ModelConfig) -> Iterator[tuple[Path_, Kind]]:
    yield from _kinds_of(("estimator",), config.estimator)
    for place, kind in enumerate(config.selection.kinds or ()):
        yield ("selection", "kinds", place), kind
    for place, candidate in enumerate(config.selection.candidates):
        yield from _kinds_of(("selection", "candidates", place, "estimator"), candidate.estimator)
    for place, grid in enumerate(config.selection.grids):
        yield ("selection", "grids", place, "kind"), grid.kind


def _kinds_of(path: Path_, estimator: Estimator) -> Iterator[tuple[Path_, Kind]]:
    yield (*path, "kind"), estimator.kind
    for place, member in enumerate(estimator.members):
        yield (*path, "members", place, "kind"), member.kind
    if estimator.final is not None:
        yield (*path, "final", "kind"), estimator.final.kind


def _metrics(config: ModelConfig) -> Iterator[tuple[Path_, str, Mapping[Task, tuple[str, ...]]]]:
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
    for place, item in enumerate(config.gate.invariances):
        feature = features.get(item.feature)
        for position, value in enumerate(item.changes if feature is not None else ()):
            if feature is not None and not _takes(feature, value):
                said = f"gate.invariances: {item.feature!r} takes {feature.expected()}, got {value!r}"
                yield ConfigFault(("gate", "invariances", place, "changes", position), said)


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
