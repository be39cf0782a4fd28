"""Policies for values outside the contract: both decoders agree, answers say what was clipped, impossible policies are refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.decode_cost.straightforward import decode_straightforward
from serving.codec import careful
from serving.codec.identify import decoder_of
from serving.codec.input_policies import InputPolicies, policies_for
from serving.codec.slices import WorkMeter, run_steps
from serving.errors import InvalidError, ServingError
from serving.routes.schemas import row_schema
from serving.settings import InputPolicy, ServingSettings, SettingsError
from tabento.bundle.contract import Contract, Feature, Output
from tests.bundles import TAGGED_TREE, TREE, orchard_contract, tagged_contract
from tests.examples import examples
from tests.serving.codec.strategies import almost_right_bodies

MAX_ROWS = 5
ORCHARD = orchard_contract()
TAGGED = tagged_contract()
RIDE = Contract(
    name="ride",
    title="Ride",
    description="",
    task="regression",
    features=(
        Feature(name="at", type="timestamp", minimum="2020-01-01", maximum="2029-12-31T23:59:59Z"),
        Feature(name="seats", type="integer", minimum=0.5, maximum=8.5),
    ),
    output=Output(name="minutes"),
)
RIDE_ROW: dict[str, Any] = {"at": "2026-11-27T16:08:17.5Z", "seats": 2}
CHOICES: dict[str, tuple[InputPolicy, ...]] = {
    "age": ("reject", "accept", "clip"),
    "crown width": ("reject", "accept"),
    "height": ("accept", "clip"),
    "slope": ("accept", "clip"),
    "soil": ("reject", "accept"),
    "pruned": ("reject",),
}
"""The policies that are possible for the features of ``tagged_contract``."""
_policies = st.fixed_dictionaries({}, optional={name: st.sampled_from(words) for name, words in CHOICES.items()})


def _decode(contract: Contract, policies: dict[str, InputPolicy], row: dict[str, Any]) -> Any:
    return decoder_of(contract, MAX_ROWS, policies=InputPolicies(contract, policies)).decode(json.dumps(row).encode())


def _numbers(contract: Contract, policies: dict[str, InputPolicy], row: dict[str, Any]) -> dict[str, float]:
    """Return the packed numbers of one row by the names of the features."""
    numbers = np.frombuffer(_decode(contract, policies, row).data).tolist()
    return dict(zip(contract.feature_names, numbers, strict=True))


def _outcome(decode: Any, body: bytes) -> Any:
    try:
        return decode(body)
    except ServingError as error:
        return error.status, error.message.partition(" The key '")[0], error.details


@settings(max_examples=examples(3000), deadline=None)
@given(almost_right_bodies(TAGGED), _policies)
@example(json.dumps({**TAGGED_TREE, "slope": -999}).encode(), {"slope": "accept"})
@example(json.dumps({**TAGGED_TREE, "slope": -999.0, "age": 0}).encode(), {"slope": "clip", "age": "clip"})
@example(json.dumps({**TAGGED_TREE, "age": 2**53, "height": -(2**53)}).encode(), {"age": "accept", "height": "clip"})
@example(json.dumps({**TAGGED_TREE, "soil": "moon"}).encode(), {"soil": "reject"})
def test_all_decoders_agree_on_policies(body: bytes, policies: dict[str, InputPolicy]) -> None:
    """Plain, careful and straightforward decoder: the same rows and clipped values, or the same faults."""
    decoder = decoder_of(TAGGED, MAX_ROWS, policies=InputPolicies(TAGGED, policies))
    expected = _outcome(lambda data: decode_straightforward(data, TAGGED, MAX_ROWS, policies=policies), body)
    result = _outcome(lambda data: run_steps(decoder.careful.steps(data, WorkMeter())), body)
    too_many = "a list of more than 5; send several requests"
    assert result == expected or any(too_many in str(outcome) for outcome in (result, expected))
    plain = decoder.decode_plain(body)
    assert plain is None or plain == expected


@settings(max_examples=examples(500), deadline=None)
@given(
    st.datetimes().map(lambda moment: moment.isoformat(" ") + "Z") | st.sampled_from(["2020-01-01", "never", None, 5]),
    st.integers(-20, 20) | st.sampled_from([8.5, 0.5, 2**53, 2**60, True]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("at", "seats"), st.sampled_from(["reject", "accept", "clip"]))),
)
def test_all_decoders_agree_on_timestamps(time: Any, seats: Any, policies: dict[str, InputPolicy]) -> None:
    """Timestamps and integers with fractional bounds: the decoders agree, and an integer is clipped to an integer."""
    body = json.dumps({"at": time, "seats": seats}).encode()
    decoder = decoder_of(RIDE, MAX_ROWS, policies=InputPolicies(RIDE, policies))
    expected = _outcome(lambda data: decode_straightforward(data, RIDE, MAX_ROWS, policies=policies), body)
    assert _outcome(lambda data: run_steps(decoder.careful.steps(data, WorkMeter())), body) == expected
    plain = decoder.decode_plain(body)
    assert plain is None or plain == expected


def test_a_feature_without_policy_is_treated_as_its_contract_says() -> None:
    """A number out of range is refused, and an unknown category is answered with ``unknown: ignore``."""
    with pytest.raises(InvalidError, match="'age' of row 0: expected an integer between 1 and 90, got 91"):
        _decode(ORCHARD, {}, {**TREE, "age": 91})
    assert _numbers(ORCHARD, {}, {**TREE, "soil": "moon"})["soil"] == -1


def test_reject_refuses_unknown_categories_that_the_model_could_answer() -> None:
    """With ``reject`` an unknown category is an error also with ``unknown: ignore``; a missing one is still accepted."""
    with pytest.raises(InvalidError, match=r"expected one of 'clay'.*got .moon.") as error_info:
        _decode(ORCHARD, {"soil": "reject"}, {**TREE, "soil": "moon"})
    assert error_info.value.kinds == {("soil", "unknown_category"): 1}
    assert np.isnan(_numbers(ORCHARD, {"soil": "reject"}, {**TREE, "soil": None})["soil"])


def test_accept_gives_the_model_the_value_as_it_is() -> None:
    """The model gets the number, on the plain way too, up to the largest exact integer."""
    assert _numbers(ORCHARD, {"age": "accept"}, {**TREE, "age": 500})["age"] == 500
    decoder = decoder_of(ORCHARD, MAX_ROWS, policies=InputPolicies(ORCHARD, {"age": "accept"}))
    assert decoder.decode_plain(json.dumps({**TREE, "age": 500}).encode()) is not None
    with pytest.raises(InvalidError, match="between -9007199254740992 and 9007199254740992"):
        _decode(ORCHARD, {"age": "accept"}, {**TREE, "age": 1e300})


def test_clip_gives_the_model_the_bound_and_lists_the_value() -> None:
    """Each clipped value has an entry with row, field, value and bound, and is counted by its feature."""
    policies: dict[str, InputPolicy] = {"age": "clip", "crown width": "clip"}
    rows = [{**TREE, "age": 150}, TREE, {**TREE, "crown width": 0.25, "age": 0}]
    decoder = decoder_of(ORCHARD, MAX_ROWS, policies=InputPolicies(ORCHARD, policies))
    decoded = decoder.decode(json.dumps({"instances": rows}).encode())
    assert decoded.clips is not None
    assert [json.loads(entry) for entry in decoded.clips.entries] == [
        {"row": 0, "field": "age", "from": 150, "to": 90},
        {"row": 2, "field": "age", "from": 0, "to": 1},
        {"row": 2, "field": "crown width", "from": 0.25, "to": 0.5},
    ]
    assert decoded.clips.counts == {"age": 2, "crown width": 1}
    assert np.frombuffer(decoded.data).reshape(3, -1)[:, 0].tolist() == [90, 12, 1]
    assert decoder.decode(json.dumps(TREE).encode()).clips is None


def test_a_clipped_timestamp_is_listed_as_text() -> None:
    """A timestamp is listed in UTC, as the contract writes it."""
    decoded = _decode(RIDE, {"at": "clip", "seats": "clip"}, {"at": "2031-05-01T02:00:00+02:00", "seats": 9})
    assert [json.loads(entry) for entry in decoded.clips.entries] == [
        {"row": 0, "field": "at", "from": "2031-05-01T00:00:00Z", "to": "2029-12-31T23:59:59Z"},
        {"row": 0, "field": "seats", "from": 9, "to": 8},
    ]


def test_a_request_with_too_many_clipped_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer lists every clipped value, so that their number is limited; the error names the limit."""
    monkeypatch.setattr(careful, "CLIPS_LIMIT", 2)
    decoder = decoder_of(ORCHARD, MAX_ROWS, policies=InputPolicies(ORCHARD, {"age": "clip"}))
    assert decoder.decode(json.dumps({"instances": [{**TREE, "age": 91}] * 2}).encode()).count == 2
    with pytest.raises(InvalidError, match=r"at most 2 values outside the range.*send several requests"):
        decoder.decode(json.dumps({"instances": [{**TREE, "age": 91}] * 3}).encode())


@pytest.mark.parametrize(
    ("contract", "policies", "message"),
    [
        (ORCHARD, {"agee": "clip"}, "'orchard' has no feature 'agee'. Did you mean 'age'?"),
        (ORCHARD, {"owner": "reject"}, "'owner'. It has 'age', 'crown width', .*'soil'. Correct the name"),
        (ORCHARD, {"pruned": "accept"}, "a boolean has no range. Use `reject`"),
        (ORCHARD, {"sort": "accept"}, "no answer for unknown categories. Use `reject`, or train it with `unknown: ignore`"),
        (ORCHARD, {"soil": "clip"}, "categories have no order. Use `accept` or `reject`"),
        (ORCHARD, {"slope": "clip"}, "no `minimum` or `maximum` for it.*Remove the policy"),
        (ORCHARD, {"slope": "accept"}, "no `minimum` or `maximum` for it.*Remove the policy"),
        (TAGGED, {"crown width": "clip"}, "exclusive bound, which is not a value itself. Use `accept` or `reject`"),
    ],
)  # fmt: skip
def test_an_impossible_policy_is_refused(contract: Contract, policies: dict[str, InputPolicy], message: str) -> None:
    """The error names the feature, the reason and the remedy."""
    with pytest.raises(SettingsError, match=f"input_policies: .*{message}"):
        InputPolicies(contract, policies)


@pytest.mark.parametrize(
    ("policies", "value", "is_valid"),
    [({}, 91, False), ({"age": "reject"}, 91, False), ({"age": "accept"}, 91, True), ({"age": "clip"}, 91, True)],
)
def test_the_schema_of_a_row_follows_the_policies(
    policies: dict[str, InputPolicy], value: float, is_valid: bool
) -> None:
    """The OpenAPI document accepts the values that the service accepts, and says what is done with them."""
    contract = InputPolicies(ORCHARD, policies).contract
    schema = row_schema(contract)
    assert jsonschema_rs.validator_for(schema).is_valid({**TREE, "age": value}) == is_valid
    assert ("A value outside 1 to 90 is" in schema["properties"]["age"]["description"]) == is_valid


def test_each_of_several_models_has_the_policies_of_its_own_features() -> None:
    """With one model an unknown name is an error; with several a policy is for the models that have the feature."""
    policies: dict[str, InputPolicy] = {"age": "clip", "tenure": "clip"}
    with pytest.raises(SettingsError, match="tenure"):
        policies_for(orchard_contract(), ServingSettings(input_policies=policies))
    several = ServingSettings(input_policies=policies, models=("*",))
    assert policies_for(orchard_contract(), several).policies == {"age": "clip"}
