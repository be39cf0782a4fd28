"""Writes CountVectorizer, TfidfVectorizer, HashingVectorizer and TfidfTransformer of sklearn.feature_extraction.text.

Texts are not read by the graph: they become numbers before it, and the numbers are a piece of its input row. A
``tabento.bundle.texts.TextBlock`` describes a vectorizer.

Digits: the service and the proof compute the numbers in Python, in the order in which scikit-learn adds and divides, so
they have the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, StringStringEntryProto
from pydantic import ValidationError
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)

from tabento.bundle.format import INPUT_NAME
from tabento.bundle.terms import Analysis
from tabento.bundle.texts import TERMS_LIMIT, TEXTS_KEY, TextBlock, Weight, texts_metadata
from tabento.export.graph.facts import TextPiece
from tabento.export.graph.graph import Graph
from tabento.export.graph.values import Columns, TextCodes
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import refuse_kind, takes_text, transformer

takes_text(CountVectorizer, HashingVectorizer, TfidfVectorizer)

refuse_kind(
    DictVectorizer,
    "it takes dictionaries, and what a step in front of it puts into them is not known",
    "OneHotEncoder(handle_unknown='ignore') for the texts and passthrough for the numbers, in a ColumnTransformer",
)

_DTYPES = (np.dtype(np.float64), np.dtype(np.int64))
_BY_NAME = "the column's name without brackets: ('words', TfidfVectorizer(), 'review')"


@transformer(CountVectorizer)
def count(writer: GraphWriter, model: CountVectorizer, columns: Columns) -> Columns:
    """Write the number of occurrences of each term."""
    weights: list[Weight] = ["binary"] if model.binary else []
    return _vectorized(writer, model, columns, weights)


@transformer(TfidfVectorizer)
def tfidf(writer: GraphWriter, model: TfidfVectorizer, columns: Columns) -> Columns:
    """Write the weighted number of occurrences of each term."""
    weights, idf = _tfidf_weights(writer, model._tfidf)
    if model.binary:
        weights.insert(0, "binary")
    return _vectorized(writer, model, columns, weights, idf)


@transformer(HashingVectorizer)
def hashing(writer: GraphWriter, model: HashingVectorizer, columns: Columns) -> Columns:
    """Write the number of occurrences of the terms of each hash."""
    if model.n_features > TERMS_LIMIT:
        raise writer.refusal(
            f"it makes {model.n_features:,} columns, and a graph takes up to {TERMS_LIMIT:,} columns of terms",
            f"n_features={TERMS_LIMIT} or fewer, or TfidfVectorizer(max_features={TERMS_LIMIT})",
        )
    weights: list[Weight] = [*(("binary",) if model.binary else ()), *((model.norm,) if model.norm else ())]
    return _vectorized(writer, model, columns, weights)


@transformer(TfidfTransformer)
def tfidf_transformer(writer: GraphWriter, model: TfidfTransformer, columns: Columns) -> Columns:
    """Write weights directly after a vectorizer, computed together with its counts."""
    piece = next((piece for piece in writer.graph.texts if piece.value == columns.name), None)
    if piece is None:
        raise writer.refusal(
            "it weights columns that do not come right out of a text vectorizer",
            "TfidfTransformer right behind CountVectorizer, or TfidfVectorizer",
        )
    weights, idf = _tfidf_weights(writer, model)
    block = piece.block
    if idf is not None and (block.idf is not None or len(idf) != block.width):
        raise writer.refusal("the columns are weighted already", "one TfidfTransformer behind CountVectorizer")
    if "log" in weights and block.alternate_sign:
        raise writer.refusal("sublinear_tf takes the logarithm of negative numbers", "alternate_sign=False")
    changed = _block(
        writer, {**block.model_dump(), "weights": (*block.weights, *weights), "idf": block.idf if idf is None else idf}
    )
    return _add_block(writer, changed)


def _tfidf_weights(writer: GraphWriter, model: Any) -> tuple[list[Weight], tuple[float, ...] | None]:
    """Return the operations of TfidfTransformer on counts, and its factor for each term."""
    if type(model) is not TfidfTransformer:
        raise writer.refusal(f"its weights come from {type(model).__name__}", "TfidfVectorizer as scikit-learn has it")
    idf = getattr(model, "idf_", None)
    if idf is not None:
        idf = np.asarray(idf)
        if idf.dtype != np.float64:
            raise writer.refusal(f"it was fitted on {idf.dtype} columns", "dtype=numpy.float64, fitted again")
        if not np.isfinite(idf).all():
            raise writer.refusal("idf_ has a number that is not finite", "smooth_idf=True")
    weights: list[Weight] = []
    weights += ["log"] if model.sublinear_tf else []
    weights += ["idf"] if idf is not None else []
    if model.norm is not None:
        weights.append(model.norm)
    return weights, None if idf is None else tuple(float(value) for value in idf)


def _vectorized(
    writer: GraphWriter, model: Any, columns: Columns, weights: Sequence[Weight], idf: tuple[float, ...] | None = None
) -> Columns:
    """Write the block of a vectorizer, and the piece of the row that holds its numbers."""
    code = columns.codes[0] if columns.width else None
    if columns.width != 1 or not columns.series:
        raise writer.refusal("it gets a table, of which it would read the column names in place of the texts", _BY_NAME)
    if not isinstance(code, TextCodes):
        raise writer.refusal("it reads a column that is not a text of the contract", "`type: text` for its column")
    feature = writer.contract.features[code.feature]
    if feature.nullable:
        raise writer.refusal(
            f"it raises on a missing text, and the contract lets {feature.name!r} be missing",
            "`nullable: false`; an empty text says that there is nothing",
        )
    if np.dtype(model.dtype) not in _DTYPES:
        raise writer.refusal(f"its numbers are {np.dtype(model.dtype)}", "dtype=numpy.float64, fitted again")
    fields: dict[str, Any] = {"column": code.feature, "analysis": _analysis(writer, model), "weights": tuple(weights)}
    if isinstance(model, HashingVectorizer):
        fields |= {"width": int(model.n_features), "alternate_sign": bool(model.alternate_sign)}
    else:
        vocabulary = {term: int(place) for term, place in model.vocabulary_.items()}
        if not all(isinstance(term, str) for term in vocabulary):
            raise writer.refusal("its vocabulary_ has terms that are not texts", "a vocabulary of texts, fitted again")
        terms = sorted(vocabulary, key=vocabulary.__getitem__)
        if sorted(vocabulary.values()) != list(range(len(terms))):
            raise writer.refusal("its vocabulary_ has gaps", "a vocabulary as fit learns it")
        _require_room(writer, len(terms))
        fields |= {"width": len(terms), "terms": tuple(terms), "idf": idf}
    return _add_block(writer, _block(writer, fields))


def _analysis(writer: GraphWriter, model: Any) -> Analysis:
    """Return how a vectorizer splits a text into terms.

    Raises:
        ExportError: it uses a custom function, or a pattern that is not searched in linear time.
    """
    if model.input != "content":
        raise writer.refusal(f"it reads texts from {model.input!r}", "input='content'")
    for name in ("preprocessor", "tokenizer"):
        if getattr(model, name) is not None:
            raise writer.refusal(f"{name} is a function of your own", "token_pattern, lowercase and strip_accents")
    for name in ("analyzer", "strip_accents"):
        if callable(getattr(model, name)):
            raise writer.refusal(f"{name} is a function of your own", f"one of the values of {name} that are words")
    words = model.analyzer == "word"
    stop_words = (model.get_stop_words() or ()) if words else ()
    if not all(isinstance(word, str) for word in stop_words):
        raise writer.refusal("stop_words has some that are not texts", "a list of texts")
    fields = {
        "analyzer": model.analyzer,
        "lowercase": bool(model.lowercase),
        "strip_accents": model.strip_accents or None,
        "token_pattern": model.token_pattern if words else None,
        "stop_words": tuple(sorted(stop_words)),
        "ngram_range": tuple(int(length) for length in model.ngram_range),
    }
    try:
        return Analysis.model_validate(fields)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise writer.refusal(reason, r"token_pattern=r'(?u)\b\w\w+\b', the default, or r'[a-z]+'") from error


def _block(writer: GraphWriter, fields: dict[str, Any]) -> TextBlock:
    try:
        return TextBlock.model_validate(fields)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise writer.refusal(f"its terms cannot be written: {reason}", "a vocabulary of texts, fitted again") from error


def _require_room(writer: GraphWriter, terms: int) -> None:
    if terms > TERMS_LIMIT:
        raise writer.refusal(
            f"it has {terms:,} terms, and a graph takes up to {TERMS_LIMIT:,}",
            f"max_features={TERMS_LIMIT} or fewer, or a larger min_df",
        )


def _add_block(writer: GraphWriter, block: TextBlock) -> Columns:
    """Write the piece of the row that holds a block's numbers; ``place_texts`` decides where the piece begins."""
    constants = [writer.constant(np.array([number], dtype=np.int64), "piece") for number in (0, block.width, 1)]
    value = writer.node("Slice", [INPUT_NAME, *constants], "terms")
    writer.graph.widths[value] = block.width
    writer.graph.texts.append(TextPiece(value, block))
    return Columns(value, (None,) * block.width, sparse=True)


def place_texts(writer: GraphWriter, features: int) -> None:
    """Decide where in the row each used block begins, and the width of a row.

    Args:
        writer: the writer, after all steps are written.
        features: F, the number of features of the contract.

    Raises:
        ExportError: all blocks together have too many terms.
    """
    graph = writer.graph
    used = {name for node in graph.nodes for name in node.input} | set(graph.outputs)
    for piece in graph.texts:
        if piece.value not in used:
            graph.remove(graph.producer(piece.value))
    unused = {piece.value for piece in graph.texts} - used
    graph.steps = [
        step for step in graph.steps if not isinstance(step.result, Columns) or step.result.name not in unused
    ]
    graph.texts = [piece for piece in graph.texts if piece.value in used]
    _require_room(writer, sum(piece.block.width for piece in graph.texts))
    start = features
    for piece in graph.texts:
        node = graph.producer(piece.value)
        assert node is not None
        end = start + piece.block.width
        for index, number in ((1, start), (2, end)):
            graph.nodes.set_input(node, index, graph.constant(np.array([number], dtype=np.int64), "piece"))
        start = end
    graph.inputs[0].type.tensor_type.shape.dim[1].dim_value = start


def add_texts(model: ModelProto, graph: Graph) -> ModelProto:
    """Write the blocks of a graph into its model's metadata."""
    if graph.texts:
        content = texts_metadata(tuple(piece.block for piece in graph.texts))
        model.metadata_props.append(StringStringEntryProto(key=TEXTS_KEY, value=content))
    return model
