"""Known vulnerabilities of the packages that a service installs: ``make audit`` runs pip-audit over their locks.

pip-audit succeeds if the vulnerability service knows none of the packages, for instance because only a mirror of the
package index can be reached. This command reports that as a failure of its own: nothing was checked then.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAM = Path(".venv/audit/bin/pip-audit")
LOCKS = ("serving", "rollout", "grpc", "postgres", "tracing")
"""The locks of ``requirements`` that a service can install."""
ACCEPTED = Path("requirements/accepted.toml")
TIMEOUT_S = 300.0

CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that does not apply to a service."""

    package: str
    reason: str
    until: datetime.date
    """The last day on which it is accepted."""


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of an installed version."""

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The result of pip-audit."""

    n_packages: int
    """The packages that the vulnerability service knew."""
    skipped: Mapping[str, str]
    """The packages that it did not know, each with pip-audit's reason."""
    vulnerabilities: Sequence[Vulnerability]


def read_accepted(path: Path) -> dict[str, Accepted]:
    """Return the accepted vulnerabilities by their id.

    Raises:
        ValueError: the file is missing, is not TOML, or an entry lacks a key or has one of the wrong type.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"expected a TOML file in {path}: {error}. Restore it from git.") from error
    accepted = {}
    for name, entry in document.items():
        if not isinstance(entry, dict) or set(entry) != {"package", "reason", "until"}:
            raise ValueError(f"{path}: [{name}] needs exactly the keys package, reason and until.")
        until = entry["until"]
        if type(until) is not datetime.date or not entry["reason"]:
            raise ValueError(f"{path}: [{name}] needs a date such as 2027-01-31 as until, and a reason; got {entry}.")
        accepted[name] = Accepted(str(entry["package"]), str(entry["reason"]), until)
    return accepted


def read_report(document: Mapping[str, Any]) -> Report:
    """Return the content of pip-audit's JSON document."""
    dependencies = document["dependencies"]
    vulnerabilities = [
        Vulnerability(
            entry["name"],
            entry["version"],
            vulnerability["id"],
            tuple(vulnerability.get("aliases", ())),
            tuple(vulnerability.get("fix_versions", ())),
        )
        for entry in dependencies
        for vulnerability in entry.get("vulns", ())
    ]
    skipped = {entry["name"]: entry["skip_reason"] for entry in dependencies if "skip_reason" in entry}
    return Report(len(dependencies) - len(skipped), skipped, vulnerabilities)


def evaluate_report(report: Report, accepted: Mapping[str, Accepted], today: datetime.date) -> tuple[int, list[str]]:
    """Return the exit code and the lines that explain it."""
    lines: list[str] = []
    code = CLEAN
    used = set()
    for finding in report.vulnerabilities:
        name = next((name for name in (finding.id, *finding.aliases) if name in accepted), None)
        label = f"{finding.package} {finding.version}: {finding.id}"
        remedy = f"fixed in {', '.join(finding.fixed_in)}" if finding.fixed_in else "no fixed version is known"
        if name is None or accepted[name].package != finding.package:
            lines.append(f"{label}: {remedy}. Run `make lock`, or explain in {ACCEPTED} why it does not apply.")
            code = VULNERABLE
            continue
        used.add(name)
        if today > accepted[name].until:
            lines.append(f"{label}: {remedy}. It was accepted until {accepted[name].until}: look at it again.")
            code = VULNERABLE
        else:
            lines.append(f"{label}: accepted until {accepted[name].until}: {accepted[name].reason}")
    if report.skipped:
        name, reason = next(iter(report.skipped.items()))
        lines.append(f"{len(report.skipped)} packages were not checked, for example {name}: {reason}")
        code = code or UNKNOWN
    if report.n_packages == 0:
        lines.append(
            "The vulnerability service knows none of the packages: only a mirror of the package index can be reached here."
            " Run `make audit` on a computer that reaches the index itself; the workflow ci.yml does."
        )
        code = code or UNKNOWN
    elif not report.skipped:
        lines += [f"{ACCEPTED}: {name} is not found any more: remove it." for name in sorted(set(accepted) - used)]
    lines.append(f"{report.n_packages} packages checked, {len(report.vulnerabilities)} known vulnerabilities.")
    return code, lines


def run_audit(program: Path, locks: Sequence[Path]) -> Report:
    """Run pip-audit over some locks.

    Raises:
        RuntimeError: it did not end in time or wrote no report, for instance without a network.
    """
    options = ["--format", "json", "--progress-spinner", "off", "--disable-pip", "--require-hashes"]
    command = [str(program), *options, *(word for lock in locks for word in ("--requirement", str(lock)))]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        return read_report(json.loads(process.stdout))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"pip-audit cannot run: {error}. Run `make audit`, which installs it.") from error
    except (ValueError, KeyError, TypeError) as error:
        last = (process.stderr.strip() or "it wrote nothing").splitlines()[-1]
        raise RuntimeError(f"pip-audit wrote no report (status {process.returncode}): {last}") from error


def main(arguments: Sequence[str]) -> int:
    """Print the known vulnerabilities.

    Returns:
        0 if there is none that is not accepted, 1 if there are some, 3 if packages could not be checked.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("locks", nargs="*", default=LOCKS, help=f"names of locks (default: {' '.join(LOCKS)})")
    parser.add_argument("--program", type=Path, help=f"pip-audit (default: {PROGRAM}, else the one on PATH)")
    options = parser.parse_args(arguments)
    program = options.program or (ROOT / PROGRAM)
    if not program.is_file() and (on_path := shutil.which("pip-audit")):
        program = Path(on_path)
    try:
        accepted = read_accepted(ROOT / ACCEPTED)
        report = run_audit(program, [ROOT / f"requirements/{lock}.txt" for lock in options.locks])
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return UNKNOWN
    code, lines = evaluate_report(report, accepted, datetime.datetime.now(datetime.UTC).date())
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
