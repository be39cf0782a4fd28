"""Hostile texts: texts that an export could split differently from the fitted vectorizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature
from tabento.tables.texts import text_number, text_of

HOSTILE_TEXTS = (
    *("", " ", "\n", "\t \r\n", "a", "A", "the", "the and of to", ".", "...!?", "0", "3.14", "1e5", "-1", "_", "__a__"),
    *("x\x00y", "word\x00word", "\x00", "\x1c\x1d\x85", "zero\u200bwidth\ufeff", "non\u00a0breaking\u2003space"),
    *("İstanbul I ı i İ", "straße STRASSE ẞ", "ǅ ǆ Ǆ", "ﬁne ﬀ ﬃ", "ΣΊΣΥΦΟΣ σίσυφος ς", "ÄÖÜ äöü", "Ⅷ ⅷ ²³ ½ ٣ ３"),
    *("café cafe\u0301 CAFÉ", "a\u0301\u0302\u0323b", "n\u0303", "\u0301", "Å Å Å", "ｆｕｌｌ ｗｉｄｔｈ", "e\u200de"),
    *(
        "日本語 テキスト",
        "ภาษาไทย",
        "हिन्दी पाठ",
        "العربية",
        "עברית",
        "русский Текст",
        "한국어",
        "🍏🍎 🍏a b🍎",
        "👩‍👩‍👧 🇩🇪",
    ),
    *(
        "don't can't it's",
        "e-mail@x.org http://a.b/c?d=e",
        "<b>bold</b> &amp;",
        "snake_case camelCase",
        "a.b.c",
        "C++ C#",
    ),
    *(
        "  double  blanks   here ",
        "line\nbreak\r\nand\ttab",
        "\u2028para\u2029graph",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝐛𝐨𝐥𝐝",
        "\U0010ffff\ue000",
    ),
)
"""Texts that clients can send: empty, blanks, control characters, letters whose lower case has another length,
combining accents, other scripts, emoji, marks within words."""
MIXTURES = 200
"""The number of texts that are mixed from the words of real texts."""
SEED = 23


def text_rows(contract: Contract, rows: NDArray[np.float64], max_rows: int) -> NDArray[np.float64]:
    """Return rows with one text each replaced by a hostile text; empty for a contract without texts.

    Args:
        contract: the columns.
        rows: packed rows of shape (N, F), N at least 1.
        max_rows: the largest number of rows.

    Returns:
        float64 of shape (E, F).
    """
    parts = [rows[:0]]
    room = max_rows // max(len(contract.texts), 1)
    for column in contract.texts:
        texts = hostile_texts(contract.features[column], _texts_of(rows[:, column]))
        sample = np.linspace(0, len(texts) - 1, min(len(texts), room)).astype(np.intp)
        part = rows[np.arange(len(sample)) % len(rows)].copy()
        part[:, column] = [text_number(texts[index]) for index in sample]
        parts.append(part)
    return np.concatenate(parts)


def hostile_texts(feature: Feature, real: Sequence[str]) -> list[str]:
    """Return texts that a feature accepts: the hostile texts, and real texts changed, joined, repeated and mixed."""
    generator = np.random.default_rng(SEED)
    sample = list(real[:20])
    words = sorted({word for text in real for word in text.split()}) or ["word"]
    texts = [*HOSTILE_TEXTS]
    for text in sample:
        texts += [text.upper(), text.title(), f"  {text}\n{text}  ", " ".join(reversed(text.split())), text[::-1]]
        texts += [text.replace(" ", ", "), text.replace(" ", ""), "\u0301".join(text), f"\x00{text}\U0001f34f"]
    texts += [" ".join([words[0]] * 500), " ".join([words[-1], words[0]] * 300), words[0] * 50]
    texts += [f"{word} {text}" for word, text in zip(words[:50], HOSTILE_TEXTS * 2, strict=False)]
    texts += [" ".join(generator.choice(words, generator.integers(1, 60))) for _ in range(MIXTURES)]
    texts += ["x" * feature.longest, "é" * feature.longest, " ".join(generator.choice(words, feature.longest))]
    cut_texts = [text[: feature.longest] for text in texts]
    return list(dict.fromkeys(text for text in cut_texts if feature.takes_text(text)))


def _texts_of(numbers: NDArray[np.float64]) -> list[str]:
    """Return the different texts that numbers represent, in order."""
    texts = (text_of(number) for number in dict.fromkeys(numbers.tolist()))
    return [text for text in texts if text is not None]
