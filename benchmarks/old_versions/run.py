"""Fit the members with each version in its own environment, and import them one at a time with ``--sklearn``."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.old_versions import members as members_script
from benchmarks.old_versions.members import file_stem, members, rows
from benchmarks.old_versions.resident_environment import ResidentEnvironment
from benchmarks.old_versions.table import Outcome, markdown, summary
from tabento.adopt.versions.environment import Environment, open_environment

VERSIONS = ("1.3.2", "1.4.2", "1.5.2", "1.6.1", "1.7.2", "1.8.0")
"""The last release of each minor version before the installed one."""
KINDS = ("joblib", "skops")
LATENCY_BUDGET_S = 0.02
"""A large budget, because latency is not measured here."""


def fit_members(environment: Environment, folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Fit members in an environment and save them in a folder.

    Returns:
        The errors of members that could not be fitted, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows().to_csv(folder / "rows.csv", index=False)
    subprocess.run([str(environment.python), members_script.__file__, str(folder), *names], check=True)
    failed: dict[str, str] = json.loads((folder / "failed.json").read_text())
    return failed


def import_member(
    environment: ResidentEnvironment, name: str, columns: Sequence[str], folder: Path, kind: str
) -> Outcome:
    """Import one member as a user would, and return the outcome."""
    from skops.io import get_untrusted_types

    from tabento.errors import TabentoError
    from tabento.export import ExportError
    from tabento.parity import ParityError
    from training.config.settings import TrainingSettings
    from training.progress import Progress
    from training.stages.adoption.request import Request
    from training.stages.adoption.run import adopt

    pipeline = folder / f"{file_stem(name)}.{kind}"
    sample = folder / f"{file_stem(name)}.csv"
    pd.read_csv(folder / "rows.csv")[list(columns)].to_csv(sample, index=False)
    config = folder / f"{file_stem(name)}_{kind}.yaml"
    config.unlink(missing_ok=True)
    started_s = time.monotonic()
    request = Request(
        pipeline=pipeline,
        sample=sample,
        config=config,
        trust=tuple(get_untrusted_types(file=pipeline)) if kind == "skops" else (),
        trust_pickle=kind == "joblib",
        sklearn=environment.sklearn,
    )
    version, progress = environment.sklearn, Progress(io.StringIO(), io.StringIO())
    settings = TrainingSettings(latency_budget_s=LATENCY_BUDGET_S)
    try:
        result = adopt(request, settings, progress, lambda *_: (environment, []))
    except (TabentoError, ExportError, ParityError) as error:
        return Outcome(version, name, kind, False, str(error), time.monotonic() - started_s)
    words = next(remark for remark in result.remarks if "itself answers" in remark)
    return Outcome(version, name, kind, True, words, time.monotonic() - started_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", nargs="*", default=list(VERSIONS), help="versions of scikit-learn")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=["joblib"], help="kinds of files")
    parser.add_argument("--names", nargs="*", default=[], help="members (default: all)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="outcomes; the outcomes in the file are kept and not computed again"
    )
    options = parser.parse_args(arguments)
    outcomes = _stored_outcomes(options.json)
    finished = {(item.version, item.member, item.kind) for item in outcomes}
    with tempfile.TemporaryDirectory(prefix="tabento-old-versions-") as home:
        os.environ["BENTOML_HOME"] = home
        for version in options.versions:
            folder = Path(home) / version
            selected_members = [item for item in members() if not options.names or item[0] in options.names]
            open_cases = [
                (item, kind)
                for item in selected_members
                for kind in options.kinds
                if (version, item[0], kind) not in finished
            ]
            if not open_cases:
                continue
            environment_of_version = open_environment(version)
            environment = ResidentEnvironment(
                environment_of_version.python, environment_of_version.sklearn, environment_of_version.is_new
            )
            failed = fit_members(environment, folder, [item[0] for item, _ in open_cases])
            for (name, _, columns, _), kind in open_cases:
                if name in failed:
                    outcome = Outcome(version, name, kind, False, f"{version} cannot fit it", 0.0)
                else:
                    outcome = import_member(environment, name, columns, folder, kind)
                outcomes.append(outcome)
                print(f"{version} {kind} {name}: {outcome.words[:160]} ({outcome.seconds:.1f} s)", file=sys.stderr)
                if options.json:
                    options.json.write_text(json.dumps([vars(item) for item in outcomes], indent=1))
            environment.close()
    print(markdown(outcomes))
    print(summary(outcomes))
    return 0


def _stored_outcomes(path: Path | None) -> list[Outcome]:
    if path is None or not path.exists():
        return []
    return [Outcome(**outcome) for outcome in json.loads(path.read_text())]
