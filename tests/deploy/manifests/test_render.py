"""A YAML stream becomes a list of objects, and each file of values has an overlay of its name."""

from __future__ import annotations

import pytest

from deploy.manifests.errors import ManifestError
from deploy.manifests.render import Rendering, overlay_names, parse_objects, values_names


def test_empty_documents_are_omitted() -> None:
    """Documents without content, such as an unused template of a chart, are omitted."""
    objects = parse_objects("---\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n# nothing\n", "x")
    assert [item["kind"] for item in objects] == ["Service"]


@pytest.mark.parametrize("text", ["- 1\n", "kind: Service\nmetadata: {name: a}\n", "apiVersion: v1\nkind: Service\n"])
def test_a_document_that_is_no_object_is_refused(text: str) -> None:
    """The error has the source and the position of the document."""
    with pytest.raises(ManifestError, match="overlay, document 0: expected an object with apiVersion, kind"):
        parse_objects(text, "overlay")


def test_invalid_yaml_is_refused() -> None:
    """The error names the source."""
    with pytest.raises(ManifestError, match="overlay is not valid YAML"):
        parse_objects("a: [", "overlay")


def test_text_of_a_rendering_can_be_read_again() -> None:
    """The text has the same objects."""
    objects = parse_objects("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {x: '1'}\n", "x")
    assert parse_objects(Rendering("x", objects).text, "x") == objects


def test_each_set_of_values_has_an_overlay() -> None:
    """The chart is compared with the overlay of the same name, so no set of values may be without one."""
    assert {"production", "production-keda", "staging"} == {*values_names()}
    assert {*values_names()} < {*overlay_names()}
