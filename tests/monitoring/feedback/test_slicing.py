"""Slices of packed rows and of logged rows are the same."""

from __future__ import annotations

import numpy as np

from monitoring.feedback.slicing import ABSENT, MISSING, OTHER, logged_codes, slice_codes, sliced_features
from tabento.bundle.contract import encode_value
from tests.bundles import TREE
from tests.monitoring.feedback.answers import monitored

ROWS = (
    TREE,
    {**TREE, "age": 5, "sort": "BOSKOOP", "pruned": False},
    {**TREE, "age": 6, "soil": None},
    {**TREE, "age": 90, "soil": "moon"},
)


def test_logged_rows_have_the_slices_of_packed_rows() -> None:
    """The code of a value is the same from the packed row and from the prediction log."""
    model = monitored()
    features = sliced_features(model.contract, model.reference)
    packed = np.array(
        [[encode_value(feature, row[feature.name]) for feature in model.contract.features] for row in ROWS]
    )
    codes = slice_codes(features, model.contract, packed)
    assert codes.tolist() == [logged_codes(features, row).tolist() for row in ROWS]
    labels = [[feature.label(code) for feature, code in zip(features, row, strict=True)] for row in codes.tolist()]
    assert labels == [
        ["above 10 to 20", "true", "COX", "clay"],
        ["to 5", "false", "BOSKOOP", "clay"],
        ["above 5 to 10", "true", "COX", "missing"],
        ["above 20", "true", "COX", "other"],
    ]


def test_private_features_have_no_slices() -> None:
    """A private feature is neither described nor coded, also if only the log's record says so."""
    model = monitored()
    features = sliced_features(model.contract, model.reference, is_private=lambda name: name == "sort")
    assert [feature.name for feature in features] == ["age", "pruned", "soil"]
    codes = logged_codes(features, {"age": "b1946ac9", "pruned": True}, {"age": "hash"})
    assert codes.tolist() == [ABSENT, 1, ABSENT]


def test_strange_values_of_a_log_are_other() -> None:
    """A value of another type is no error."""
    model = monitored()
    features = sliced_features(model.contract, model.reference)
    assert logged_codes(features, {"age": True, "pruned": "?", "sort": 5, "soil": None}).tolist() == [
        OTHER,
        OTHER,
        OTHER,
        MISSING,
    ]
