"""Truth values as people write them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tabento.bundle.boolean_text import BOOLEAN_WORDS, parse_boolean


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        *[(word, truth) for word, truth in BOOLEAN_WORDS.items()],
        ("YES", True),
        ("Off", False),
        (True, True),
        (0, False),
        (1.0, True),
        (np.bool_(False), False),
        (np.int64(1), True),
        ("", None),
        (" yes", None),
        ("yes\n", None),
        ("oui", None),
        ("1.0", None),
        (2, None),
        (float("nan"), None),
        (None, None),
        ([1], None),
        (np.array([0, 1]), None),
        ("y" * 1_000_000, None),
    ],
)
def test_a_value_is_true_false_or_neither(value: object, truth: bool | None) -> None:
    """Words in any letter case, the numbers 0 and 1, and nothing else."""
    assert parse_boolean(value) is truth


def test_no_letter_of_another_alphabet_makes_a_truth_value() -> None:
    """Over all of Unicode, one character is a truth value only if it is ASCII."""
    accepted_characters = [
        character for character in map(chr, range(sys.maxunicode + 1)) if parse_boolean(character) is not None
    ]
    assert "".join(accepted_characters) == "01FNTYfnty"
