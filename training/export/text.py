"""Text vectorizers: words become numbers in front of the graph, and the graph takes these numbers.

A vectorizer is described by a ``bundle.texts.TextBlock``; the service and the proof make its numbers in Python, in the
order in which scikit-learn adds and divides, so they have the same bits. In the graph a vectorizer is a piece of the
row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, StringStringEntryProto
from pydantic import ValidationError
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.multiclass import OneVsRestClassifier

from bundle.format import INPUT_NAME
from bundle.terms import Analysis
from bundle.texts import TERMS_LIMIT, TEXTS_KEY, TextBlock, Weight, written_texts
from training.export.graph import Graph, TextPiece
from training.export.pen import Pen
from training.export.registry import refuse_kind, takes_text, transformer
from training.export.values import Columns, TextCodes
from training.transformers.text_column import TextColumn

takes_text(CountVectorizer, HashingVectorizer, TfidfVectorizer, TextColumn)
# They hand what they are given on to the estimators inside, as it is.
takes_text(
    *(GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV, FrozenEstimator),
    *(FixedThresholdClassifier, TunedThresholdClassifierCV, CalibratedClassifierCV, OneVsRestClassifier),
    *(VotingClassifier, VotingRegressor, StackingClassifier, StackingRegressor),
)

refuse_kind(
    DictVectorizer,
    "it takes dictionaries, and what a step in front of it puts into them is not known",
    "OneHotEncoder(handle_unknown='ignore') for the texts and passthrough for the numbers, in a ColumnTransformer",
)

_DTYPES = (np.dtype(np.float64), np.dtype(np.int64))
_BY_NAME = "the column's name without brackets: ('words', TfidfVectorizer(), 'review')"


@transformer(TextColumn)
def text_column(pen: Pen, model: TextColumn, columns: Columns) -> Columns:  # noqa: ARG001 - as all converters
    """The one column of a frame as a series."""
    if columns.width != 1:
        raise pen.refusal(f"it takes one column and gets {columns.width}", "a frame of one column")
    return dataclasses.replace(columns, series=True)


@transformer(CountVectorizer)
def count(pen: Pen, model: CountVectorizer, columns: Columns) -> Columns:
    """How often each term is met."""
    weights: list[Weight] = ["binary"] if model.binary else []
    return _vectorized(pen, model, columns, weights)


@transformer(TfidfVectorizer)
def tfidf(pen: Pen, model: TfidfVectorizer, columns: Columns) -> Columns:
    """How often each term is met, weighted."""
    weights, idf = _tfidf_weights(pen, model._tfidf)
    if model.binary:
        weights.insert(0, "binary")
    return _vectorized(pen, model, columns, weights, idf)


@transformer(HashingVectorizer)
def hashing(pen: Pen, model: HashingVectorizer, columns: Columns) -> Columns:
    """How often the terms of each hash are met."""
    if model.n_features > TERMS_LIMIT:
        raise pen.refusal(
            f"it makes {model.n_features:,} columns, and a graph takes up to {TERMS_LIMIT:,} columns of terms",
            f"n_features={TERMS_LIMIT} or fewer, or TfidfVectorizer(max_features={TERMS_LIMIT})",
        )
    weights: list[Weight] = [*(("binary",) if model.binary else ()), *((model.norm,) if model.norm else ())]
    return _vectorized(pen, model, columns, weights)


@transformer(TfidfTransformer)
def tfidf_transformer(pen: Pen, model: TfidfTransformer, columns: Columns) -> Columns:
    """Weights right behind a vectorizer, made together with its counts."""
    piece = next((piece for piece in pen.graph.texts if piece.value == columns.name), None)
    if piece is None:
        raise pen.refusal(
            "it weights columns that do not come right out of a text vectorizer",
            "TfidfTransformer right behind CountVectorizer, or TfidfVectorizer",
        )
    weights, idf = _tfidf_weights(pen, model)
    block = piece.block
    if idf is not None and (block.idf is not None or len(idf) != block.width):
        raise pen.refusal("the columns are weighted already", "one TfidfTransformer behind CountVectorizer")
    if "log" in weights and block.alternate_sign:
        raise pen.refusal("sublinear_tf takes the logarithm of negative numbers", "alternate_sign=False")
    changed = _block(
        pen, {**block.model_dump(), "weights": (*block.weights, *weights), "idf": block.idf if idf is None else idf}
    )
    return _written(pen, changed)


def _tfidf_weights(pen: Pen, model: Any) -> tuple[list[Weight], tuple[float, ...] | None]:
    """Return what TfidfTransformer does with counts, and its numbers of the terms."""
    if type(model) is not TfidfTransformer:
        raise pen.refusal(f"its weights come from {type(model).__name__}", "TfidfVectorizer as scikit-learn has it")
    idf = getattr(model, "idf_", None)
    if idf is not None:
        idf = np.asarray(idf)
        if idf.dtype != np.float64:
            raise pen.refusal(f"it was fitted on {idf.dtype} columns", "dtype=numpy.float64, fitted again")
        if not np.isfinite(idf).all():
            raise pen.refusal("idf_ has a number that is not finite", "smooth_idf=True")
    weights: list[Weight] = []
    weights += ["log"] if model.sublinear_tf else []
    weights += ["idf"] if idf is not None else []
    if model.norm is not None:
        weights.append(model.norm)
    return weights, None if idf is None else tuple(float(value) for value in idf)


def _vectorized(
    pen: Pen, model: Any, columns: Columns, weights: Sequence[Weight], idf: tuple[float, ...] | None = None
) -> Columns:
    """Write the block of a vectorizer, and the piece of the row that holds its numbers."""
    code = columns.codes[0] if columns.width else None
    if columns.width != 1 or not columns.series:
        raise pen.refusal("it gets a table, of which it would read the column names in place of the texts", _BY_NAME)
    if not isinstance(code, TextCodes):
        raise pen.refusal("it reads a column that is no text of the contract", "`type: text` for its column")
    feature = pen.contract.features[code.feature]
    if feature.nullable:
        raise pen.refusal(
            f"it raises on a missing text, and the contract lets {feature.name!r} be missing",
            "`nullable: false`; an empty text says that there is nothing",
        )
    if np.dtype(model.dtype) not in _DTYPES:
        raise pen.refusal(f"its numbers are {np.dtype(model.dtype)}", "dtype=numpy.float64, fitted again")
    given: dict[str, Any] = {"column": code.feature, "analysis": _analysis(pen, model), "weights": tuple(weights)}
    if isinstance(model, HashingVectorizer):
        given |= {"width": int(model.n_features), "alternate_sign": bool(model.alternate_sign)}
    else:
        vocabulary = {term: int(place) for term, place in model.vocabulary_.items()}
        if not all(isinstance(term, str) for term in vocabulary):
            raise pen.refusal("its vocabulary_ has terms that are no texts", "a vocabulary of texts, fitted again")
        terms = sorted(vocabulary, key=vocabulary.__getitem__)
        if sorted(vocabulary.values()) != list(range(len(terms))):
            raise pen.refusal("its vocabulary_ has gaps", "a vocabulary as fit learns it")
        _require_room(pen, len(terms))
        given |= {"width": len(terms), "terms": tuple(terms), "idf": idf}
    return _written(pen, _block(pen, given))


def _analysis(pen: Pen, model: Any) -> Analysis:
    """Return how a vectorizer splits a text.

    Raises:
        ExportError: it uses a function of its own, or a pattern that is not searched in linear time.
    """
    if model.input != "content":
        raise pen.refusal(f"it reads texts from {model.input!r}", "input='content'")
    for name in ("preprocessor", "tokenizer"):
        if getattr(model, name) is not None:
            raise pen.refusal(f"{name} is a function of your own", "token_pattern, lowercase and strip_accents")
    for name in ("analyzer", "strip_accents"):
        if callable(getattr(model, name)):
            raise pen.refusal(f"{name} is a function of your own", f"one of the values of {name} that are words")
    words = model.analyzer == "word"
    stop_words = (model.get_stop_words() or ()) if words else ()
    if not all(isinstance(word, str) for word in stop_words):
        raise pen.refusal("stop_words has some that are no texts", "a list of texts")
    given = {
        "analyzer": model.analyzer,
        "lowercase": bool(model.lowercase),
        "strip_accents": model.strip_accents or None,
        "token_pattern": model.token_pattern if words else None,
        "stop_words": tuple(sorted(stop_words)),
        "ngram_range": tuple(int(length) for length in model.ngram_range),
    }
    try:
        return Analysis.model_validate(given)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise pen.refusal(reason, r"token_pattern=r'(?u)\b\w\w+\b', the default, or r'[a-z]+'") from error


def _block(pen: Pen, given: dict[str, Any]) -> TextBlock:
    try:
        return TextBlock.model_validate(given)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise pen.refusal(f"its terms cannot be written: {reason}", "a vocabulary of texts, fitted again") from error


def _require_room(pen: Pen, terms: int) -> None:
    if terms > TERMS_LIMIT:
        raise pen.refusal(
            f"it has {terms:,} terms, and a graph takes up to {TERMS_LIMIT:,}",
            f"max_features={TERMS_LIMIT} or fewer, or a larger min_df",
        )


def _written(pen: Pen, block: TextBlock) -> Columns:
    """Write the piece of the row that holds a block's numbers; where it begins is settled by ``place_texts``."""
    constants = [pen.constant(np.array([number], dtype=np.int64), "piece") for number in (0, block.width, 1)]
    value = pen.node("Slice", [INPUT_NAME, *constants], "terms")
    pen.graph.widths[value] = block.width
    pen.graph.texts.append(TextPiece(value, block))
    return Columns(value, (None,) * block.width, sparse=True)


def place_texts(pen: Pen, features: int) -> None:
    """Settle where in the row each block that is used begins, and how wide a row is.

    Args:
        pen: everything is written.
        features: F, how many features the contract has.

    Raises:
        ExportError: all blocks together have too many terms.
    """
    graph = pen.graph
    used = {name for node in graph.nodes for name in node.input} | set(graph.outputs)
    for piece in graph.texts:
        if piece.value not in used:
            graph.remove(graph.producer(piece.value))
    unused = {piece.value for piece in graph.texts} - used
    graph.steps = [
        step for step in graph.steps if not isinstance(step.result, Columns) or step.result.name not in unused
    ]
    graph.texts = [piece for piece in graph.texts if piece.value in used]
    _require_room(pen, sum(piece.block.width for piece in graph.texts))
    start = features
    for piece in graph.texts:
        node = graph.producer(piece.value)
        assert node is not None
        end = start + piece.block.width
        for at, number in ((1, start), (2, end)):
            graph.nodes.read(node, at, graph.constant(np.array([number], dtype=np.int64), "piece"))
        start = end
    graph.inputs[0].type.tensor_type.shape.dim[1].dim_value = start


def add_texts(model: ModelProto, graph: Graph) -> ModelProto:
    """Write the blocks of a graph into its model's metadata."""
    if graph.texts:
        content = written_texts(tuple(piece.block for piece in graph.texts))
        model.metadata_props.append(StringStringEntryProto(key=TEXTS_KEY, value=content))
    return model
