"""Names of versions."""

from __future__ import annotations

import pytest

from training.registry.errors import RegistryError
from training.registry.names import parse_name


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("flats", ("flats", "champion")),
        ("flats@challenger", ("flats", "challenger")),
        ("models:/flats/12", ("flats", 12)),
        ("flats/STAGING", ("flats", "challenger")),
        ("models:/flats@blue-1", ("flats", "blue-1")),
    ],
)
def test_forms_are_read(reference: str, expected: tuple[str, str | int]) -> None:
    """Alias, number and stage, with or without MLflow's prefix."""
    assert parse_name(reference) == expected


@pytest.mark.parametrize("reference", ["", "Flats", "flats@", "flats/1/2", "flats:1", "a'b", "models:/"])
def test_other_forms_are_refused(reference: str) -> None:
    """The message says which forms there are."""
    with pytest.raises(RegistryError, match="NAME@ALIAS"):
        parse_name(reference)


def test_unknown_stage_is_refused() -> None:
    """Only the stages that a version can be asked for have a meaning."""
    with pytest.raises(RegistryError, match="production, staging"):
        parse_name("flats/archived")
