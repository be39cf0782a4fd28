"""Terms: texts are split as scikit-learn's vectorizers split them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError
from sklearn.feature_extraction.text import CountVectorizer, strip_accents_ascii, strip_accents_unicode

from tabento.bundle.terms import CHUNK_TERMS, Analysis, Analyzer, without_accents
from tabento.parity.rows.hostile_texts import HOSTILE_TEXTS

WORD = r"(?u)\b\w\w+\b"
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"lowercase": False},
    {"ngram_range": (1, 3)},
    {"ngram_range": (2, 2), "stop_words": "english"},
    {"strip_accents": "unicode"},
    {"strip_accents": "ascii", "token_pattern": r"\S+"},
    {"analyzer": "char", "ngram_range": (1, 3)},
    {"analyzer": "char", "ngram_range": (3, 5), "strip_accents": "unicode"},
    {"analyzer": "char_wb", "ngram_range": (1, 4)},
    {"analyzer": "char_wb", "ngram_range": (2, 9), "lowercase": False},
)


def analysis_of(vectorizer: CountVectorizer) -> Analysis:
    """Return the analysis with the parameters of a vectorizer."""
    words = vectorizer.analyzer == "word"
    return Analysis(
        analyzer=vectorizer.analyzer,
        lowercase=vectorizer.lowercase,
        strip_accents=vectorizer.strip_accents,
        token_pattern=vectorizer.token_pattern if words else None,
        stop_words=tuple(sorted(vectorizer.get_stop_words() or ())),
        ngram_range=vectorizer.ngram_range,
    )


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_terms_are_those_of_scikit_learn(options: dict[str, Any]) -> None:
    """Hostile texts, long ones and real ones give the same terms equally often, in chunks that are never long."""
    vectorizer = CountVectorizer(**options)
    expected = vectorizer.build_analyzer()
    analyzer = Analyzer(analysis_of(vectorizer))
    for text in (*HOSTILE_TEXTS, "The cat sat on the mat, twice. " * 60, "x" * 1000, "word " * 500):
        chunks = list(analyzer.chunks(text))
        assert all(len(chunk) <= CHUNK_TERMS for chunk in chunks)
        assert Counter(term for chunk in chunks for term in chunk) == Counter(expected(text))


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_accents_are_taken_away_as_in_scikit_learn(text: str) -> None:
    """Both kinds of stripping give the same text."""
    assert without_accents(text, "unicode") == strip_accents_unicode(text)
    assert without_accents(text, "ascii") == strip_accents_ascii(text)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"analyzer": "word"}, "`token_pattern` is required with"),
        ({"analyzer": "char", "token_pattern": WORD}, "`token_pattern` is required with"),
        ({"analyzer": "char", "stop_words": ("a",)}, "`stop_words` goes with"),
        ({"token_pattern": r"(a+)+"}, "the token pattern"),
        ({"token_pattern": WORD, "ngram_range": (2, 1)}, "end before its start"),
        ({"token_pattern": WORD, "ngram_range": (1, 11)}, "less than or equal to 10"),
        ({"token_pattern": WORD, "ngram_range": (0, 1)}, "greater than or equal to 1"),
    ],
)
def test_an_analysis_that_contradicts_itself_is_refused(options: dict[str, Any], reason: str) -> None:
    """The bundle's reader refuses an analysis that no exporter writes."""
    with pytest.raises(ValidationError, match=reason):
        Analysis(**options)
