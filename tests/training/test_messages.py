"""docs/messages.md has the current messages, and the template of docs/configs.md is enough for a first model."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.training.message_cases import (
    CASES,
    CONFIG_FILE,
    DATA_FILE,
    PAGE,
    Case,
    as_csv,
    customers,
    messages_of,
    template,
)
from training.config import load_config
from training.data.loader import load_dataset
from training.model.pipeline import fit_pipeline
from training.progress import silence
from training.stages.validate import split_data

REMEDY = "python -m tests.training.message_cases"


@cache
def documented() -> dict[str, str]:
    """Return the message of each case as the page shows it."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^## \d+\. (.*?)\n.*?```text\n(.*?)\n```", text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_page_shows_the_current_message(case: Case) -> None:
    """The message of a wrong config or file is the one in docs/messages.md; if it changed, generate the page again."""
    assert documented().get(case.title) == messages_of(case), f"docs/messages.md is out of date: {REMEDY}"


def test_page_shows_at_least_twenty_cases() -> None:
    """The page shows each case, at least twenty, and no others."""
    assert [*documented()] == [case.title for case in CASES]
    assert len(CASES) >= 20


def test_template_fits_a_model(tmp_path: Path) -> None:
    """The first config of docs/configs.md has at most fifteen lines, fits its file, and can be fitted."""
    assert len(template().splitlines()) <= 15
    (tmp_path / CONFIG_FILE).write_text(template(), encoding="utf-8")
    (tmp_path / DATA_FILE).write_bytes(as_csv(customers()))
    config = load_config(tmp_path / CONFIG_FILE)
    frame = load_dataset(config, str(tmp_path / DATA_FILE), tmp_path, print).frame
    parts = split_data(config, frame, silence())
    assert parts.config.features[3].categories == ("Month-to-month", "One year", "Two year")
    assert parts.train["TotalCharges"].isna().any()
    assert parts.config.contract().output.classes == ("No", "Yes")
    assert len(fit_pipeline(parts.config, parts.train).predict(parts.test)) == len(parts.test)
