"""What names say."""

from __future__ import annotations

import pytest

from training.commands.init.names import names_code, names_date, names_identifier, names_owner, words_of


def test_names_are_cut_into_words() -> None:
    """Capitals, underscores, blanks and digits part words."""
    assert words_of("PULocationID") == ["pu", "location", "id"]
    assert words_of("zip_code 2") == ["zip", "code", "2"]
    assert words_of("") == words_of("?") == []


@pytest.mark.parametrize(
    "name", ["id", "ID", "customerID", "CustomerId", "user_id", "customerid", "PassengerId", "PID", "uuid", "id_client"]
)
def test_identifiers_are_known(name: str) -> None:
    """However it is written."""
    assert names_identifier(name)
    assert names_owner(name)


@pytest.mark.parametrize("name", ["RowNumber", "invoice_no", "Index", "education-num"])
def test_numbers_of_something_may_be_identifiers(name: str) -> None:
    """They are if no two rows have the same."""
    assert names_identifier(name)
    assert not names_owner(name)


@pytest.mark.parametrize("name", ["paid", "grid", "humid", "bid", "idle", "candidate", "price", "", "Covid"])
def test_other_words_are_no_identifiers(name: str) -> None:
    """Words that end or begin like one are none."""
    assert not names_identifier(name)


def test_codes_and_dates_are_known() -> None:
    """Zones, postcodes and kinds are codes; what has a day or a time in its name is a date."""
    assert all(map(names_code, ["PULocationID", "zip", "zipcode", "MSSubClass", "payment_type", "RatecodeID"]))
    assert not any(map(names_code, ["Pclass", "age", "rooms", ""]))
    assert names_date("order_date")
    assert not names_date("update_count")
