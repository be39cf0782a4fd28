"""Two renderings are equal if Kubernetes would treat them equally; each other difference is a line with both values."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.manifests.compare import compare, differences
from deploy.manifests.render import Manifest, Rendering


def config_map(name: str, **data: str) -> Manifest:
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: 1 on the left, 2 on the right"]),
        ({"a": 1}, {"a": True}, ["a: 1 on the left, true on the right"]),
        ({"a": {"b": "1"}}, {"a": {"b": 1}}, ['a.b: "1" on the left, 1 on the right']),
        ({"a": 1}, {}, ["a: 1 on the left, missing on the right"]),
        ({}, {"a": [1]}, ["a: missing on the left, [1] on the right"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a[0]: 1 on the left, 2 on the right", "a[1]: 2 on the left, 1 on the right"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a: [1, 2] on the left, [1] on the right"]),
    ],
)
def test_each_difference_is_a_line(left: Any, right: Any, expected: list[str]) -> None:
    """A line has the path and both values; equal values have none, and 1 is not true."""
    assert list(differences(left, right)) == expected


def test_named_objects_have_no_order() -> None:
    """Variables, volumes and other lists of named objects are compared by name."""
    left, right = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
    assert list(differences({"env": [left, right]}, {"env": [right, left]})) == []
    assert list(differences({"env": [left, right]}, {"env": [left]})) == [
        'env.B: {"name": "B", "value": "2"} on the left, missing on the right'
    ]


def test_a_name_that_appears_twice_keeps_the_order() -> None:
    """With two objects of one name the order matters, since the later one wins."""
    first, second = {"name": "A", "value": "1"}, {"name": "A", "value": "2"}
    assert list(differences({"env": [first, second]}, {"env": [second, first]}))


def test_renderings_are_compared_by_kind_and_name() -> None:
    """The order of objects, the Namespace and the blanks of a JSON file do not matter; a missing object does."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "orchard"}}
    spaced, dense = config_map("a", **{"x.json": '{"b": 1}'}), config_map("a", **{"x.json": '{"b":1}'})
    left = Rendering("overlays/x", (namespace, spaced, config_map("b", k="v")))
    assert compare(left, Rendering("helm/x", (config_map("b", k="v"), dense))) == []
    assert compare(left, Rendering("helm/x", (dense, config_map("c")))) == [
        "ConfigMap/b: only in overlays/x",
        "ConfigMap/c: only in helm/x",
    ]


def test_a_difference_names_its_object() -> None:
    """The line begins with kind and name of the object."""
    left, right = Rendering("l", (config_map("a", k="1"),)), Rendering("r", (config_map("a", k="2"),))
    assert compare(left, right) == ['ConfigMap/a: data.k: "1" on the left, "2" on the right']
