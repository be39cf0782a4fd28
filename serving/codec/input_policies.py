"""The policies for values outside the contract's ranges and categories: from the settings to the decoders.

A policy changes the contract that the decoders read, so both decoders and the OpenAPI document apply it in the same way. With
``accept`` and ``clip`` a feature has the range that it would have without bounds; ``clip`` then moves the number to the bound,
and the answer says so.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence

import msgspec

from serving.codec.rows import Clips
from serving.settings import InputPolicy, ServingSettings, SettingsError
from tabento.bundle.contract import Contract, Feature

_encode = msgspec.json.Encoder().encode
CLIPS_LIMIT = 10_000
"""The largest number of clipped values of a request: the answer lists each one, in some 70 bytes."""
_NAMES_SHOWN = 20
"""The number of names that the message about an unknown feature lists."""
_BOUNDS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")


class InputPolicies:
    """The policies of one contract.

    Args:
        contract: the contract of the model.
        policies: the policy of each feature that has one; see ``input_policies`` in ``serving.settings``.

    Raises:
        SettingsError: a policy is for no feature of the contract, or is not possible for its feature.
    """

    def __init__(self, contract: Contract, policies: Mapping[str, InputPolicy] | None = None) -> None:
        policies = policies or {}
        names = contract.feature_names
        for name, policy in policies.items():
            if name not in names:
                raise SettingsError(_unknown_feature(name, contract))
            if fault := _fault(contract.features[names.index(name)], policy):
                raise SettingsError(f"input_policies: {policy!r} is not possible for the feature {name!r}: {fault}")
        self.policies = dict(policies)
        self.declared = contract
        """The contract of the model."""
        self.contract = _with_features(
            contract, [_widened_feature(item, policies.get(item.name)) for item in contract.features]
        )
        """The contract by which requests are checked."""
        self.plain = _with_features(
            contract, [_narrow_feature(item, policies.get(item.name)) for item in contract.features]
        )
        """The contract by which the plain decoder checks requests. It accepts no value that must be clipped, and no number
        that is outside the range and treated as missing."""
        clipped = [index for index, name in enumerate(names) if policies.get(name) == "clip"]
        self.clipper = Clipper(contract, clipped) if clipped else None
        """Clips the numbers of a row; None if no feature is clipped."""


def policies_for(contract: Contract, settings: ServingSettings) -> InputPolicies:
    """Return the policies of one model's features. If the service has several models, each has those of its own features.

    Args:
        contract: the contract of the model.
        settings: the serving settings.

    Raises:
        SettingsError: see ``InputPolicies``.
    """
    policies = settings.input_policies
    if settings.models or settings.pinned_models:
        policies = {name: policy for name, policy in policies.items() if name in contract.feature_names}
    return InputPolicies(contract, policies)


class Clipper:
    """Moves the numbers of a row to the bounds of their features.

    Args:
        contract: the contract of the model.
        indices: the indices of the features that are clipped.
    """

    def __init__(self, contract: Contract, indices: Sequence[int]) -> None:
        self._features = [_ClippedFeature(contract.features[index], index) for index in indices]

    def clip(self, row: int, numbers: list[float], clips: Clips | None) -> Clips | None:
        """Clip the numbers of a row.

        Args:
            row: the index of the row in the request.
            numbers: one for each feature; they are changed.
            clips: the clipped values of the rows before this one; they are extended.

        Returns:
            ``clips``; a new object if there was none and a value is clipped.
        """
        for feature in self._features:
            number = numbers[feature.index]
            if number < feature.lower:
                bound, text = feature.lower, feature.lower_text
            elif number > feature.upper:
                bound, text = feature.upper, feature.upper_text
            else:
                continue  # within the range, or NaN
            numbers[feature.index] = bound
            if clips is None:
                clips = Clips([], {})
            clips.entries.append(b'{"row":%d,%b%b%b' % (row, feature.key, feature.text(number), text))
            clips.counts[feature.name] = clips.counts.get(feature.name, 0) + 1
        return clips


class _ClippedFeature:
    """One feature that is clipped, with the constant parts of its entries in an answer."""

    def __init__(self, feature: Feature, index: int) -> None:
        self._feature = feature
        self.index = index
        self.name = feature.name
        self.lower, self.upper = feature.lower, feature.upper
        if feature.type == "integer":
            self.lower, self.upper = float(math.ceil(self.lower)), float(math.floor(self.upper))
        self.key = b'"field":%b,"from":' % json.dumps(feature.name, ensure_ascii=False).encode()
        self.lower_text = b',"to":%b}' % self.text(self.lower)
        self.upper_text = b',"to":%b}' % self.text(self.upper)

    def text(self, number: float) -> bytes:
        """Return a number of this feature as JSON, as a client writes it."""
        feature = self._feature
        if feature.type == "timestamp":
            return _encode(feature.value_text(number))
        return _encode(int(number) if feature.type == "integer" else number)


def _with_features(contract: Contract, features: list[Feature]) -> Contract:
    return contract.model_copy(update={"features": tuple(features)})


def _widened_feature(feature: Feature, policy: InputPolicy | None) -> Feature:
    """Return a feature that takes all values that its policy lets pass."""
    if feature.type == "category":
        return feature.model_copy(update={"unknown": "refuse"}) if policy == "reject" else feature
    if policy not in ("accept", "clip"):
        return feature
    treatment = "accepted and counted" if policy == "accept" else "moved to the bound, which the answer says"
    lower, upper = feature.value_text(feature.lower), feature.value_text(feature.upper)
    note = f"A value outside {lower} to {upper} is {treatment}."
    return feature.model_copy(update={**dict.fromkeys(_BOUNDS), "description": f"{feature.description} {note}".strip()})


def _narrow_feature(feature: Feature, policy: InputPolicy | None) -> Feature:
    """Return a feature that takes only those values whose treatment needs no second look."""
    if policy == "clip" or (policy == "accept" and feature.missing_numbers()):
        return feature
    return _widened_feature(feature, policy)


def _unknown_feature(name: str, contract: Contract) -> str:
    """Return the message about a policy for a name that the contract does not have."""
    matches = difflib.get_close_matches(name, contract.feature_names, n=1)
    names = contract.feature_names[:_NAMES_SHOWN]
    n_more = len(contract.features) - len(names)
    listed = ", ".join(map(repr, names)) + (f" and {n_more} more" if n_more else "")
    hint = f"Did you mean {matches[0]!r}?" if matches else f"It has {listed}."
    return f"input_policies: the model {contract.name!r} has no feature {name!r}. {hint} Correct the name or remove it."


def _fault(feature: Feature, policy: InputPolicy) -> str | None:
    """Return the reason for which a policy is not possible for a feature, and the remedy; None if it is possible."""
    if policy == "reject":
        return None
    if feature.type == "category":
        if policy == "clip":
            return "categories have no order. Use `accept` or `reject`."
        if feature.unknown == "refuse":
            return (
                "the model has no answer for unknown categories. Use `reject`, or train it with `unknown: ignore` for"
                " this column."
            )
        return None
    if not feature.ordered:
        return f"a {feature.type} has no range. Use `reject` or remove it."
    if all(getattr(feature, bound) is None for bound in _BOUNDS):
        return "the contract has no `minimum` or `maximum` for it, so no value is out of range. Remove the policy."
    exclusive = feature.exclusive_minimum is not None or feature.exclusive_maximum is not None
    if policy == "clip" and exclusive and feature.type != "integer":
        # The float64 next to an exclusive bound, such as 5e-324 for 0, is not a usual value of any feature.
        return "its range has an exclusive bound, which is not a value itself. Use `accept` or `reject`."
    return None
