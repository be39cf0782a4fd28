"""Compatibility: the changes that a client of one model needs to call another model.

Training compares a new model with the champion. A service compares a new version with the live version before it takes traffic.
"""

from __future__ import annotations

from collections.abc import Iterator

from tabento.bundle.contract import Contract, Feature, Identifier
from tabento.bundle.numbers import number_text

INTERVAL_FIELDS = {"interval": "interval", "prediction_set": "set"}
"""The fields of an answer to one row by the keys of the contract's output that ask for them."""


def incomparable(old: Contract, new: Contract) -> list[str]:
    """Return the reasons why the answers of two models have different meanings; empty if they can be compared."""
    reasons = []
    if old.task != new.task:
        reasons.append(f"it does {old.task}, the model {new.task}")
    if old.output.name != new.output.name:
        reasons.append(f"its target is {old.output.name!r}, the model's {new.output.name!r}")
    if old.output.unit != new.output.unit:
        reasons.append(f"its unit is {old.output.unit!r}, the model's {new.output.unit!r}")
    if old.output.classes != new.output.classes:
        reasons.append(
            f"its classes are {list(old.output.classes or ())}, the model's {list(new.output.classes or ())}"
        )
    if old.output.targets != new.output.targets:
        reasons.append(
            f"it answers {list(old.target_names)}, the model {list(new.target_names)}, or with other classes"
        )
    if old.output.probabilities != new.output.probabilities:
        reasons.append("only one of the two answers probabilities")
    return reasons


def breaking_changes(old: Contract, new: Contract) -> list[str]:
    """Return the changes that make the new model refuse a request of the old model, or that remove a field of the answer."""
    before = {feature.name: feature for feature in old.features}
    after = {feature.name: feature for feature in new.features}
    changes = [f"{name!r} is not a field any more" for name in before if name not in after]
    changes += [
        f"{name!r} is new and must be sent"
        for name, feature in after.items()
        if name not in before and feature.required
    ]
    for name in before:
        if name in after:
            changes += _narrower_feature(before[name], after[name])
    changes += _narrower_identifiers(old, new)
    if old.output.ranking and not new.output.ranking:
        changes.append("the answer has no ranking any more")
    for key, field in INTERVAL_FIELDS.items():
        if getattr(old.output, key) is not None and getattr(new.output, key) is None:
            changes.append(f"the answer has no `{field}` any more")
    return changes


def compatible_changes(old: Contract, new: Contract) -> list[str]:
    """Return the changes that do not break a client."""
    before = {feature.name: feature for feature in old.features}
    changes = []
    for feature in new.features:
        if feature.name not in before:
            if not feature.required:
                changes.append(f"{feature.name!r} is new and optional")
            continue
        # A field that is narrower in the other direction was widened.
        if _feature_changes(before[feature.name], feature) and not list(
            _narrower_feature(before[feature.name], feature)
        ):
            changes.append(f"{feature.name!r} takes {feature.expected()}, before {before[feature.name].expected()}")
    changes += pii_changes(old, new)
    for key, field in INTERVAL_FIELDS.items():
        before_table, after_table = getattr(old.output, key), getattr(new.output, key)
        if before_table is None and after_table is not None:
            changes.append(f"the answer has a new field `{field}`")
        elif before_table is not None and after_table is not None and before_table.coverage != after_table.coverage:
            changes.append(
                f"the coverage of `{field}` is {number_text(after_table.coverage)}, before"
                f" {number_text(before_table.coverage)}"
            )
    if old.output.threshold != new.output.threshold:
        changes.append(f"the decision threshold is {_threshold(new)}, before {_threshold(old)}")
    if old.p99_ms != new.p99_ms:
        changes.append(f"the latency limit is {number_text(new.p99_ms)} ms, before {number_text(old.p99_ms)} ms")
    return changes


def pii_changes(old: Contract, new: Contract) -> list[str]:
    """Return the changed marks of personal values: no client notices them, but other values are written to the prediction log."""
    old_fields: tuple[Feature | Identifier, ...] = (*old.features, *old.identifiers)
    new_fields: tuple[Feature | Identifier, ...] = (*new.features, *new.identifiers)
    before = {field.name: field.pii for field in old_fields}
    return [
        f"the `pii` of {field.name!r} is {field.pii or 'none'}, before {before[field.name] or 'none'}"
        for field in new_fields
        if field.name in before and field.pii != before[field.name]
    ]


def _threshold(contract: Contract) -> str:
    return "none" if contract.output.threshold is None else number_text(contract.output.threshold)


def _feature_changes(before: Feature, after: Feature) -> bool:
    keys = {"type", "nullable", "required", "minimum", "maximum", "categories", "unknown", "case", *Feature.later_keys}
    keys -= {"pii"}
    return before.model_dump(include=keys) != after.model_dump(include=keys)


def _narrower_feature(before: Feature, after: Feature) -> Iterator[str]:
    """Yield the values that a field no longer accepts."""
    name = repr(before.name)
    # An integer is a number; all else is written in another way.
    if before.type != after.type and (before.type, after.type) != ("integer", "number"):
        yield f"{name} is now {_article(after.type)}, before {_article(before.type)}"
        return
    if before.unit != after.unit:
        yield f"{name} is now in {after.unit or 'no unit'}, before in {before.unit or 'no unit'}"
    if before.nullable and not after.nullable:
        yield f"{name} must not be null any more"
    if not before.required and after.required:
        yield f"{name} must be sent now"
    if before.ordered and (after.lower > before.lower or after.upper < before.upper):
        yield f"{name} takes {after.expected()}, before {before.expected()}"
    if before.type == "text" and after.longest < before.longest:
        yield f"{name} takes {after.expected()}, before {before.expected()}"
    if lost_texts := [text for text in before.missing if text not in after.missing]:
        yield f"{name} no longer takes {', '.join(map(repr, lost_texts))} as null"
    if before.type == "category":
        if before.unknown == "ignore" and after.unknown == "refuse":
            yield f"{name} refuses unknown values now"
        elif after.unknown == "refuse":
            lost = [
                value for value in before.categories or () if after.normalise(value) not in (after.categories or ())
            ]
            if lost:
                yield f"{name} no longer takes {', '.join(map(repr, lost))}"
        if before.case != after.case and after.case == "exact":
            yield f"{name} no longer takes other letters' case"


def _narrower_identifiers(old: Contract, new: Contract) -> Iterator[str]:
    """Yield the identifiers that were removed, became required, or have another pattern."""
    before = {identifier.name: identifier for identifier in old.identifiers}
    after = {identifier.name: identifier for identifier in new.identifiers}
    yield from (f"{name!r} is not an identifier any more" for name in before if name not in after)
    for name, identifier in after.items():
        previous = before.get(name)
        if identifier.required and (previous is None or not previous.required):
            yield f"the identifier {name!r} must be sent now"
        if previous is not None and identifier.pattern is not None and identifier.pattern != previous.pattern:
            yield f"the identifier {name!r} is {identifier.expected()} now"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
