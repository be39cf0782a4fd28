"""A reference describes the answers of its contract: numbers of a regression, labels of a classification."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tabento.bundle.contract import Contract, Output, OutputTarget
from tabento.bundle.errors import BundleFormatError
from tabento.bundle.reference import Reference, check_reference
from tests.bundles import classifier_contract, orchard_contract, reference_of

CONTRACTS = (orchard_contract(), classifier_contract(), classifier_contract((False, True), probabilities=False))
NUMBERS, LABELS = reference_of(orchard_contract()), reference_of(classifier_contract())


@pytest.mark.parametrize("contract", CONTRACTS, ids=["numbers", "probabilities", "labels"])
def test_a_reference_of_its_contract_is_taken(contract: Contract) -> None:
    """Each kind survives its own JSON and fits its contract; the target may be unknown."""
    reference = reference_of(contract)
    assert Reference.model_validate_json(reference.model_dump_json()) == reference
    check_reference(reference, contract)
    check_reference(reference.model_copy(update={"target": None}), contract)


def test_a_reference_without_the_later_fields_is_read() -> None:
    """A bundle from before there were probabilities stays readable."""
    content = NUMBERS.model_dump(exclude={"probabilities"})
    assert Reference.model_validate(content) == NUMBERS


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"target": NUMBERS.target}, "the target is a NumberDistribution"),
        ({"prediction": NUMBERS.prediction, "target": None}, "`probabilities` needs predictions that are labels"),
    ],
)
def test_a_reference_is_of_one_kind(fault: dict[str, Any], message: str) -> None:
    """A reference with labels and numbers is refused when it is made."""
    with pytest.raises(ValidationError, match=message):
        Reference(**{name: getattr(LABELS, name) for name in Reference.model_fields} | fault)


@pytest.mark.parametrize(
    ("reference", "contract", "message"),
    [
        (LABELS, CONTRACTS[0], "describes labels, but the contract answers a number"),
        (NUMBERS, CONTRACTS[1], "describes numbers, but the contract answers one of `classes`"),
        (LABELS, CONTRACTS[2], r"prediction describes \['fair', .*the classes \['false', 'true'\]"),
        (
            LABELS.model_copy(update={"probabilities": {"fair": NUMBERS.prediction}}),
            CONTRACTS[1],
            r"probabilities describes \['fair'\]",
        ),
        (
            LABELS.model_copy(update={"target": reference_of(CONTRACTS[2]).prediction}),
            CONTRACTS[1],
            r"target describes \['false', 'true'\]",
        ),
    ],
)
def test_a_reference_of_another_contract_is_refused(reference: Reference, contract: Contract, message: str) -> None:
    """The error names the answers of the reference and the answers of the contract."""
    with pytest.raises(BundleFormatError, match=message):
        check_reference(reference, contract)


TARGETS = CONTRACTS[0].model_copy(
    update={"output": Output(name="prediction", targets=(OutputTarget(name="cost"), OutputTarget(name="hours")))}
)
TWO_TARGETS = NUMBERS.model_copy(
    update={"prediction": dict.fromkeys(("cost", "hours"), NUMBERS.prediction), "target": None}
)


def test_several_answers_are_described_one_by_one() -> None:
    """A reference of several targets survives its own JSON and fits its contract."""
    assert Reference.model_validate_json(TWO_TARGETS.model_dump_json()) == TWO_TARGETS
    check_reference(TWO_TARGETS, TARGETS)


@pytest.mark.parametrize(
    ("reference", "contract", "message"),
    [
        (NUMBERS, TARGETS, "describes one answer and the contract has several"),
        (TWO_TARGETS, CONTRACTS[0], "describes one answer and the contract has several"),
        (
            TWO_TARGETS.model_copy(update={"prediction": {"cost": NUMBERS.prediction}}),
            TARGETS,
            r"has \['cost', 'hours'\]",
        ),
        (
            TWO_TARGETS.model_copy(update={"target": {"cost": NUMBERS.prediction}}),
            TARGETS,
            r"target describes \['cost'\]",
        ),
        (
            TWO_TARGETS.model_copy(update={"prediction": {"cost": NUMBERS.prediction, "hours": LABELS.prediction}}),
            TARGETS,
            "describes labels, but the contract answers a number",
        ),
    ],
)
def test_a_reference_of_other_targets_is_refused(reference: Reference, contract: Contract, message: str) -> None:
    """Each target is described, in its own kind."""
    with pytest.raises(BundleFormatError, match=message):
        check_reference(reference, contract)
