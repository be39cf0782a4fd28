"""The treatment of private fields."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr, ValidationError

from monitoring.privacy import Privacy
from monitoring.settings import MonitoringSettings
from tabento.bundle.contract import Contract
from tabento.bundle.format import FIRST_FORMAT, LATER_KEYS_FORMAT
from tests.bundles import orchard_contract, tagged_contract

KEY = SecretStr("0123456789abcdef")


def marked_contract(**marks: str) -> Contract:
    """Return the tagged orchard's contract with the mark ``pii`` on fields."""
    content = json.loads(tagged_contract().model_dump_json())
    for field in content["features"] + content["identifiers"]:
        if field["name"] in marks:
            field["pii"] = marks[field["name"]]
    return Contract.model_validate(content)


def test_a_mark_in_the_contract_decides_without_a_setting() -> None:
    """``drop`` drops also with a key; ``hash`` drops without a key."""
    contract = marked_contract(age="drop", tag="hash")
    assert Privacy(contract, MonitoringSettings()).private == {"age": "drop", "tag": "drop"}
    with_key = Privacy(contract, MonitoringSettings(private_hash_key=KEY))
    assert with_key.private == {"age": "drop", "tag": "hash"}
    assert with_key.treatment("soil") == "log"


@pytest.mark.parametrize("name", ["Crown Width", "crown_width", "CROWN-WIDTH", "crownwidth"])
def test_names_of_the_setting_are_compared_without_case_and_separators(name: str) -> None:
    """The feature ``crown width`` is private under all of its spellings."""
    settings = MonitoringSettings(private_fields=(name,))
    assert Privacy(orchard_contract(), settings).private == {"crown width": "drop"}


def test_a_hash_depends_on_key_field_and_value() -> None:
    """Equal values have equal hashes; another key, field, value or type gives another hash."""
    contract = marked_contract(age="hash", tag="hash")
    privacy = Privacy(contract, MonitoringSettings(private_hash_key=KEY))
    other = Privacy(contract, MonitoringSettings(private_hash_key=SecretStr("another key of a service")))
    first = privacy.hash_value("tag", "7")
    assert first == privacy.hash_value("tag", "7")
    assert len(first) == 32
    hashes = {first, other.hash_value("tag", "7"), privacy.hash_value("age", "7"), privacy.hash_value("tag", 7)}
    assert len(hashes) == 4


def test_nothing_is_hashed_without_a_key() -> None:
    """An unkeyed hash of a telephone number can be reversed by trying all numbers, so it is refused."""
    with pytest.raises(ValueError, match="private_hash_key"):
        Privacy(marked_contract(tag="hash"), MonitoringSettings()).hash_value("tag", "7")


def test_a_short_key_is_refused_without_being_shown() -> None:
    """A key can be guessed if it is short."""
    with pytest.raises(ValidationError) as error:
        MonitoringSettings(private_hash_key=SecretStr("guess-me"))
    assert "guess-me" not in str(error.value)


def test_only_a_contract_with_marks_has_the_later_format() -> None:
    """Contracts without marks are written as before, so that older services can read them."""
    content = json.loads(orchard_contract().model_dump_json())
    assert all("pii" not in feature for feature in content["features"])
    assert orchard_contract().format_version == FIRST_FORMAT
    content["features"][0]["pii"] = "hash"
    assert Contract.model_validate(content).format_version == LATER_KEYS_FORMAT


def test_an_unknown_treatment_is_refused() -> None:
    """A mark with a typing error would publish values."""
    with pytest.raises(ValidationError, match="pii"):
        marked_contract(tag="hide")
