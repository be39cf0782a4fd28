"""The names of a pipeline's columns: the names from the fit, or the sample's header if the user asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.feature_extraction import DictVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from tabento.adopt.errors import AdoptionError


def column_names(pipeline: Any, header: Sequence[str] | None, *, by_name: bool = False) -> tuple[str, ...]:
    """Return the names of a fitted pipeline's input columns, in its order.

    Args:
        pipeline: fitted.
        header: the sample's columns without the target, if they may name the columns of a pipeline without names.
        by_name: whether ``header`` holds the names that ``--columns`` gives.

    Raises:
        AdoptionError: the pipeline has no names and no header was given, or the header has another number of columns.
    """
    names = _own_names(pipeline)
    if names is not None:
        return names
    if header is None:
        raise AdoptionError(_nameless_message(pipeline))
    count = getattr(pipeline, "n_features_in_", None)
    if by_name and len(set(header)) < len(header):
        raise AdoptionError(f"--columns: a name is given twice: {', '.join(map(repr, header))}. Name each column once.")
    if by_name and count is not None and count != len(header):
        raise AdoptionError(
            f"--columns: the pipeline takes {count} columns, and {len(header)} names were given:"
            f" {', '.join(map(repr, header))}. Name each column of the array on which it was fitted, in its order."
        )
    if count is not None and count != len(header):
        raise AdoptionError(
            f"--columns-from-sample: the pipeline takes {count} columns, and the sample has {len(header)} besides the"
            f" --target: {', '.join(map(repr, header))}. Give a sample with the columns of the array on which the"
            " pipeline was fitted, in its order."
        )
    return tuple(header)


def keeps_column_names(pipeline: Any) -> bool:
    """Return whether a fitted pipeline has names for its columns."""
    return _own_names(pipeline) is not None


def _own_names(pipeline: Any) -> tuple[str, ...] | None:
    """Return the names that a pipeline keeps, None if it has none; CatBoost has its own attribute for them."""
    names = getattr(pipeline, "feature_names_in_", None)
    if names is None:
        _, first = _first_step(pipeline)
        names = getattr(first, "feature_names_", None) if type(first).__module__.startswith("catboost.") else None
        # Columns of an array are called "0", "1" and so on.
        if names is not None and [str(name) for name in names] == [str(index) for index in range(len(names))]:
            return None
    return None if names is None else tuple(str(name) for name in names)


def _nameless_message(pipeline: Any) -> str:
    """Return the reason why a pipeline has no names for its columns, and the remedy."""
    name, first = _first_step(pipeline)
    kind = f"{type(first).__module__}.{type(first).__qualname__}"
    problem = f"the {type(pipeline).__name__} in the file does not know the names of its columns: "
    alternative = (
        "Or say --columns-from-sample: the sample's columns, without --target, are then used as the columns of the"
        " training data, in that order; or name them yourself, --columns NAME NAME …"
    )
    if isinstance(first, DictVectorizer):
        return (
            f"its first step{f' {name!r}' if name else ''} is a DictVectorizer, which takes dictionaries, and rows are"
            " tables with columns here. Fit make_column_transformer((OneHotEncoder(handle_unknown='ignore'), texts),"
            " remainder='passthrough') on a DataFrame in its place."
        )
    if kind.startswith("sklearn."):
        return (
            f"{problem}it was fitted on an array, or on a DataFrame whose column names are not all text. Fit it on a"
            f" DataFrame with names that are text, pipeline.fit(frame, target). {alternative}"
        )
    return (
        f"{problem}its first step{f' {name!r}' if name else ''}, a {kind}, has no feature_names_in_. Let its fit keep them,"
        " self.feature_names_in_ = frame.columns.to_numpy(), or call sklearn.utils.validation.validate_data(self, frame)"
        f" there, and fit the pipeline again. {alternative}"
    )


def _first_step(pipeline: Any) -> tuple[str, Any]:
    """Return the first step that receives the columns, with its name; the pipeline itself if it has no steps."""
    name, step = "", pipeline
    while True:
        inner = step.steps if isinstance(step, Pipeline) else []
        inner = step.transformer_list if isinstance(step, FeatureUnion) else inner
        if not inner or isinstance(inner[0][1], str) or inner[0][1] is None:
            return name, step
        name, step = inner[0][0], inner[0][1]
