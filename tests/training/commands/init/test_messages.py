"""The messages of wrong files and options: docs/first-steps.md shows each of them unchanged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import training
from tabento.tables.faults import DataError
from tests.training.commands.init.files import QUIET
from training.commands.init.errors import InitError
from training.commands.init.run import init
from training.commands.init.source import InitRequest

DOCUMENT = Path(training.__file__).parents[1] / "docs" / "first-steps.md"
ROWS = "".join(f"{n},{n * n % 97},{'yes' if n % 4 == 0 else 'no'}\n" for n in range(60))
CASES: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "does not exist": ("telko.csv", b"", {}),
    "is a folder": ("folder", b"", {}),
    "is empty": ("rows.csv", b"", {}),
    "has a header alone": ("rows.csv", b"a,b,y\n", {}),
    "has one column": ("rows.csv", b"y\nyes\nno\n", {}),
    "has no such target": ("rows.csv", f"a,b,Churn\n{ROWS}".encode(), {"target": "churn"}),
    "has no header": ("rows.csv", ROWS.encode(), {}),
    "has a target of one value": ("rows.csv", b"a,y\n1,yes\n2,yes\n", {}),
    "has a class of one row": ("rows.csv", f"a,b,y\n{ROWS}1,2,perhaps\n".encode(), {}),
    "has too many classes": ("rows.csv", ("a,y\n" + "".join(f"{n},t{n}\n" for n in range(99))).encode(), {}),
    "has text where `--task regression` needs numbers": ("rows.csv", f"a,b,y\n{ROWS}".encode(), {"task": "regression"}),
    "has no such class for `--positive`": ("rows.csv", f"a,b,y\n{ROWS}".encode(), {"positive": "maybe"}),
    "has rows of different lengths": ("rows.csv", b"a,b,y\n1,2,yes\n1,no\n", {}),
    "names a column twice": ("rows.csv", b"a,a,y\n1,2,yes\n", {}),
    "has a quote that is never closed": ("rows.csv", b'a,b,y\n1,"2,yes\n', {}),
    "is a spreadsheet": ("rows.xlsx", b"PK\x03\x04...", {}),
    "is binary": ("rows.csv", b"a,y\n1,\x00\x01\x02yes\n", {}),
    "is a gzip archive that was cut off": ("rows.csv.gz", gzip.compress(ROWS.encode())[:40], {}),
    "is damaged UTF-8": ("rows.csv", "a,y\nZürich,yes\n".encode() + b"\xff,no\n", {}),
    "has the answer in every column": ("rows.csv", ("a,y\n" + "".join(f"{n % 4 == 0},{'yes' if n % 4 == 0 else 'no'}\n" for n in range(60))).encode(), {}),
    "has nothing to learn from": ("rows.csv", ("id,y\n" + "".join(f"{n},{'yes' if n % 4 == 0 else 'no'}\n" for n in range(60))).encode(), {}),
    "has a config already": ("kept.csv", f"a,b,y\n{ROWS}".encode(), {}),
}  # fmt: skip


def message_of(case: str) -> str:
    """Write a case's file into the working folder and return its message in one line."""
    name, content, wishes = CASES[case]
    Path("folder").mkdir()
    Path("telco.csv").write_text("a,y\n")
    if content or case == "is empty":
        Path(name).write_bytes(content)
    if case == "has a config already":
        Path("configs").mkdir()
        Path("configs/kept.yaml").write_text("name: kept\n")
    stem = name.partition(".")[0]
    request = InitRequest(
        Path(name),
        wishes.get("target", "y"),
        stem,
        Path("configs") / f"{stem}.yaml",
        Path("data"),
        task="regression" if "task" in wishes else None,
        positive=wishes.get("positive"),
    )
    with pytest.raises((InitError, DataError)) as raised:
        init(request, QUIET)
    return " ".join(str(raised.value).split()).replace("|", "\\|")


@pytest.mark.parametrize("case", CASES)
def test_message_is_documented(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the expected and the actual value and the remedy, as the document shows it."""
    monkeypatch.chdir(tmp_path)
    line = f"| {case} | {message_of(case)} |"
    assert line in DOCUMENT.read_text(encoding="utf-8").splitlines()
