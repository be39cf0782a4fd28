"""What becomes of each column: one test for each rule."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from tabento.bundle.contract import Feature
from tests.training.commands.init.files import column
from training.commands.init.columns import can_be_field, decide_column
from training.commands.init.decision import Decision

RANDOM = random.Random(5)


def decision_on(cells: list[str], name: str = "c", *, scale: float = 1.0) -> Decision:
    """The decision on some cells."""
    return decide_column(column(cells, name, scale=scale))


def feature(cells: list[str], name: str = "c", *, scale: float = 1.0) -> dict[str, Any]:
    """The feature that some cells become."""
    entry = decision_on(cells, name, scale=scale).feature
    assert entry is not None
    return entry


def dropped_column(cells: list[str], name: str = "c") -> Decision:
    """The decision on cells that are dropped."""
    decision = decision_on(cells, name)
    assert decision.feature is None
    return decision


@pytest.mark.parametrize(
    ("cells", "entry"),
    [
        (["1.5", "2.5"], {"type": "number", "minimum": 1.0, "maximum": 3.0}),
        (["3", "70"], {"type": "integer", "minimum": 0.0, "maximum": 104.0}),
        (["-5", "5"], {"type": "integer", "minimum": -10.0, "maximum": 10.0}),
        (["1.0", "2.0", "5.0"], {"type": "number", "minimum": 0.0, "maximum": 7.0}),
        (["1.0", "5.0", ""], {"type": "integer", "minimum": 0.0, "maximum": 7.0, "nullable": True, "missing": [""]}),
        (["Yes", "No"], {"type": "boolean"}),
        (["0", "1", "?"], {"type": "boolean", "nullable": True, "missing": ["?"]}),
        (["red", "blue"] * 5, {"type": "category", "categories": ["blue", "red"]}),
        (["red", "blue"], {"type": "category", "categories": ["blue", "red"], "unknown": "ignore"}),
        (["Pave", "NA", "NA"], {"type": "category", "categories": ["Pave"], "unknown": "ignore", "nullable": True, "missing": ["NA"]}),
        (["08540"] * 9 + ["10001"] * 9, {"type": "category", "categories": ["08540", "10001"]}),
    ],
)  # fmt: skip
def test_feature_has_type_range_and_markers(cells: list[str], entry: dict[str, Any]) -> None:
    """Types, ranges with slack that do not cross zero, values and markers; the contract takes each."""
    assert feature(cells) == {"name": "c", **entry}
    Feature.model_validate(feature(cells))


def test_many_values_are_taken_from_the_data() -> None:
    """More than thirty values are not listed; rare ones count as unknown."""
    cells = [f"town {number % 40}" for number in range(4_000)]
    assert feature(cells) == {
        "name": "c", "type": "category", "categories": "from_data", "min_frequency": 20, "unknown": "ignore",
    }  # fmt: skip
    assert feature(cells[:400])["min_frequency"] == 5


def test_very_many_values_need_more_rows() -> None:
    """So few are known that the model stays quick: of a thousand, those with the most rows."""
    cells = [f"town {number}" for number in range(1_000) for _ in range(40 + number)]
    entry = feature(cells)
    n_known = sum((40 + number) * 0.8 >= entry["min_frequency"] for number in range(1_000))
    assert 200 <= n_known <= 300
    assert entry["min_frequency"] == 630
    assert feature(cells, scale=10.0)["min_frequency"] == 6_300


def test_values_of_which_hardly_any_is_known_are_dropped() -> None:
    """A column in which nearly every row would be unknown teaches nothing."""
    cells = ["frequent", "often"] * 50 + [f"rare {number // 3}" for number in range(3_000)]
    assert "Text such as" in dropped_column(cells).reason or "Free text" in dropped_column(cells).reason


def test_part_of_a_file_ignores_what_may_come() -> None:
    """If only the first rows were looked at, other values may come later."""
    assert feature(["red", "blue"] * 9, scale=9.0)["unknown"] == "ignore"


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("c", ["", "NA"], "No row has a value"),
        ("c", ["7", "7"], "Constant: '7' in every row"),
        ("c", ["7", ""], "Constant: '7' in every row that has a value"),
        ("c", ["a"] * 9, "Constant: 'a'"),
        ("c", [str(number) for number in range(1, 100)], "A row number"),
        ("Unnamed: 0", [str(number) for number in range(100)], "A row number"),
        ("customerID", [f"{number}-ABC" for number in range(99)], "An identifier, such as '0-ABC'"),
        ("PID", [str(526_301_100 + 17 * number) for number in range(99)], "An identifier"),
        ("c", [str(uuid.UUID(int=RANDOM.getrandbits(128))) for _ in range(9)], "An identifier"),
        ("c", [str(2**60 + number) for number in range(9)], "Numbers beyond 2^53"),
        ("c", ["9" * 400, "1"], "Numbers beyond 2^53"),
        ("c", ["1e400", "1.5"], "Numbers beyond 3.4e+38"),
        ("c", ["1.5e300", "1.5"], "Numbers beyond 3.4e+38"),
        ("c", [f"Mr. Person {number}" for number in range(99)], "Free text or names"),
        ("c", [f"code{number // 2}" for number in range(400)], "Text such as"),
        ("zip", [f"{number:05d}" for number in range(0, 9_900, 100)], "Codes with zeros in front"),
        ("ordered_at", ["2.1.2024", "3.1.2024"], "A date or time such as '2.1.2024', not in ISO 8601"),
        ("ordered", ["31.12.2024", "1.1.2025"], "A date or time such as '31.12.2024', not in ISO 8601"),
        ('say "hi"', ["1", "2"], "Its name cannot be"),
        ("instances", ["1", "2"], "Its name cannot be"),
    ],
)  # fmt: skip
def test_column_is_dropped_with_a_reason(name: str, cells: list[str], reason: str) -> None:
    """Nothing to learn from, or something that would be learned by heart."""
    assert dropped_column(cells, name).reason.startswith(reason)


def test_years_are_no_row_numbers() -> None:
    """A series of years counts as well, but neither from 0 nor from 1."""
    assert feature([str(year) for year in range(1950, 2020)], "year")["type"] == "integer"


def test_owner_that_repeats_is_dropped_and_said() -> None:
    """A customer with several rows is named: rows of one customer belong into one part of the split."""
    decision = dropped_column([str(number % 1_500) for number in range(3_000)], "user_id")
    assert "An identifier by its name" in decision.reason
    assert "one part of the split" in (decision.doubt or "")


def test_numbers_by_the_name_of_codes_are_categories_and_said() -> None:
    """Zones are numbers without an order; somebody may know better."""
    decision = decision_on([str(number % 9) for number in range(300)], "PULocationID")
    assert decision.feature is not None
    assert decision.feature["type"] == "category"
    assert "type: integer" in (decision.doubt or "")


def test_odd_markers_and_letter_case_are_said() -> None:
    """A marker of this file alone, and values that differ in letter case only, are on the list."""
    assert "'not measured'" in (decision_on([*map(str, range(7, 107)), "not measured"]).doubt or "")
    assert "'Male' and 'male'" in (decision_on(["male", "Male", "female"] * 9).doubt or "")
    assert decision_on(["1", "2", "?"]).doubt is None


def test_name_of_a_field() -> None:
    """Names that a request can have: no quotes, no line ends, not too long."""
    assert can_be_field("hours-per-week (é)")
    assert not any(map(can_be_field, ["", 'a"b', "a\\b", "a\nb", "x" * 201, "instances"]))
