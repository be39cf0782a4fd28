"""Numbers in messages: bounds, limits and wrong values are written with all of their digits and no others."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from serving.codec.decode import Decoder
from serving.errors import InvalidError
from tabento.bundle.compatibility import breaking_changes
from tabento.bundle.contract import Contract, Feature, Output
from tests.training.seedlings import seedling_config, seedling_frame
from training.config.study import Range
from training.config.target import Target
from training.data.classes import class_indices
from training.gate.figures import limit_in_words
from training.model.pipeline import FitError, fit_pipeline

ROOT = Path(__file__).parents[1]
ODD = {0.3: "0.3", 0.1 + 0.2: "0.30000000000000004", 1e22: "1e+22", 5e-324: "5e-324", 2.0**53: "9007199254740992"}
ROUNDED = re.compile(r":[+,]*\.(?:1[0-9]|[6-9])g\}|:,?\+?g\}")
"""A format that loses digits, or shows more digits than the number has."""


def _contract(**keys: float) -> Contract:
    feature = Feature(name="a", type="number", **keys)
    return Contract(name="m", title="", description="", task="regression", features=(feature,), output=Output(name="y"))


@pytest.mark.parametrize(("number", "text"), ODD.items())
def test_bounds_are_written_exactly(number: float, text: str) -> None:
    """The contract, the service, the gate and a config write the exact bound into their messages."""
    contract = _contract(exclusive_minimum=number, maximum=1e300)
    assert contract.features[0].expected() == f"a number above {text} and at most 1e+300"
    with pytest.raises(InvalidError, match=re.escape(f"expected a number between {text} and 1e+300, got 0.0")):
        Decoder(_contract(minimum=number, maximum=1e300), 1).decode(b'{"a": 0.0}')
    changes = breaking_changes(_contract(minimum=-1e300), _contract(minimum=-number))
    assert changes == [f"'a' takes a number between -{text} and {2**53}, before a number between -1e+300 and {2**53}"]
    assert limit_in_words(number).replace(",", "") == text
    with pytest.raises(ValueError, match=re.escape(f"got {text} and {text}")):
        Range(low=number, high=number)


def test_a_wrong_value_of_a_frame_is_shown_without_its_type() -> None:
    """A message shows a wrong value as a plain number, without its NumPy type."""
    frame = seedling_frame(50)
    frame.loc[4, "fate"] = 0.1 + 0.2
    with pytest.raises(FitError, match=r"got 0\.30000000000000004 in row 4"):
        fit_pipeline(seedling_config(), frame)


def test_a_number_close_to_a_label_is_not_that_label() -> None:
    """A label is compared with all of its digits: 1.0000001 is not the label 1."""
    target = Target.model_validate(
        {"name": "fate", "classes": [{"value": False, "label": "no"}, {"value": True, "label": "yes"}]}
    )
    assert np.isnan(class_indices(seedling_frame(1).assign(fate=[1.0000001])["fate"], target)).all()


def test_no_message_rounds_a_number_that_a_user_wrote() -> None:
    """Bounds, limits and settings are written by `number_text`; only measured numbers and plots are rounded."""
    rounded_lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("tabento", "runners", "monitoring", "rollout", "serving", "training")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not re.search("plot|drawing", path.name)
        for line in path.read_text(encoding="utf-8").splitlines()
        if ROUNDED.search(line) and "# rounded:" not in line
    ]
    assert rounded_lines == []
