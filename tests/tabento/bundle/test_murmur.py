"""MurmurHash3 against the implementation that scikit-learn is built with."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32 as of_sklearn

from tabento.bundle.murmur import murmurhash3_32


@pytest.mark.parametrize("seed", [0, 1, 0xFFFFFFFF])
def test_every_length_and_rest_hashes_as_in_scikit_learn(seed: int) -> None:
    """Bytes of 0 to 40, with all remainders by four, give the same signed number."""
    generator = np.random.default_rng(3)
    for length in range(41):
        data = generator.integers(0, 256, length, dtype=np.uint8).tobytes()
        assert murmurhash3_32(data, seed) == of_sklearn(data, seed)


@pytest.mark.parametrize("text", ["", "word", "straße", "日本語 テキスト", "🍏", "\x00", "two words"])
def test_texts_hash_as_in_scikit_learn(text: str) -> None:
    """A text is hashed by its UTF-8."""
    assert murmurhash3_32(text.encode()) == of_sklearn(text)
