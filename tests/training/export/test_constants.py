"""Constants that are found by their content."""

from __future__ import annotations

import numpy as np

from training.export.constants import Constants


def test_an_equal_array_is_found() -> None:
    """Only the same bits in the same shape and type are the same constant."""
    kept = Constants({"a": np.array([0.0, 1.0])})
    kept["nothing"] = np.empty((0, 2))
    kept["one"] = np.array(3, dtype=np.int64)
    assert kept.name_of(np.array([0.0, 1.0])) == "a"
    assert kept.name_of(np.array([0.0, 2.0])[::2]) is None
    assert kept.name_of(np.array([[0.0, 1.0]])) is None
    assert kept.name_of(np.array([0, 1])) is None
    assert kept.name_of(np.array([-0.0, 1.0])) is None
    assert kept.name_of(np.empty((0, 2))) == "nothing"
    assert kept.name_of(np.array(3, dtype=np.int64)) == "one"
    assert list(kept) == ["a", "nothing", "one"]


def test_a_forgotten_array_is_not_found() -> None:
    """A constant that was dropped is gone, and may be kept again."""
    kept = Constants({"a": np.ones(2), "b": np.ones(2)})
    assert kept.name_of(np.ones(2)) == "a"
    del kept["b"]
    assert kept.name_of(np.ones(2)) == "a"
    del kept["a"]
    assert kept.name_of(np.ones(2)) is None
    assert len(kept) == 0
