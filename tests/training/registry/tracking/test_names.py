"""Keys and values as MLflow takes them."""

from __future__ import annotations

from training.registry.tracking.names import KEY_LIMIT, VALUE_LIMIT, flatten, key, keys, text


def test_nested_values_become_one_level() -> None:
    """Sections are joined by points, lists become JSON, empty sections stay visible."""
    nested = {"a": {"b": {"c": 1}, "d": [1, "x"]}, "e": "text", "f": None, "g": {}}
    assert flatten(nested) == {"a.b.c": "1", "a.d": '[1, "x"]', "e": "text", "f": "null", "g": "{}"}


def test_odd_characters_are_replaced_and_nothing_is_lost() -> None:
    """Two names that become the same key both stay."""
    assert key("within 5%!") == "within 5__"
    assert keys({"a%": 1, "a!": 2, "a?": 3}) == {"a_": 1.0, "a__2": 2.0, "a__3": 3.0}
    assert flatten({"a": {"b": 1}, "a.b": 2}) == {"a.b": "1", "a.b_2": "2"}
    assert key("/..") == "_"


def test_lengths_are_limited() -> None:
    """Long keys and values are cut to what MLflow takes."""
    assert len(key("x" * 1000)) == KEY_LIMIT
    assert len(text("x" * 10_000)) == VALUE_LIMIT
    assert text("x" * 10_000).endswith("…")
    assert {len(name) for name in keys({"x" * 300: 1, "x" * 301: 2})} <= {KEY_LIMIT, KEY_LIMIT - 6}
