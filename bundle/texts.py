"""Texts: how a text column becomes numbers, as data that travels inside the graph's file.

ONNX Runtime's own operators for texts split them otherwise than scikit-learn does, so the texts are split in Python, by
the service and by the proof alike. A graph of a contract with texts takes rows of F + V numbers: one for each feature, in
the contract's order, and behind them, for each ``TextBlock`` in order, one for each of its terms. The number that stands
for a text itself is 0, or NaN for a missing one. The blocks are metadata of the ONNX file: graph and terms cannot come
apart.
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

from bundle.errors import BundleFormatError
from bundle.feature import Feature
from bundle.format import TERMS_LIMIT as TERMS_LIMIT
from bundle.murmur import murmurhash3_32
from bundle.strict import Number, Strict
from bundle.terms import Analysis, Analyzer

TEXTS_KEY = "tabento.texts"
"""The key of the ONNX file's metadata under which the blocks are kept, as JSON."""
LOGARITHMS = 256
"""The logarithms of so many counts are kept ready."""
NUMBERS_LIMIT = 4_000_000
"""How many numbers the rows of one request may become: 32 MB. A short text may become ten thousand numbers."""
WORK_LIMIT = 500_000_000
"""How much work the texts of one request may cause at most, in units of 10 ns: some five seconds, in slices."""
_SHORT_TERM = 40
"""The hashes of terms of so many characters are kept, for the last 20,000 of them: words come again."""
_TERM_UNITS, _HASH_UNITS, _HASHED_CHARACTER_UNITS = 40, 150, 30
"""The work of a counted term, of a hashed one, and of each of its characters, in units of 10 ns."""

Entries = list[tuple[int, float]]
"""The places of a text's numbers that may not be 0, ascending, each with its number."""

Weight = Literal["binary", "log", "idf", "l1", "l2"]
"""What is done with the counts of one text: ``binary`` makes each 1, ``log`` takes 1 + log of each, ``idf`` multiplies
each by its term's number, ``l1`` and ``l2`` divide them by their norm."""


class TextBlock(Strict):
    """The numbers that one vectorizer makes of one text column."""

    column: Annotated[int, Field(ge=0)]
    """Which feature of the contract holds the text, counted from 0."""
    analysis: Analysis
    width: Annotated[int, Field(ge=1, le=TERMS_LIMIT)]
    """V, how many numbers the block has."""
    terms: tuple[str, ...] | None = None
    """The term of each number; None where terms are hashed."""
    alternate_sign: bool = False
    """Whether half of the hashed terms count as -1."""
    weights: tuple[Weight, ...] = ()
    """What is done with the counts, in order."""
    idf: tuple[Number, ...] | None = None
    """The number of each term for the weight ``idf``."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.terms is not None and not len(self.terms) == len(set(self.terms)) == self.width:
            raise ValueError(f"expected {self.width} different terms, got {len(set(self.terms))}")
        if self.terms is not None and self.alternate_sign:
            raise ValueError("`alternate_sign` goes with hashed terms")
        if self.weights.count("idf") != (self.idf is not None):
            raise ValueError("`idf` goes with the weight `idf`, once")
        if self.idf is not None and len(self.idf) != self.width:
            raise ValueError(f"expected {self.width} numbers in `idf`, got {len(self.idf)}")
        if "log" in self.weights and self.alternate_sign:
            raise ValueError("the weight `log` needs counts above 0, so no `alternate_sign`")
        return self

    def most_work(self, longest: int) -> int:
        """Return about the most work of a text of so many characters, in units of 10 ns."""
        shortest_run, longest_run = self.analysis.ngram_range
        runs = range(shortest_run, longest_run + 1)
        terms = len(runs) * longest
        if self.terms is not None:
            return 2 * longest + _TERM_UNITS * terms
        return 2 * longest + _HASH_UNITS * terms + _HASHED_CHARACTER_UNITS * sum(runs) * longest


class Texts(Strict):
    """The content of the metadata: all blocks of a graph, and with what they were made."""

    unicode: str
    """The version of Unicode of the Python that fitted the vectorizers: lower case and accents depend on it."""
    blocks: Annotated[tuple[TextBlock, ...], Field(min_length=1)]

    @property
    def width(self) -> int:
        """How many numbers all blocks have together, V."""
        return sum(block.width for block in self.blocks)


_TEXTS: TypeAdapter[Texts] = TypeAdapter(Texts)


def written_texts(blocks: tuple[TextBlock, ...]) -> str:
    """Return the metadata for some blocks."""
    return json.dumps(Texts(unicode=unicodedata.unidata_version, blocks=blocks).model_dump(exclude_defaults=True))


def rows_limit(limit: int, texts: Texts, features: Sequence[Feature]) -> int:
    """Return how many rows one request may have, at most ``limit``: their numbers and their work are bounded.

    Args:
        limit: how many rows are taken if they have no texts.
        texts: how the texts of a row become numbers.
        features: those of the contract.
    """
    work = sum(block.most_work(features[block.column].longest) for block in texts.blocks)
    return max(1, min(limit, NUMBERS_LIMIT // (len(features) + texts.width), WORK_LIMIT // work))


def read_texts(metadata: Mapping[str, str]) -> Texts | None:
    """Return the blocks of a graph's metadata, None for a graph without texts.

    Raises:
        BundleFormatError: they are malformed, or were made with another version of Unicode.
    """
    content = metadata.get(TEXTS_KEY)
    if content is None:
        return None
    try:
        texts = _TEXTS.validate_json(content)
    except ValidationError as error:
        raise BundleFormatError(f"the texts of the graph are malformed: {error}. Make the model again.") from error
    if texts.width > TERMS_LIMIT:
        raise BundleFormatError(f"the graph has {texts.width} terms; at most {TERMS_LIMIT} are taken.")
    if texts.unicode != unicodedata.unidata_version:
        raise BundleFormatError(
            f"the texts of this model were learned with Unicode {texts.unicode}, and this Python has"
            f" {unicodedata.unidata_version}: a text could be split in another way. Use the version of Python that the"
            " model was made with, or make it again with this one."
        )
    return texts


class TermCounter:
    """Makes the numbers of one block.

    Args:
        block: what is counted.
    """

    def __init__(self, block: TextBlock) -> None:
        self.column = block.column
        self.width = block.width
        self._chunks = Analyzer(block.analysis).chunks
        self._places = None if block.terms is None else {term: place for place, term in enumerate(block.terms)}
        self._signed = block.alternate_sign
        self._weights = block.weights
        self._idf = block.idf or ()
        self._logarithms = (np.log(np.arange(1, LOGARITHMS + 1, dtype=np.float64)) + 1.0).tolist()

    def steps(self, text: str) -> Generator[int, None, Entries]:
        """Count the terms of a text, and yield between pieces of work.

        Yields:
            The work since the last time, in units of 10 ns.

        Returns:
            The text's numbers.
        """
        counts: dict[int, float] = {}
        count = self._count if self._places is not None else self._count_hashed
        yield 2 * len(text)
        for terms in self._chunks(text):
            yield count(terms, counts)
        return self._weighted(sorted(counts.items()))

    def entries(self, text: str) -> Entries:
        """Return a text's numbers."""
        steps = self.steps(text)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                found: Entries = stop.value
                return found

    def _count(self, terms: list[str], counts: dict[int, float]) -> int:
        """Count terms, and return the work."""
        assert self._places is not None
        place_of = self._places.get
        for term in terms:
            place = place_of(term)
            if place is not None:
                counts[place] = counts.get(place, 0.0) + 1.0
        return _TERM_UNITS * len(terms)

    def _count_hashed(self, terms: list[str], counts: dict[int, float]) -> int:
        """Count terms by their hash, as ``sklearn.feature_extraction.FeatureHasher`` documents it; return the work."""
        width, signed = self.width, self._signed
        for term in terms:
            value = _short_hash(term) if len(term) <= _SHORT_TERM else murmurhash3_32(term.encode())
            place = abs(value) % width
            counts[place] = counts.get(place, 0.0) + (-1.0 if signed and value < 0 else 1.0)
        return _HASH_UNITS * len(terms) + _HASHED_CHARACTER_UNITS * sum(map(len, terms))

    def _weighted(self, entries: Entries) -> Entries:
        """Apply the weights one after the other, each in the order of the places, as scikit-learn does."""
        places = [place for place, _ in entries]
        values = [value for _, value in entries]
        for weight in self._weights:
            if weight == "binary":
                values = [1.0] * len(values)
            elif weight == "log":
                values = [self._logarithm(value) for value in values]
            elif weight == "idf":
                values = [value * self._idf[place] for place, value in zip(places, values, strict=True)]
            else:
                values = _normalised(values, weight)
        return list(zip(places, values, strict=True))

    def _logarithm(self, value: float) -> float:
        """Return 1 + log of a number above 0; of usual counts from a table."""
        if value <= LOGARITHMS and value.is_integer():
            return float(self._logarithms[int(value) - 1])
        return float(np.log(np.array([value]))[0]) + 1.0


@lru_cache(maxsize=20_000)
def _short_hash(term: str) -> int:
    return murmurhash3_32(term.encode())


def _normalised(values: list[float], norm: str) -> list[float]:
    """Return numbers divided by their norm, added up from the first to the last; all zeros stay."""
    total = 0.0
    for value in values:
        total += abs(value) if norm == "l1" else value * value
    if total == 0.0:
        return values
    divisor = total if norm == "l1" else math.sqrt(total)
    return [value / divisor for value in values]


def fill(numbers: NDArray[np.float64], entries: Entries) -> None:
    """Write a text's numbers into zeros, float64 of shape (V,)."""
    for place, value in entries:
        numbers[place] = value
