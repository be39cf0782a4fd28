"""Terms: the words or runs of characters of a text, as scikit-learn's text vectorizers split it.

Source: scikit-learn's user guide, "Text feature extraction". This module does not use scikit-learn: the service must split a
client's text exactly as the fitted vectorizer does, without that library.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tabento.bundle.strict import Strict
from tabento.bundle.token_pattern import TokenPatternError, token_finder

NGRAMS_LIMIT = 10
"""The longest run of words or characters that makes one term."""
CHUNK_TERMS = 200
"""The largest number of terms in one chunk; between chunks the service can work on other requests."""

_WHITE_SPACE = re.compile(r"\s\s+")

Terms = Iterator[list[str]]
"""Terms in chunks of at most ``CHUNK_TERMS``."""


class Analysis(Strict):
    """The parameters of a vectorizer that splits texts into terms, with scikit-learn's names."""

    analyzer: Literal["word", "char", "char_wb"] = "word"
    """Whether terms are words, or runs of characters: of the whole text, or of each word with a blank around it."""
    lowercase: bool = True
    strip_accents: Literal["ascii", "unicode"] | None = None
    token_pattern: str | None = None
    """The pattern of a word, see ``tabento.bundle.token_pattern``; only with ``analyzer: word``."""
    stop_words: tuple[str, ...] = ()
    """The excluded words, in ascending order."""
    ngram_range: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1, le=NGRAMS_LIMIT)]] = (1, 1)
    """The shortest and the longest run."""

    @field_validator("token_pattern")
    @classmethod
    def _is_linear(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                token_finder(pattern)
            except TokenPatternError as error:
                raise ValueError(f"the token pattern {pattern!r}: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if (self.analyzer == "word") != (self.token_pattern is not None):
            raise ValueError("`token_pattern` is required with `analyzer: word` and not allowed without it")
        if self.stop_words and self.analyzer != "word":
            raise ValueError("`stop_words` goes with `analyzer: word`")
        if self.ngram_range[0] > self.ngram_range[1]:
            raise ValueError(f"`ngram_range` has its end before its start: {self.ngram_range}")
        return self


class Analyzer:
    """Splits texts into terms.

    Args:
        analysis: the parameters.
    """

    def __init__(self, analysis: Analysis) -> None:
        self._lowercase = analysis.lowercase
        self._accents = analysis.strip_accents
        self._kind = analysis.analyzer
        self._find = None if analysis.token_pattern is None else token_finder(analysis.token_pattern)
        self._stop_words = frozenset(analysis.stop_words)
        self._shortest, self._longest = analysis.ngram_range

    def chunks(self, text: str) -> Terms:
        """Yield the terms of a text in chunks, each term as often as it occurs."""
        if self._lowercase:
            text = text.lower()
        if self._accents is not None:
            text = without_accents(text, self._accents)
        if self._find is not None:
            words = self._find(text)
            if self._stop_words:
                words = [word for word in words if word not in self._stop_words]
            yield from _runs_of_words(words, self._shortest, self._longest)
            return
        text = _WHITE_SPACE.sub(" ", text)
        if self._kind == "char":
            yield from _runs_of_characters(text, self._shortest, self._longest)
        else:
            yield from _runs_within_words(text, self._shortest, self._longest)


def without_accents(text: str, kind: Literal["ascii", "unicode"]) -> str:
    """Return a text without accents.

    Args:
        text: any text.
        kind: ``unicode`` removes combining characters after decomposing (NFKD), ``ascii`` removes all characters that are
            not ASCII then. A text in ASCII does not change.
    """
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    if kind == "ascii":
        return decomposed.encode("ascii", "ignore").decode("ascii")
    return "".join([character for character in decomposed if not unicodedata.combining(character)])


def _runs_of_words(words: list[str], shortest: int, longest: int) -> Terms:
    for length in range(shortest, min(longest, len(words)) + 1):
        count = len(words) - length + 1
        for start in range(0, count, CHUNK_TERMS):
            end = min(start + CHUNK_TERMS, count)
            if length == 1:
                yield words[start:end]
            else:
                yield [" ".join(words[start_index : start_index + length]) for start_index in range(start, end)]


def _runs_of_characters(text: str, shortest: int, longest: int) -> Terms:
    for length in range(shortest, min(longest, len(text)) + 1):
        count = len(text) - length + 1
        for start in range(0, count, CHUNK_TERMS):
            yield [
                text[start_index : start_index + length]
                for start_index in range(start, min(start + CHUNK_TERMS, count))
            ]


def _runs_within_words(text: str, shortest: int, longest: int) -> Terms:
    """Yield the runs of each word with a blank around it; a word shorter than a run is one term."""
    terms: list[str] = []
    for word in text.split():
        padded = f" {word} "
        for length in range(shortest, longest + 1):
            count = max(len(padded) - length + 1, 1)
            for start in range(0, count, CHUNK_TERMS):
                end = min(start + CHUNK_TERMS, count)
                if len(terms) + end - start > CHUNK_TERMS:
                    yield terms
                    terms = []
                terms += [padded[start_index : start_index + length] for start_index in range(start, end)]
            if count == 1:
                break
    if terms:
        yield terms
