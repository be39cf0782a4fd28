"""Constants that are found by their content."""

from __future__ import annotations

import numpy as np

from tabento.export.graph.constants import Constants


def test_an_equal_array_is_found() -> None:
    """Only the same bits in the same shape and type are the same constant."""
    constants = Constants({"a": np.array([0.0, 1.0])})
    constants["nothing"] = np.empty((0, 2))
    constants["one"] = np.array(3, dtype=np.int64)
    assert constants.name_of(np.array([0.0, 1.0])) == "a"
    assert constants.name_of(np.array([0.0, 2.0])[::2]) is None
    assert constants.name_of(np.array([[0.0, 1.0]])) is None
    assert constants.name_of(np.array([0, 1])) is None
    assert constants.name_of(np.array([-0.0, 1.0])) is None
    assert constants.name_of(np.empty((0, 2))) == "nothing"
    assert constants.name_of(np.array(3, dtype=np.int64)) == "one"
    assert list(constants) == ["a", "nothing", "one"]


def test_a_forgotten_array_is_not_found() -> None:
    """A dropped constant is not found, and can be stored again."""
    constants = Constants({"a": np.ones(2), "b": np.ones(2)})
    assert constants.name_of(np.ones(2)) == "a"
    del constants["b"]
    assert constants.name_of(np.ones(2)) == "a"
    del constants["a"]
    assert constants.name_of(np.ones(2)) is None
    assert len(constants) == 0
