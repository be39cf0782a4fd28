"""The further models of a Bento: the argument that names them, and the settings with which they are served."""

from __future__ import annotations

import pytest

from serving.packed_models import split_tags, with_packed_models
from serving.settings import ServingSettings


@pytest.mark.parametrize("value", ["churn:v1, plans:x.2", ["churn:v1", "plans:x.2"], ("churn:v1", "plans:x.2")])
def test_tags_come_as_a_text_or_a_list(value: object) -> None:
    """``--arg`` has a text with commas, an argument file a list."""
    assert split_tags(value) == ("churn:v1", "plans:x.2")


def test_no_text_is_no_model() -> None:
    """An empty argument names nothing."""
    assert split_tags("") == ()


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("churn", "expected NAME:VERSION, got 'churn'"),
        ("churn:", "expected NAME:VERSION, got 'churn:'"),
        ("churn:v1 plans:v2", "expected NAME:VERSION"),
        ("churn:v1,churn:v2", "'churn' is listed twice"),
        (7, "expected tags separated by commas, got 7"),
    ],
)
def test_other_values_are_refused(value: object, fault: str) -> None:
    """Each message has the expected form and the value."""
    with pytest.raises(ValueError, match=fault):
        split_tags(value)


def test_packed_models_are_served_beside_the_ones_of_the_settings() -> None:
    """They come first; a version that the settings name is kept, a name without a version means the packed one."""
    packed = ("churn:v1", "plans:v2")
    assert with_packed_models(ServingSettings(), packed).models == packed
    assert with_packed_models(ServingSettings(models=("prices",)), packed).models == (*packed, "prices")
    assert with_packed_models(ServingSettings(models=("churn",)), packed).models == (*packed, "churn")
    assert with_packed_models(ServingSettings(models=("churn:v9",)), packed).models == ("plans:v2", "churn:v9")
    pinned = with_packed_models(ServingSettings(pinned_models=("plans:v8", "churn")), packed)
    assert pinned.models == ("churn:v1",)


def test_settings_without_packed_models_stay() -> None:
    """A Bento of one model does not become a service of several."""
    settings = ServingSettings(models=("prices",))
    assert with_packed_models(settings, ()) is settings
