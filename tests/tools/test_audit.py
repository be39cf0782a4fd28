"""The audit of a service's packages fails if a package is vulnerable, and if nothing could be checked."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from tools.audit import (
    ACCEPTED,
    CLEAN,
    ROOT,
    UNKNOWN,
    VULNERABLE,
    Accepted,
    evaluate_report,
    main,
    read_accepted,
    read_report,
)

TODAY = datetime.date(2026, 11, 28)
CHECKED = {"name": "numpy", "version": "2.4.6", "vulns": []}
HURT = {
    "name": "h11",
    "version": "0.14.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.16.0"], "aliases": ["GHSA-1"], "description": "Smuggling."}],
}
SKIPPED = {"name": "uvloop", "skip_reason": "Dependency not found on PyPI and could not be audited: uvloop (0.23.0)"}


def evaluate(*dependencies: dict[str, Any], **accepted: Accepted) -> tuple[int, str]:
    """Evaluate a report of some dependencies."""
    code, lines = evaluate_report(read_report({"dependencies": dependencies, "fixes": []}), accepted, TODAY)
    return code, "\n".join(lines)


def test_packages_without_vulnerability_are_clean() -> None:
    """The last line has both counts."""
    assert evaluate(CHECKED) == (CLEAN, "1 packages checked, 0 known vulnerabilities.")


def test_a_vulnerability_names_its_remedy() -> None:
    """The line has package, version, id and the version that repairs it."""
    code, text = evaluate(CHECKED, HURT)
    assert code == VULNERABLE
    assert "h11 0.14.0: PYSEC-1: fixed in 0.16.0. Run `make lock`" in text


def test_nothing_checked_is_no_success() -> None:
    """pip-audit itself ends with status 0 if the service knows no package."""
    code, text = evaluate(SKIPPED)
    assert code == UNKNOWN
    assert "knows none of the packages" in text
    assert "0 packages checked" in text


def test_one_unknown_package_is_named() -> None:
    """A package that the service does not know was not checked either."""
    code, text = evaluate(CHECKED, SKIPPED)
    assert code == UNKNOWN
    assert "1 packages were not checked, for example uvloop" in text


def accept(package: str = "h11", until: datetime.date = TODAY) -> Accepted:
    """Accept a vulnerability."""
    return Accepted(package, "No service parses HTTP with it.", until)


@pytest.mark.parametrize("name", ["PYSEC_1", "GHSA_1"])
def test_an_accepted_vulnerability_passes_with_its_reason(name: str) -> None:
    """It is accepted by its id or by an alias, until the end of the day."""
    report = read_report({"dependencies": [HURT], "fixes": []})
    code, lines = evaluate_report(report, {name.replace("_", "-"): accept()}, TODAY)
    assert code == CLEAN
    assert "accepted until 2026-11-28: No service parses HTTP with it." in lines[0]


@pytest.mark.parametrize("entry", [accept(until=TODAY - datetime.timedelta(1)), accept(package="numpy")])
def test_an_expired_or_foreign_entry_does_not_accept(entry: Accepted) -> None:
    """An entry ends, and is for one package only."""
    report = read_report({"dependencies": [HURT], "fixes": []})
    assert evaluate_report(report, {"PYSEC-1": entry}, TODAY)[0] == VULNERABLE


def test_an_entry_without_its_vulnerability_is_named() -> None:
    """A repaired vulnerability needs no entry any more."""
    assert "GONE is not found any more: remove it." in evaluate(CHECKED, GONE=accept())[1]


def program(folder: Path, output: str, status: int) -> Path:
    """Write a program that prints an output like pip-audit."""
    path = folder / "pip-audit"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\necho 'no network' >&2\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_status_is_that_of_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs the program, reads its report and ends with the status."""
    fake = program(tmp_path, json.dumps({"dependencies": [HURT], "fixes": []}), 1)
    assert main(["--program", str(fake), "serving"]) == VULNERABLE
    assert "PYSEC-1" in capsys.readouterr().out


def test_a_failed_program_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a report the last line of the program's messages is shown."""
    assert main(["--program", str(program(tmp_path, "", 1))]) == UNKNOWN
    assert capsys.readouterr().err == "pip-audit wrote no report (status 1): no network\n"


@pytest.mark.parametrize(
    "text",
    ["[A]\npackage = 'h11'\n", "[A]\npackage = 'h11'\nreason = 'x'\nuntil = '2027-01-31'\n", "[A\n", "A = 1\n"],
)
def test_a_wrong_list_of_accepted_vulnerabilities_is_refused(tmp_path: Path, text: str) -> None:
    """An entry without an end or a reason would be accepted without an end."""
    path = tmp_path / "accepted.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"accepted\.toml"):
        read_accepted(path)


def test_the_shipped_list_is_valid() -> None:
    """requirements/accepted.toml can be read."""
    read_accepted(ROOT / ACCEPTED)
