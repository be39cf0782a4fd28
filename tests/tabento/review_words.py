"""The words of which tests make texts: letters beyond ASCII, capitals, digits, apostrophes and punctuation."""

from __future__ import annotations

WORDS = [
    "good",
    "bad",
    "great",
    "awful",
    "the",
    "and",
    "Movie",
    "plot",
    "loved",
    "hated",
    "café",
    "Straße",
    "don't",
    "10",
    "really,",
    "very.",
    "not!",
]
