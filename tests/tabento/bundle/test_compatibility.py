"""The comparison of two contracts names each field that a client must change."""

from __future__ import annotations

from typing import Any

import pytest

from tabento.bundle.compatibility import breaking_changes, compatible_changes, incomparable, pii_changes
from tabento.bundle.contract import Contract, Output
from tests.bundles import classifier_contract, orchard_contract, tagged_contract, with_output
from tests.tabento.tables.test_intervals import BY_AGE


def change_feature(name: str, **keys: Any) -> Contract:
    """Return the orchard's contract with some keys of one feature changed."""
    content = orchard_contract().model_dump()
    feature = next(item for item in content["features"] if item["name"] == name)
    feature.update(keys)
    return Contract.model_validate(content)


def without(name: str) -> Contract:
    """Return the orchard's contract without one feature."""
    content = orchard_contract().model_dump()
    content["features"] = [item for item in content["features"] if item["name"] != name]
    return Contract.model_validate(content)


def test_same_contract_changes_nothing() -> None:
    """A model that was only trained again breaks no client."""
    old = orchard_contract()
    assert (incomparable(old, old), breaking_changes(old, old), compatible_changes(old, old)) == ([], [], [])


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (without("height"), "'height' is not a field any more"),
        (
            change_feature("age", maximum=40),
            "'age' takes an integer between 1 and 40, before an integer between 1 and 90",
        ),
        (change_feature("age", unit="months"), "'age' is now in months, before in years"),
        (change_feature("height", type="integer"), "'height' is now an integer, before a number"),
        (change_feature("slope", nullable=False, required=True), "'slope' must not be null any more"),
        (change_feature("slope", required=True), "'slope' must be sent now"),
        (change_feature("sort", categories=("BOSKOOP", "COX")), "'sort' no longer takes 'GLOSTER'"),
        (change_feature("soil", unknown="refuse"), "'soil' refuses unknown values now"),
        (change_feature("sort", case="exact"), "'sort' no longer takes other letters' case"),
    ],
)
def test_narrower_field_breaks_clients(new: Contract, message: str) -> None:
    """Each way of taking less is told; the other way round it is compatible, or a break of its own."""
    assert message in breaking_changes(orchard_contract(), new)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            change_feature("age", maximum=120),
            "'age' takes an integer between 1 and 120, before an integer between 1 and 90",
        ),
        (
            change_feature("age", type="number"),
            "'age' takes a number between 1 and 90, before an integer between 1 and 90",
        ),
        (change_feature("height", nullable=True), "or null, before a number between 0.5 and 20"),
    ],
)
def test_wider_field_breaks_nobody(new: Contract, message: str) -> None:
    """Whoever sent the old rows may go on."""
    assert breaking_changes(orchard_contract(), new) == []
    assert any(message in change for change in compatible_changes(orchard_contract(), new))


def test_another_mark_of_personal_values_is_reported() -> None:
    """A field whose `pii` changed breaks no client and is reported, because other values are written to the log."""
    old = change_feature("age", pii="drop")
    for new, mark in ((change_feature("age", pii="hash"), "hash"), (orchard_contract(), "none")):
        expected = [f"the `pii` of 'age' is {mark}, before drop"]
        assert (breaking_changes(old, new), compatible_changes(old, new), pii_changes(old, new)) == (
            [],
            expected,
            expected,
        )
    identified = tagged_contract()
    content = identified.model_dump()
    content["identifiers"][0]["pii"] = "hash"
    name = identified.identifiers[0].name
    assert pii_changes(identified, Contract.model_validate(content)) == [f"the `pii` of {name!r} is hash, before none"]


def test_new_field_breaks_only_where_it_must_be_sent() -> None:
    """A field of which clients know nothing is compatible as long as it may be left out."""
    assert breaking_changes(without("slope"), orchard_contract()) == []
    assert compatible_changes(without("slope"), orchard_contract()) == ["'slope' is new and optional"]
    assert breaking_changes(without("age"), orchard_contract()) == ["'age' is new and must be sent"]


def test_other_answers_cannot_be_compared() -> None:
    """Another task, target, unit or other classes mean something else."""
    number = orchard_contract()
    reasons = incomparable(number, classifier_contract())
    assert any("it does regression, the model classification" in reason for reason in reasons)
    pounds = number.model_copy(update={"output": number.output.model_copy(update={"unit": "pounds"})})
    assert incomparable(number, pounds) == ["its unit is 'kg', the model's 'pounds'"]
    assert incomparable(classifier_contract(), classifier_contract(probabilities=False)) == [
        "only one of the two answers probabilities"
    ]


def test_threshold_and_ranking_are_told() -> None:
    """A lost ranking breaks clients; another threshold only moves answers."""
    old = classifier_contract(("no", "yes"), ranking=True)
    new = classifier_contract(("no", "yes"), threshold=0.3)
    assert breaking_changes(old, new) == ["the answer has no ranking any more"]
    assert "the decision threshold is 0.3, before none" in compatible_changes(old, new)


def test_intervals_and_sets_are_told() -> None:
    """A lost interval breaks clients; a new one, and another coverage, do not."""
    old, new = orchard_contract(), with_output(orchard_contract(), interval=BY_AGE.model_dump())
    assert (breaking_changes(old, new), compatible_changes(old, new)) == ([], ["the answer has a new field `interval`"])
    assert breaking_changes(new, old) == ["the answer has no `interval` any more"]
    other = with_output(new, interval=BY_AGE.model_dump() | {"coverage": 0.8})
    assert compatible_changes(new, other) == ["the coverage of `interval` is 0.8, before 0.9"]
    table = {"coverage": 0.9, "thresholds": (0.1, 0.2, 0.3)}
    assert compatible_changes(classifier_contract(), with_output(classifier_contract(), prediction_set=table)) == [
        "the answer has a new field `set`"
    ]


def test_other_targets_do_not_mean_the_same() -> None:
    """One answer and several, or several with other names, cannot be compared."""
    old = orchard_contract()
    two_targets = old.model_copy(
        update={"output": Output.model_validate({"name": old.output.name, "targets": ({"name": "kg"}, {"name": "h"})})}
    )
    other = old.model_copy(
        update={
            "output": Output.model_validate({"name": old.output.name, "targets": ({"name": "kg"}, {"name": "days"})})
        }
    )
    assert incomparable(two_targets, two_targets) == []
    assert any(
        "it answers ['kg', 'h'], the model ['kg', 'days']" in reason for reason in incomparable(two_targets, other)
    )
    assert any("the model ['kg', 'h']" in reason for reason in incomparable(old, two_targets))
