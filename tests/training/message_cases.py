"""Twenty wrong configs and files with the messages about each; ``python -m tests.training.message_cases`` writes the page.

Each case changes the template of docs/configs.md or the rows that belong to it. A test compares the page with the current
messages.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tabento.tables.faults import DataError
from training.config import ConfigError, ModelConfig, load_config
from training.config.settings import TrainingSettings
from training.data.loader import load_dataset
from training.progress import Progress
from training.stages.run import data_faults
from training.stages.validate import split_data

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "messages.md"
TEMPLATE_PAGE = ROOT / "docs" / "configs.md"
CONFIG_FILE, DATA_FILE = "telco.yaml", "telco.csv"
ROWS = 240
_TEMPLATE = re.compile(r"<!-- template -->\n```yaml\n(.*?)```", re.DOTALL)
HEAD = """\
# Messages

The messages about wrong configs and files, each with a remedy. `python -m tests.training.message_cases` writes this page; a
test fails if a message has changed. Each case changes the template of [configs.md](configs.md#a-first-config), or the
synthetic rows of 240 customers that belong to it. One run reports every fault: the faults of the config with their lines,
and the faults of the data with the line to paste if the data is right.
"""


def template() -> str:
    """Return the first config in docs/configs.md."""
    match = _TEMPLATE.search(TEMPLATE_PAGE.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"expected a block of YAML under <!-- template --> in {TEMPLATE_PAGE}, got none")
    return match[1]


def customers() -> pd.DataFrame:
    """Return rows that fit the template."""
    generator = np.random.default_rng(12)
    tenure = generator.integers(0, 72, ROWS)
    charges = [f"{months * price:.2f}" for months, price in zip(tenure, generator.uniform(20, 110, ROWS), strict=True)]
    leaves = generator.random(ROWS) < 1 / (1 + np.exp(0.06 * tenure - 0.5))
    return pd.DataFrame(
        {
            "customerID": [f"{row:04d}-{letter}" for row, letter in enumerate(generator.choice([*"ABCD"], ROWS))],
            "tenure": tenure,
            "TotalCharges": [" " if months == 0 else charge for months, charge in zip(tenure, charges, strict=True)],
            "Partner": np.where(generator.random(ROWS) < 0.5, "Yes", "No"),
            "Contract": generator.choice(["Month-to-month", "One year", "Two year"], ROWS, p=[0.6, 0.2, 0.2]),
            "Churn": np.where(leaves, "Yes", "No"),
        }
    )


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return rows as the bytes of a CSV file."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


@dataclass(frozen=True)
class Case:
    """One frequent error in a config or a file."""

    title: str
    change: str
    """The change, in Markdown."""
    config: Callable[[str], str] = str
    """The function that changes the config."""
    data: Callable[[pd.DataFrame], pd.DataFrame] = pd.DataFrame.copy
    """The function that changes the rows."""
    file: Callable[[bytes], bytes] = bytes
    """The function that changes the file."""
    second_config: str | None = None
    """Another config in the same folder."""


def replace_text(old: str, new: str) -> Callable[[str], str]:
    """Return a change of a config."""

    def change(text: str) -> str:
        if old not in text:
            raise ValueError(f"expected {old!r} in the template, got none")
        return text.replace(old, new)

    return change


def append_text(text: str) -> Callable[[str], str]:
    """Return a change that adds lines to a config."""
    return lambda config: config + text


CARD = "card:\n  collection: A row is a block group of the census of 1990.\n"
CASES = (
    Case(
        "A key with a typing error",
        "`minimum` is spelled `minimun`",
        replace_text("minimum: 0, maximum", "minimun: 0, maximum"),
    ),
    Case("A number with a decimal comma", "`maximum: '0,5'`", replace_text("maximum: 100", "maximum: '0,5'")),
    Case("A tab", "the second line of a mapping is indented with a tab", append_text("split:\n\ttest_size: 0.3\n")),
    Case("A key that appears twice", "`seed` is written twice", append_text("seed: 1\nseed: 2\n")),
    Case("A colon in a text", "`description: Churn: who leaves`", append_text("description: Churn: who leaves\n")),
    Case(
        "A null as a category",
        "`categories: [No, Yes, ~]`",
        replace_text("Partner, type: boolean", "Partner, type: category, categories: [No, Yes, ~]"),
    ),
    Case(
        "A metric, an estimator and a column that do not exist",
        "`auc`, `lightgb` and `Tenure` in one config",
        append_text(
            "estimator: {kind: lightgb}\ngate:\n  metrics: {auc: {at_least: 0.7}}\n"
            "  directions: [{feature: Tenure, add: 1, answer: falls}]\n"
            "  slices: {columns: [Contract, Gender]}\n"
        ),
    ),
    Case(
        "A card copied from another config",
        "the text is copied from `houses.yaml` in the same folder (a warning)",
        append_text(CARD),
        second_config="name: houses\ntarget: {name: price}\n" + CARD,
    ),
    Case(
        "A card that names other columns",
        "`card.sensitive` names `Latitude` and `partner`",
        append_text("card: {sensitive: {Latitude: A place., partner: A trait.}}\n"),
    ),
    Case(
        "A positive class that does not exist",
        "`positive: churned`",
        replace_text("positive: Yes", "positive: churned"),
    ),
    Case(
        "A config and a file that are both wrong",
        "`type: numeric`, and a tenure of 130 months",
        replace_text("TotalCharges, type: number", "TotalCharges, type: numeric"),
        lambda frame: frame.assign(tenure=frame["tenure"].where(frame.index != 3, 130)),
    ),
    Case("A blank in a column of numbers", "no `missing: [' ']`", replace_text(", nullable: true, missing: [' ']", "")),
    Case(
        "A missing value",
        "an empty cell in a column that is not nullable",
        data=lambda frame: frame.assign(tenure=frame["tenure"].astype(object).where(frame.index != 5, None)),
    ),
    Case(
        "A new category and another word for a missing value",
        "`Partner` is a category of Yes and No; the file has `Widowed` and `?`",
        replace_text("Partner, type: boolean", "Partner, type: category, categories: [No, Yes]"),
        lambda frame: frame.assign(
            Partner=frame["Partner"].where(frame.index > 1, ["Widowed", "?", *[""] * (ROWS - 2)])
        ),
    ),
    Case(
        "Numbers with a decimal comma in the file",
        "`29,85`",
        data=lambda frame: frame.assign(TotalCharges=frame["TotalCharges"].str.replace(".", ",")),
    ),
    Case(
        "Columns with other names",
        "the file has `Total Charges` and a new column `Fax`",
        data=lambda frame: frame.rename(columns={"TotalCharges": "Total Charges"}).assign(Fax=range(ROWS)),
    ),
    Case("Semicolons", "the file is separated by `;`", file=lambda content: content.replace(b",", b";")),
    Case(
        "A missing label",
        "two rows have no label",
        data=lambda frame: frame.assign(Churn=frame["Churn"].where(frame.index > 1, None)),
    ),
    Case(
        "Repeated rows",
        "ten rows were exported twice (a warning)",
        data=lambda frame: pd.concat([frame, frame.head(10)]),
    ),
    Case(
        "Rare categories only",
        "`min_frequency: 200`",
        replace_text("min_frequency: 20", "min_frequency: 200"),
    ),
    Case(
        "Classes that the data does not have",
        "`classes: [stays, leaves]`",
        replace_text("positive: Yes", "classes: [stays, leaves], positive: leaves"),
    ),
)


class WarningRecorder(Progress):
    """Progress without output that records the warnings."""

    def __init__(self, warnings: list[str]) -> None:
        """Record warnings in a list."""
        super().__init__(out=io.StringIO())
        self._warnings = warnings

    def warn(self, text: str) -> None:
        """Record a warning."""
        self._warnings.append(text)


@contextlib.contextmanager
def change_folder(folder: Path) -> Iterator[None]:
    """Change the working folder, so that messages name files without their folder."""
    previous_folder = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(previous_folder)


def messages_of(case: Case) -> str:
    """Return the messages of a run for a case: warnings, then the error."""
    with tempfile.TemporaryDirectory() as folder, change_folder(Path(folder)):
        Path(CONFIG_FILE).write_text(case.config(template()), encoding="utf-8")
        Path(DATA_FILE).write_bytes(case.file(as_csv(case.data(customers()))))
        if case.second_config is not None:
            Path("houses.yaml").write_text(case.second_config, encoding="utf-8")
        warnings: list[str] = []
        try:
            config = _config(warnings)
            frame = load_dataset(config, DATA_FILE, Path(folder), warnings.append).frame
            split_data(config, frame, WarningRecorder(warnings))
        except (ConfigError, DataError) as error:
            return "\n".join([*warnings, f"error: {error}"])
        return "\n".join(f"warning: {warning}" for warning in warnings)


def _config(warnings: list[str]) -> ModelConfig:
    """Load the config; the errors of a wrong config include the errors of the data, as on the command line."""
    try:
        return load_config(Path(CONFIG_FILE), warnings.append)
    except ConfigError as error:
        settings = TrainingSettings()
        faults = data_faults(error.usable, DATA_FILE, settings) if error.usable is not None else None
        raise ConfigError("\n".join(filter(None, (str(error), faults)))) from error


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for number, case in enumerate(CASES, start=1):
        parts.append(
            f"\n## {number}. {case.title}\n\n{case.change[:1].upper()}{case.change[1:]}.\n\n```text\n{messages_of(case)}\n```\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
