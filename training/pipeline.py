"""The scikit-learn pipeline: from the frame of raw columns to a number in the target's unit, or to a label.

Everything that is learned from data is learned here and on the training split only; the exported graph repeats what
this pipeline answers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from bundle.contract import Feature
from bundle.numbers import value_text
from training.config import ConfigError, Decisions, Estimator, ModelConfig, load_class, module_folder
from training.errors import TrainingError
from training.estimators import build_estimator, takes_missing
from training.frames import to_frame, to_rows
from training.imputers import build_imputer, looks_across
from training.refusals import refused_parameter
from training.thresholds import ThresholdChoice, choose_threshold
from training.transformers.cluster_similarity import ClusterSimilarity
from training.transformers.date_parts import DateParts
from training.transformers.ratios import Ratios

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Group = tuple[str, Any, list[Any] | str]
"""A group of a column transformer: its name, its step, its columns; of a text its one column."""


class FitError(TrainingError):
    """The training data cannot be learned from with this config."""


def square_of_positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo a square root: max(x, 0)².

    The estimator may answer a little below zero on the root's scale; squaring that would turn "less than nothing" into
    "more than nothing".
    """
    positive = np.maximum(values, 0.0)
    return positive * positive


TARGET_SCALES: dict[str, tuple[Function, Function]] = {"sqrt": (np.sqrt, square_of_positive), "log": (np.log, np.exp)}
"""The scales on which a target can be learned: the function and its inverse."""


def build_pipeline(config: ModelConfig, decisions: Decisions | None = None) -> Pipeline:
    """Return the unfitted pipeline that a config describes.

    It takes the frame of ``training.frames.to_frame``, with all features of the contract, and answers float64 of shape
    (N,) in the target's unit, or labels. Its step ``features`` gives, in this order: numbers and integers, imputed;
    booleans, imputed with the more frequent value; ratios, cluster similarities and the config's own transformers, of
    imputed numbers; parts of timestamps; weighted words of texts; one column per category. A nullable category has one column more, for missing:
    that nothing was said may itself say something. An unknown category makes all of them zero. An imputation that looks
    across columns is done once, over all numbers, so ratios and similarities stand right behind these then. Parts of a
    timestamp that may be missing are imputed each by itself, with the median if the imputation of numbers looks across
    columns.

    A ratio whose denominator may be 0 is imputed as well, with its median, unless the estimator takes NaN.

    Args:
        config: the model's config.
        decisions: what the studies have decided; by default what the config itself says. A feature outside
            ``decisions.columns`` is left out with the ratios and the clusters that need it.

    Raises:
        ConfigError: a parameter is not known or not the config's to set, the estimator does not do the task, or no
            column is left.
    """
    decided = decisions or config.decisions()
    groups = _groups(config, decided)
    model = build_estimator(decided.estimator, config.task, config.seed)
    if decided.estimator.target != "identity":
        function, inverse = TARGET_SCALES[decided.estimator.target]
        model = TransformedTargetRegressor(model, func=function, inverse_func=inverse)
    # Words make a sparse matrix, which not every estimator takes.
    dense = {"sparse_threshold": 0.0} if any(feature.type == "text" for feature in _used(config, decided)) else {}
    return Pipeline([("features", ColumnTransformer(groups, **dense)), ("model", model)])


def _used(config: ModelConfig, decisions: Decisions) -> list[Feature]:
    """Return the features that the model uses, in the contract's order.

    Raises:
        ConfigError: a column is no feature, or none is left.
    """
    names = [feature.name for feature in config.features]
    unknown = [name for name in decisions.columns if name not in names]
    if unknown:
        raise ConfigError(f"columns: {unknown[0]!r} is no feature; there are {names}")
    if not decisions.columns:
        raise ConfigError(f"columns: expected at least one feature for the model, got none of {names}")
    return [feature for feature in config.features if feature.name in decisions.columns]


def _groups(config: ModelConfig, decisions: Decisions) -> list[Group]:
    """Return the column transformer's groups; a group without columns is left out."""
    used = _used(config, decisions)
    numeric = [feature.name for feature in used if feature.type in ("number", "integer")]
    booleans = [feature.name for feature in used if feature.type == "boolean"]
    categories = [feature for feature in used if feature.type == "category"]
    derived = _derived(config, decisions, numeric)
    groups: list[Group] = []
    if numeric and looks_across(decisions.impute):
        imputer = build_imputer(decisions.impute, config.seed)
        positions = [(name, step, [numeric.index(column) for column in columns]) for name, step, columns in derived]
        behind = ColumnTransformer([("numbers", "passthrough", list(range(len(numeric)))), *positions])
        groups.append(("numbers", Pipeline([("impute", imputer), ("derive", behind)]), numeric))
    elif numeric:
        groups.append(("numbers", build_imputer(decisions.impute, config.seed), numeric))
    if booleans:
        groups.append(("booleans", SimpleImputer(strategy="most_frequent"), booleans))
    if not looks_across(decisions.impute):
        for name, step, columns in derived:
            imputer = build_imputer(decisions.impute, config.seed)
            groups.append((name, Pipeline([("impute", imputer), ("derive", step)]), columns))
    groups += _dates(config, decisions, used)
    groups += _texts(config, used)
    if categories:
        encoder = OneHotEncoder(
            categories=[_known_values(feature) for feature in categories],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float64,
        )
        groups.append(("categories", encoder, [feature.name for feature in categories]))
    return groups


def _derived(config: ModelConfig, decisions: Decisions, numeric: Sequence[str]) -> list[Group]:
    """Return the groups of derived features all of whose columns are used, behind imputation."""
    groups: list[Group] = []
    ratios = [ratio for ratio in config.derived.ratios if {ratio.numerator, ratio.denominator} <= {*numeric}]
    if ratios:
        columns = list(dict.fromkeys(name for ratio in ratios for name in (ratio.numerator, ratio.denominator)))
        pairs = [(columns.index(ratio.numerator), columns.index(ratio.denominator)) for ratio in ratios]
        step: Any = Ratios(pairs, [ratio.name for ratio in ratios])
        risky = any(_may_be_zero(config, ratio.denominator) for ratio in ratios)
        if risky and not takes_missing(decisions.estimator):
            step = Pipeline([("divide", step), ("impute", SimpleImputer(strategy="median"))])
        groups.append(("ratios", step, columns))
    clusters = config.derived.clusters
    if clusters and decisions.n_clusters and {*clusters.columns} <= {*numeric}:
        places = ClusterSimilarity(decisions.n_clusters, clusters.gamma, random_state=config.seed, label=clusters.label)
        groups.append(("clusters", places, list(clusters.columns)))
    folder = module_folder(config)
    for place, custom in enumerate(config.derived.custom):
        if {*custom.columns} <= {*numeric}:
            own = load_class(custom.transformer, folder)(**custom.params)
            groups.append((f"custom_{place}", own, list(custom.columns)))
    return groups


def _dates(config: ModelConfig, decisions: Decisions, used: Sequence[Feature]) -> list[Group]:
    """Return the group of the parts of timestamps; the timestamps themselves are given to no model."""
    parts = {dates.column: dates.parts for dates in config.derived.dates}
    timestamps = [feature for feature in used if feature.name in parts]
    if not timestamps:
        return []
    step: Any = DateParts([parts[feature.name] for feature in timestamps])
    if any(feature.nullable for feature in timestamps):
        impute = "median" if looks_across(decisions.impute) else decisions.impute
        step = Pipeline([("parts", step), ("impute", build_imputer(impute, config.seed))])
    return [("dates", step, [feature.name for feature in timestamps])]


def _texts(config: ModelConfig, used: Sequence[Feature]) -> list[Group]:
    """Return one group for each text: its words, weighted. A vectorizer takes a single column, named without brackets."""
    groups: list[Group] = []
    for place, terms in enumerate(config.derived.texts):
        if any(feature.name == terms.column for feature in used):
            given = terms.model_dump(exclude={"column"})
            if isinstance(terms.stop_words, tuple):
                given["stop_words"] = list(terms.stop_words)
            groups.append((f"text_{place}", TfidfVectorizer(**given), terms.column))
    return groups


def _may_be_zero(config: ModelConfig, name: str) -> bool:
    feature = next(feature for feature in config.features if feature.name == name)
    return feature.lower <= 0 <= feature.upper


def _known_values(feature: Feature) -> NDArray[np.object_]:
    values = [*(feature.categories or ()), *([None] if feature.nullable else [])]
    return np.array(values, dtype=object)


def fit_pipeline(
    config: ModelConfig,
    train_frame: pd.DataFrame,
    decisions: Decisions | None = None,
    *,
    threshold: ThresholdChoice | None = None,
    decide: bool = True,
) -> Pipeline:
    """Fit the pipeline on the training split.

    Linear algebra and OpenMP are held to one thread: k-means and boosting add in an order that follows the number of
    threads, and the same seed has to give the same model, byte for byte, on a laptop and on a build machine.

    Where ``config.decision`` asks for a decision threshold, the last step becomes a ``FixedThresholdClassifier`` with it.

    Args:
        config: the model's config.
        train_frame: a validated frame with the features and the target, at least two rows.
        decisions: what the studies have decided; by default what the config itself says.
        threshold: the decision threshold where it has been chosen already, on the same rows (``threshold_for``).
        decide: whether a threshold is put in at all; probabilities do not change with it, and choosing one by
            cross-validation costs five more fits.

    Returns:
        The fitted pipeline.

    Raises:
        ConfigError: the estimator refuses a parameter; the message names the config's key and what is allowed.
        FitError: the target is missing, not finite or does not fit the target's scale; a class has no row or too few to
            choose a threshold; or a column has no value at all.
    """
    decided = decisions or config.decisions()
    pipeline = build_pipeline(config, decided)
    target = learned_target(config, train_frame, decided)
    frame = _features(config, train_frame, decided)
    if decide:
        chosen = threshold or _threshold(config, pipeline, frame, target, decided)
        if chosen.threshold is not None:
            _decide_by(pipeline, chosen.threshold, config)
    return _fit(pipeline, frame, target, config, decided)


def threshold_for(
    config: ModelConfig, train_frame: pd.DataFrame, decisions: Decisions | None = None
) -> ThresholdChoice:
    """Choose the decision threshold that ``config.decision`` asks for, inside the training part.

    Arguments and errors are those of ``fit_pipeline``.
    """
    decided = decisions or config.decisions()
    target = learned_target(config, train_frame, decided)
    frame = _features(config, train_frame, decided)
    return _threshold(config, build_pipeline(config, decided), frame, target, decided)


def threshold_of(pipeline: Pipeline) -> float | None:
    """Return the decision threshold of a fitted pipeline, None where it answers numbers or the most probable class."""
    model = pipeline.steps[-1][1]
    return float(model.threshold) if isinstance(model, FixedThresholdClassifier) else None


def learned_target(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions | None = None) -> NDArray[Any]:
    """Return what the pipeline learns: numbers, float64 of shape (N,), or labels of shape (N,).

    Args:
        config: the model's config.
        frame: validated rows with the target, at least two.
        decisions: say on which scale a regression learns.

    Raises:
        FitError: the target is not there, not finite, outside its scale, or a class does not occur.
    """
    name = config.target.name
    if name not in frame.columns:
        raise FitError(f"expected a column {name!r}, the target, in the training frame, got {list(frame.columns)}")
    values: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if len(values) < 2:
        raise FitError(f"expected at least two training rows, got {len(values)}")
    if config.target.classes is not None:
        return _labels(config, values)
    scale = (decisions or config.decisions()).estimator.target
    wrong = ~np.isfinite(values)
    expected = "a finite number"
    if scale != "identity":
        wrong |= values <= 0
        expected = f"a number above 0 (estimator.target is {scale!r})"
    _refuse(config, values, wrong, expected, "repair the labels or change `estimator.target`")
    return values


def _labels(config: ModelConfig, values: NDArray[np.float64]) -> NDArray[Any]:
    """Return the label of each row, in a type that scikit-learn keeps."""
    classes = config.target.classes or ()
    known = np.arange(len(classes))
    wrong = ~np.isin(values, known)
    _refuse(config, values, wrong, f"the index of one of {len(classes)} classes", "validate the data first")
    absent = [classes[at].label for at in np.setdiff1d(known, values)]
    if absent:
        raise FitError(
            f"target {config.target.name!r}: expected training rows of every class, got none of {absent[0]!r}:"
            " take more rows, or stratify the split by class"
        )
    labels: NDArray[Any] = np.array(config.target.learned_labels)[values.astype(np.intp)]
    return labels


def _refuse(
    config: ModelConfig, values: NDArray[np.float64], wrong: NDArray[np.bool_], expected: str, remedy: str
) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FitError(
            f"target {config.target.name!r}: expected {expected} in every row, got {value_text(values[row])} in row {row} and"
            f" {int(wrong.sum()) - 1} more: {remedy}"
        )


def _features(config: ModelConfig, frame: pd.DataFrame, decisions: Decisions) -> pd.DataFrame:
    """Return the frame on which is fitted, as the service would make it, after a look at what cannot be learned from."""
    contract = config.contract()
    rows = to_rows(frame, contract)
    empty = [
        feature.name
        for feature, column in zip(contract.features, rows.T, strict=True)
        if feature.type != "category" and feature.name in decisions.columns and np.isnan(column).all()
    ]
    if empty:
        raise FitError(f"expected a value in at least one training row of each column, got none in {empty}: drop them")
    clusters = config.derived.clusters
    if clusters and decisions.n_clusters and {*clusters.columns} <= {*decisions.columns}:
        places = len(np.unique(rows[:, [contract.feature_names.index(name) for name in clusters.columns]], axis=0))
        if places < decisions.n_clusters:
            raise ConfigError(
                f"derived.clusters.n_clusters: got {decisions.n_clusters}, but the training rows have only {places}"
                f" distinct places; allowed is 1 to {places}"
            )
    return to_frame(rows, contract)


def fit_on_one_thread(model: Any, columns: Any, target: NDArray[Any], config: ModelConfig, estimator: Estimator) -> Any:
    """Fit on one thread, with the libraries' complaints about parameters in the config's words; return the model.

    Args:
        model: a pipeline or an estimator.
        columns: what it learns from, N rows.
        target: shape (N,), see ``learned_target``.
        config: gives the task.
        estimator: the config's estimator, whose parameters a complaint names.

    Raises:
        ConfigError: a parameter is refused; the message names the config's key and what is allowed.
        Exception: whatever else the fit raises.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # A solver that stops at max_iter is judged by its score, like everything else.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return model.fit(columns, target)
        except Exception as error:
            refused = refused_parameter(error, estimator, config.task)
            if refused is not None:
                raise ConfigError(refused) from error
            raise


def _fit(
    pipeline: Pipeline, frame: pd.DataFrame, target: NDArray[Any], config: ModelConfig, decisions: Decisions
) -> Pipeline:
    """Fit a pipeline; values that it cannot learn from are told in words."""
    try:
        fitted: Pipeline = fit_on_one_thread(pipeline, frame, target, config, decisions.estimator)
    except ValueError as error:
        raise FitError(f"{decisions.estimator.kind} cannot learn from the training rows: {error}") from error
    return fitted


def _threshold(
    config: ModelConfig, pipeline: Pipeline, frame: pd.DataFrame, target: NDArray[Any], decisions: Decisions
) -> ThresholdChoice:
    def fit(rows: NDArray[np.intp]) -> Any:
        return _fit(clone(pipeline), frame.iloc[rows], target[rows], config, decisions)

    positive = config.target.learned_labels[1] if config.target.classes else None
    return choose_threshold(config.decision, fit, frame, target == positive, config.seed)


def _decide_by(pipeline: Pipeline, threshold: float, config: ModelConfig) -> None:
    """Put a threshold around the unfitted last step of a pipeline."""
    if not config.target.classes:
        raise FitError(f"expected a classification for a decision threshold, got {config.task}")
    name, model = pipeline.steps[-1]
    decided = FixedThresholdClassifier(
        model,
        # As a NumPy number it is compared in double, even with the float32 probabilities that some libraries answer.
        threshold=np.float64(threshold),
        response_method="predict_proba",
        pos_label=config.target.learned_labels[1],
    )
    pipeline.steps[-1] = (name, decided)
