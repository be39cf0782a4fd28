"""Texts: the numbers that represent a text column, and their description as metadata of the graph.

ONNX Runtime's own operators split texts differently from scikit-learn. Therefore Python splits the texts, in the service and in
the proof. A graph of a contract with texts has rows of F + V numbers: one for each feature in the contract's order, then, for
each ``TextBlock`` in order, one for each of its terms. The number of the text feature itself is 0, or NaN for a missing text. The
blocks are metadata of the ONNX file, so graph and terms are always together.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from tabento.bundle.errors import BundleFormatError
from tabento.bundle.feature import Feature
from tabento.bundle.format import TERMS_LIMIT as TERMS_LIMIT
from tabento.bundle.murmur import murmurhash3_32
from tabento.bundle.strict import Number, Strict
from tabento.bundle.terms import Analysis, Analyzer

TEXTS_KEY = "tabento.texts"
"""The key of the blocks in the ONNX file's metadata; the value is JSON."""
LOGARITHMS = 256
"""The number of counts whose logarithms are computed in advance."""
NUMBERS_LIMIT = 4_000_000
"""The largest number of numbers in one request: 32 MB. A short text can become ten thousand numbers."""
WORK_LIMIT = 500_000_000
"""The largest work of the texts of one request, in units of 10 ns: some five seconds, in slices."""
_SHORT_TERM = 40
"""The largest length of a term whose hash is cached. The last 20,000 hashes are kept, because words repeat."""
_TERM_UNITS, _HASH_UNITS, _HASHED_CHARACTER_UNITS = 40, 150, 30
"""The work of a counted term, of a hashed one, and of each of its characters, in units of 10 ns."""

Entries = list[tuple[int, float]]
"""The indices of a text's numbers that can differ from 0, ascending, each with its number."""

Weight = Literal["binary", "log", "idf", "l1", "l2"]
"""The steps that change the counts of one text: ``binary`` makes each 1, ``log`` takes 1 + log of each, ``idf`` multiplies
each by its term's number, ``l1`` and ``l2`` divide them by their norm."""


class TextBlock(Strict):
    """The numbers of one vectorizer for one text column."""

    column: Annotated[int, Field(ge=0)]
    """The index of the text feature in the contract, from 0."""
    analysis: Analysis
    width: Annotated[int, Field(ge=1, le=TERMS_LIMIT)]
    """V, the number of numbers in the block."""
    terms: tuple[str, ...] | None = None
    """The term of each number; None if terms are hashed."""
    alternate_sign: bool = False
    """Whether half of the hashed terms count as -1."""
    weights: tuple[Weight, ...] = ()
    """The steps that change the counts, in order."""
    idf: tuple[Number, ...] | None = None
    """The number of each term for the weight ``idf``."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.terms is not None and not len(self.terms) == len(set(self.terms)) == self.width:
            raise ValueError(f"expected {self.width} different terms, got {len(set(self.terms))}")
        if self.terms is not None and self.alternate_sign:
            raise ValueError("`alternate_sign` is only allowed with hashed terms")
        if self.weights.count("idf") != (self.idf is not None):
            raise ValueError("`idf` is required with the weight `idf`, which is allowed once")
        if self.idf is not None and len(self.idf) != self.width:
            raise ValueError(f"expected {self.width} numbers in `idf`, got {len(self.idf)}")
        if "log" in self.weights and self.alternate_sign:
            raise ValueError("the weight `log` needs counts above 0, so no `alternate_sign`")
        return self

    def max_work(self, longest: int) -> int:
        """Return the approximate maximum work of a text of a length, in units of 10 ns."""
        shortest_run, longest_run = self.analysis.ngram_range
        runs = range(shortest_run, longest_run + 1)
        terms = len(runs) * longest
        if self.terms is not None:
            return 2 * longest + _TERM_UNITS * terms
        return 2 * longest + _HASH_UNITS * terms + _HASHED_CHARACTER_UNITS * sum(runs) * longest


class Texts(Strict):
    """The content of the metadata: all blocks of a graph, and the version of Unicode."""

    unicode: str
    """The version of Unicode of the Python that fitted the vectorizers: lower case and accents depend on it."""
    blocks: Annotated[tuple[TextBlock, ...], Field(min_length=1)]

    @property
    def width(self) -> int:
        """The number of numbers of all blocks, V."""
        return sum(block.width for block in self.blocks)


_TEXTS: TypeAdapter[Texts] = TypeAdapter(Texts)


def texts_metadata(blocks: tuple[TextBlock, ...]) -> str:
    """Return the metadata of blocks, as JSON."""
    return json.dumps(Texts(unicode=unicodedata.unidata_version, blocks=blocks).model_dump(exclude_defaults=True))


def rows_limit(limit: int, texts: Texts, features: Sequence[Feature]) -> int:
    """Return the largest number of rows in one request, at most ``limit``, so that their numbers and their work are bounded.

    Args:
        limit: the largest number of rows without texts.
        texts: the blocks of the graph.
        features: the features of the contract.
    """
    work = sum(block.max_work(features[block.column].longest) for block in texts.blocks)
    return max(1, min(limit, NUMBERS_LIMIT // (len(features) + texts.width), WORK_LIMIT // work))


def read_texts(metadata: Mapping[str, str]) -> Texts | None:
    """Return the blocks of a graph's metadata, None for a graph without texts.

    Raises:
        BundleFormatError: the blocks are malformed, or were made with another version of Unicode.
    """
    content = metadata.get(TEXTS_KEY)
    if content is None:
        return None
    try:
        texts = _TEXTS.validate_json(content)
    except ValidationError as error:
        raise BundleFormatError(f"the texts of the graph are malformed: {error}. Train the model again.") from error
    if texts.width > TERMS_LIMIT:
        raise BundleFormatError(f"the graph has {texts.width} terms; at most {TERMS_LIMIT} are allowed.")
    if texts.unicode != unicodedata.unidata_version:
        raise BundleFormatError(
            f"the texts of this model were learned with Unicode {texts.unicode}, and this Python has"
            f" {unicodedata.unidata_version}: a text could be split differently. Use the version of Python that made"
            " the model, or train the model again with this version."
        )
    return texts


class TermCounter:
    """Computes the numbers of one block.

    Args:
        block: the terms to count and the steps that follow.
    """

    def __init__(self, block: TextBlock) -> None:
        self.column = block.column
        self.width = block.width
        self._chunks = Analyzer(block.analysis).chunks
        self._indices = None if block.terms is None else {term: index for index, term in enumerate(block.terms)}
        self._signed = block.alternate_sign
        self._weights = block.weights
        self._idf = block.idf or ()
        self._logarithms = (np.log(np.arange(1, LOGARITHMS + 1, dtype=np.float64)) + 1.0).tolist()

    def steps(self, text: str) -> Generator[int, None, Entries]:
        """Count the terms of a text in steps.

        Yields:
            The work of the last step, in units of 10 ns.

        Returns:
            The text's numbers.
        """
        counts: dict[int, float] = {}
        count = self._count if self._indices is not None else self._count_hashed
        yield 2 * len(text)
        for terms in self._chunks(text):
            yield count(terms, counts)
        return self._apply_weights(sorted(counts.items()))

    def entries(self, text: str) -> Entries:
        """Return a text's numbers."""
        steps = self.steps(text)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                entries: Entries = stop.value
                return entries

    def _count(self, terms: list[str], counts: dict[int, float]) -> int:
        """Count terms and return the work."""
        assert self._indices is not None
        index_of = self._indices.get
        for term in terms:
            index = index_of(term)
            if index is not None:
                counts[index] = counts.get(index, 0.0) + 1.0
        return _TERM_UNITS * len(terms)

    def _count_hashed(self, terms: list[str], counts: dict[int, float]) -> int:
        """Count terms by their hash, as ``sklearn.feature_extraction.FeatureHasher`` documents it, and return the work."""
        width, signed = self.width, self._signed
        for term in terms:
            value = _short_hash(term) if len(term) <= _SHORT_TERM else murmurhash3_32(term.encode())
            index = abs(value) % width
            counts[index] = counts.get(index, 0.0) + (-1.0 if signed and value < 0 else 1.0)
        return _HASH_UNITS * len(terms) + _HASHED_CHARACTER_UNITS * sum(map(len, terms))

    def _apply_weights(self, entries: Entries) -> Entries:
        """Apply the weights in sequence, each in the order of the indices, as scikit-learn does."""
        indices = [index for index, _ in entries]
        values = [value for _, value in entries]
        for weight in self._weights:
            if weight == "binary":
                values = [1.0] * len(values)
            elif weight == "log":
                values = [self._logarithm(value) for value in values]
            elif weight == "idf":
                values = [value * self._idf[index] for index, value in zip(indices, values, strict=True)]
            else:
                values = _normalise(values, weight)
        return list(zip(indices, values, strict=True))

    def _logarithm(self, value: float) -> float:
        """Return 1 + log of a number above 0; usual counts are read from a table."""
        if value <= LOGARITHMS and value.is_integer():
            return float(self._logarithms[int(value) - 1])
        return float(np.log(np.array([value]))[0]) + 1.0


@lru_cache(maxsize=20_000)
def _short_hash(term: str) -> int:
    return murmurhash3_32(term.encode())


def _normalise(values: list[float], norm: str) -> list[float]:
    """Return numbers divided by their norm, which is added from the first to the last; zeros only are returned unchanged."""
    total = 0.0
    for value in values:
        total += abs(value) if norm == "l1" else value * value
    if total == 0.0:
        return values
    divisor = total if norm == "l1" else math.sqrt(total)
    return [value / divisor for value in values]


def fill(numbers: NDArray[np.float64], entries: Entries) -> None:
    """Write a text's numbers into zeros, float64 of shape (V,)."""
    for index, value in entries:
        numbers[index] = value
