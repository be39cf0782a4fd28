"""The bundle of a Bento that is served."""

from __future__ import annotations

import pytest

from serving.packed_bundle import choose_packed
from tabento.bundle.errors import BundleNotFoundError

TAGS = ("orchard:v1", "pear:v2")


@pytest.mark.parametrize(
    ("requested", "expected"), [("pear", "pear:v2"), ("orchard:latest", "orchard:v1"), ("pear:v2", "pear:v2")]
)
def test_the_packed_version_is_served(requested: str, expected: str) -> None:
    """The requested model is found by its name, by ``latest`` and by its version."""
    assert choose_packed("tabento:x", TAGS, requested) == expected


@pytest.mark.parametrize("requested", ["plum", "pear:v1", "orch"])
def test_a_model_that_is_not_packed_is_refused(requested: str) -> None:
    """The message names the packed models and the command that packs the requested one."""
    with pytest.raises(BundleNotFoundError, match=f"holds orchard:v1, pear:v2, but {requested} is .*make bento"):
        choose_packed("tabento:x", TAGS, requested)
