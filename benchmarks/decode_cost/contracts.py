"""The two contracts whose bodies are measured: nine columns as in the California table, and a hundred."""

from __future__ import annotations

from typing import Any

from tabento.bundle.contract import Contract, Feature, Output

MAX_ROWS = 1_000
"""The service's own default."""
_OCEAN = ("<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN")
_LEVELS = ("amber", "birch", "cedar", "dune", "elm", "fern", "été", "heath")


def _contract(name: str, features: list[Feature]) -> Contract:
    return Contract(
        name=name, title="", description="", task="regression", features=tuple(features), output=Output(name="target")
    )


def narrow_contract() -> Contract:
    """Return a contract of eight numbers and a category in any letter case."""
    names = ("longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households")
    features = [
        Feature(name=name, type="number", minimum=-1e6, maximum=1e6, nullable=name == "total_bedrooms")
        for name in (*names, "median_income")
    ]
    return _contract(
        "narrow", [*features, Feature(name="ocean_proximity", type="category", categories=_OCEAN, case="upper")]
    )


def wide_contract() -> Contract:
    """Return a contract of a hundred columns of all types; half of them may be left out, and unknown categories pass."""
    features = [
        Feature(name=f"r{index:02d}", type="number", minimum=-1e30, maximum=1e30, nullable=True, required=index % 2 > 0)
        for index in range(60)
    ]
    features += [Feature(name=f"n{index:02d}", type="integer", minimum=0, maximum=1_000) for index in range(10)]
    features += [Feature(name=f"b{index:02d}", type="boolean") for index in range(10)]
    features += [
        Feature(
            name=f"k{index:02d}",
            type="category",
            categories=_LEVELS,
            case="lower",
            unknown="ignore",
            nullable=True,
            required=index % 2 > 0,
        )
        for index in range(20)
    ]
    return _contract("wide", features)


def right_row(contract: Contract) -> dict[str, Any]:
    """Return a row that a contract takes, with a value in each field."""
    values: dict[str, Any] = {"number": -122.234375, "integer": 41, "boolean": True}
    return {
        feature.name: feature.categories[0] if feature.categories else values[feature.type]
        for feature in contract.features
    }
