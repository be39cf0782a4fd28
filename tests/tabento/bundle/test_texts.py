"""Texts: the numbers of a text have the bits that scikit-learn gives, and malformed metadata is refused."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

from tabento.bundle.errors import BundleFormatError
from tabento.bundle.feature import Feature
from tabento.bundle.terms import Analysis
from tabento.bundle.texts import (
    TERMS_LIMIT,
    TEXTS_KEY,
    TermCounter,
    TextBlock,
    Texts,
    fill,
    read_texts,
    rows_limit,
    texts_metadata,
)
from tabento.parity.rows.hostile_texts import HOSTILE_TEXTS
from tests.tabento.bundle.test_terms import analysis_of

TEXTS = ["the cat sat on the mat", "a dog and the cat", "dogs don't sit", "café Café cafe\u0301", *HOSTILE_TEXTS]
WORD = r"(?u)\b\w\w+\b"


def numbers_of(block: TextBlock, text: str) -> Any:
    """Return a text's numbers, shape (V,)."""
    numbers = np.zeros(block.width)
    fill(numbers, TermCounter(block).entries(text))
    return numbers


@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("sublinear", [False, True])
def test_weights_have_the_bits_of_scikit_learn(norm: Any, sublinear: bool) -> None:
    """Counts, logarithms, idf and norm have scikit-learn's bits, also for a term that occurs 400 times."""
    vectorizer = TfidfVectorizer(norm=norm, sublinear_tf=sublinear, ngram_range=(1, 2)).fit(TEXTS)
    terms = tuple(sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__))
    block = TextBlock(
        column=0,
        analysis=analysis_of(vectorizer),
        width=len(terms),
        terms=terms,
        weights=(*(("log",) if sublinear else ()), "idf", *((norm,) if norm else ())),
        idf=tuple(vectorizer.idf_.tolist()),
    )
    for text in [*TEXTS, "cat " * 400 + "dog"]:
        np.testing.assert_array_equal(numbers_of(block, text), vectorizer.transform([text]).toarray()[0])


@pytest.mark.parametrize(
    "options", [{}, {"norm": "l1", "binary": True}, {"norm": None, "alternate_sign": False}], ids=str
)
def test_hashed_terms_have_the_bits_of_scikit_learn(options: dict[str, Any]) -> None:
    """Terms of both signs that share a column cancel out to 0, or to 1 if `binary` is set, as in scikit-learn."""
    vectorizer = HashingVectorizer(n_features=7, **options)
    weights = (*(("binary",) if vectorizer.binary else ()), *((vectorizer.norm,) if vectorizer.norm else ()))
    block = TextBlock(
        column=0,
        analysis=analysis_of(vectorizer),
        width=7,
        alternate_sign=vectorizer.alternate_sign,
        weights=weights,
    )
    for text in [*TEXTS, "x" * 100]:
        np.testing.assert_array_equal(numbers_of(block, text), vectorizer.transform([text]).toarray()[0])


def block_of(**options: Any) -> TextBlock:
    """Return a small block."""
    return TextBlock(
        **{"column": 0, "analysis": Analysis(token_pattern=WORD), "width": 2, "terms": ("ab", "cd"), **options}
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"terms": ("ab",)}, "expected 2 different terms"),
        ({"terms": ("ab", "ab")}, "expected 2 different terms"),
        ({"alternate_sign": True}, "is only allowed with hashed terms"),
        ({"weights": ("idf",)}, "`idf` is required with"),
        ({"idf": (1.0, 2.0)}, "`idf` is required with"),
        ({"weights": ("idf",), "idf": (1.0,)}, "expected 2 numbers"),
        ({"weights": ("log",), "terms": None, "alternate_sign": True}, "counts above 0"),
        ({"weights": ("idf",), "idf": (1.0, float("inf"))}, "finite"),
        ({"width": TERMS_LIMIT + 1}, "less than or equal"),
    ],
)
def test_a_block_that_contradicts_itself_is_refused(options: dict[str, Any], reason: str) -> None:
    """The bundle's reader refuses a block that no exporter writes."""
    with pytest.raises(ValidationError, match=reason):
        block_of(**options)


def test_metadata_read_back_as_they_were_written() -> None:
    """Terms with any character and numbers with all their digits."""
    block = block_of(terms=("日本", 'a\x00"b'), weights=("idf", "l2"), idf=(0.1, 1 / 3))
    texts = read_texts({TEXTS_KEY: texts_metadata((block,))})
    assert texts is not None
    assert texts.blocks == (block,)
    assert texts.width == 2
    assert read_texts({"other": "x"}) is None


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"unicode": "15.0", "blocks": []}', '{"blocks": [{"column": -1}]}']
)
def test_malformed_metadata_are_refused(content: str) -> None:
    """Nothing of a file that is not ours is used."""
    with pytest.raises(BundleFormatError, match="malformed"):
        read_texts({TEXTS_KEY: content})


def test_another_version_of_unicode_is_refused() -> None:
    """The serving Python must have the same lower case and accents as the Python that fitted the vectorizer."""
    content = json.loads(texts_metadata((block_of(),)))
    content["unicode"] = "1.0.0"
    with pytest.raises(BundleFormatError, match=f"Unicode 1.0.0, and this Python has {unicodedata.unidata_version}"):
        read_texts({TEXTS_KEY: json.dumps(content)})


def test_too_many_terms_in_all_blocks_are_refused() -> None:
    """Each block may be within the limit, and all of them not."""
    block = block_of(width=TERMS_LIMIT, terms=None)
    with pytest.raises(BundleFormatError, match="20000 terms"):
        read_texts({TEXTS_KEY: texts_metadata((block, block))})


def test_the_rows_of_a_request_are_bounded_by_numbers_and_by_work() -> None:
    """Many terms, or an expensive analysis of long texts, reduce the number of rows; short texts do not."""
    wide = Texts(unicode="15", blocks=(block_of(width=TERMS_LIMIT, terms=None, analysis=Analysis(token_pattern=WORD)),))
    dear = Texts(unicode="15", blocks=(block_of(terms=None, analysis=Analysis(analyzer="char", ngram_range=(1, 10))),))
    long, short = (Feature(name="t", type="text", maximum_length=length) for length in (10_000, 100))
    assert rows_limit(1000, wide, [short]) == 399
    assert rows_limit(1000, dear, [long]) == 15
    assert rows_limit(1000, dear, [short]) == 1000
    assert rows_limit(1000, Texts(unicode="15", blocks=(block_of(),)), [short]) == 1000
