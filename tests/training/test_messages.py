"""docs/messages.md shows what is said today, and the template of docs/configs.md is all that a first model needs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.training.message_cases import CASES, CONFIG_FILE, DATA_FILE, PAGE, Case, as_csv, customers, said_of, template
from training.config import load_config
from training.data.loader import load_dataset
from training.pipeline import fit_pipeline
from training.progress import silence
from training.stages.validate import divide

REMEDY = "python -m tests.training.message_cases"


@cache
def documented() -> dict[str, str]:
    """Return the message of each case as the page shows it."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^## \d+\. (.*?)\n.*?```text\n(.*?)\n```", text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_page_shows_what_is_said(case: Case) -> None:
    """The message of a wrong config or file is that of docs/messages.md; write the page again if it changed."""
    assert documented().get(case.title) == said_of(case), f"docs/messages.md is out of date: {REMEDY}"


def test_page_shows_at_least_twenty_cases() -> None:
    """And none that is not tried."""
    assert [*documented()] == [case.title for case in CASES]
    assert len(CASES) >= 20


def test_template_fits_a_model(tmp_path: Path) -> None:
    """The first config of docs/configs.md has some fifteen lines, takes a file as it is, and can be fitted."""
    assert len(template().splitlines()) <= 15
    (tmp_path / CONFIG_FILE).write_text(template(), encoding="utf-8")
    (tmp_path / DATA_FILE).write_bytes(as_csv(customers()))
    config = load_config(tmp_path / CONFIG_FILE)
    frame = load_dataset(config, str(tmp_path / DATA_FILE), tmp_path, print).frame
    parts = divide(config, frame, silence())
    assert parts.config.features[3].categories == ("Month-to-month", "One year", "Two year")
    assert parts.train["TotalCharges"].isna().any()
    assert parts.config.contract().output.classes == ("No", "Yes")
    assert len(fit_pipeline(parts.config, parts.train).predict(parts.test)) == len(parts.test)
