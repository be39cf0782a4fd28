"""Fit the members with each version, in an environment of it, and import them one by one with ``--sklearn``."""

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
from benchmarks.old_versions.standing import StandingEnvironment
from benchmarks.old_versions.table import Outcome, markdown, summary
from training.adoption.versions.environment import Environment, open_environment

VERSIONS = ("1.3.2", "1.4.2", "1.5.2", "1.6.1", "1.7.2", "1.8.0")
"""The last release of each minor version before the installed one."""
KINDS = ("joblib", "skops")
LATENCY_BUDGET_S = 0.02
"""Latency is not what is measured here."""


def fit_members(environment: Environment, folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Fit members in an environment and save them in a folder.

    Returns:
        Why members could not be fitted, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows().to_csv(folder / "rows.csv", index=False)
    subprocess.run([str(environment.python), members_script.__file__, str(folder), *names], check=True)
    failed: dict[str, str] = json.loads((folder / "failed.json").read_text())
    return failed


def import_member(
    environment: StandingEnvironment, name: str, columns: Sequence[str], folder: Path, kind: str
) -> Outcome:
    """Import one member as a person would and say what came of it."""
    from skops.io import get_untrusted_types

    from training.adoption.run import Request, adopt
    from training.errors import TrainingError
    from training.export import ExportError
    from training.parity import ParityError
    from training.progress import Progress
    from training.settings import TrainingSettings

    pipeline = folder / f"{file_stem(name)}.{kind}"
    sample = folder / f"{file_stem(name)}.csv"
    pd.read_csv(folder / "rows.csv")[list(columns)].to_csv(sample, index=False)
    config = folder / f"{file_stem(name)}_{kind}.yaml"
    config.unlink(missing_ok=True)
    began = time.monotonic()
    request = Request(
        pipeline=pipeline,
        sample=sample,
        config=config,
        trust=tuple(get_untrusted_types(file=pipeline)) if kind == "skops" else (),
        trust_pickle=kind == "joblib",
        sklearn=environment.sklearn,
    )
    version, quiet = environment.sklearn, Progress(io.StringIO(), io.StringIO())
    settings = TrainingSettings(latency_budget_s=LATENCY_BUDGET_S)
    try:
        result = adopt(request, settings, quiet, lambda *_: (environment, []))
    except (TrainingError, ExportError, ParityError) as error:
        return Outcome(version, name, kind, False, str(error), time.monotonic() - began)
    words = next(remark for remark in result.remarks if "itself answers" in remark)
    return Outcome(version, name, kind, True, words, time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix and print its table; the exit code is 1 if a member was imported by no version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", nargs="*", default=list(VERSIONS), help="versions of scikit-learn")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=["joblib"], help="kinds of files")
    parser.add_argument("--names", nargs="*", default=[], help="members (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="outcomes; those in it are kept and not tried again")
    given = parser.parse_args(arguments)
    outcomes = _kept(given.json)
    done = {(one.version, one.member, one.kind) for one in outcomes}
    with tempfile.TemporaryDirectory(prefix="tabento-old-versions-") as home:
        os.environ["BENTOML_HOME"] = home
        for version in given.versions:
            folder = Path(home) / version
            wanted = [one for one in members() if not given.names or one[0] in given.names]
            open_cases = [(one, kind) for one in wanted for kind in given.kinds if (version, one[0], kind) not in done]
            if not open_cases:
                continue
            opened = open_environment(version)
            environment = StandingEnvironment(opened.python, opened.sklearn, opened.is_new)
            failed = fit_members(environment, folder, [one[0] for one, _ in open_cases])
            for (name, _, columns, _), kind in open_cases:
                if name in failed:
                    outcome = Outcome(version, name, kind, False, f"{version} cannot fit it", 0.0)
                else:
                    outcome = import_member(environment, name, columns, folder, kind)
                outcomes.append(outcome)
                print(f"{version} {kind} {name}: {outcome.words[:160]} ({outcome.seconds:.1f} s)", file=sys.stderr)
                if given.json:
                    given.json.write_text(json.dumps([vars(one) for one in outcomes], indent=1))
            environment.close()
    print(markdown(outcomes))
    print(summary(outcomes))
    return 0


def _kept(path: Path | None) -> list[Outcome]:
    if path is None or not path.exists():
        return []
    return [Outcome(**one) for one in json.loads(path.read_text())]
